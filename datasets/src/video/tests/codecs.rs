use std::fs;

use ff::format::Pixel;
use ffmpeg_next as ff;
use ndarray::s;
use rayon::prelude::*;

use super::place;
use crate::error::DataError;
use crate::video::testing::{Recipe, all, psnr, scene};
use crate::video::{DecodeOptions, Format, probe, read, read_with, write};

#[test]
fn what_is_written_comes_back() {
    for (name, least) in [("a.mp4", 34.0), ("a.webm", 33.0), ("a.gif", 28.0)] {
        let (_folder, path) = place(name);
        let clip = scene(20, [64, 96]);
        write(&path, clip.view(), 25.0, Format::of(&path).unwrap()).unwrap();
        let back = read_with(&path, &all([64, 96]), DecodeOptions::default()).unwrap();
        assert_eq!(back.note, None, "{name}");
        assert_eq!(back.clip.frames.dim(), clip.dim(), "{name}");
        assert!(
            (back.clip.fps - 25.0).abs() < 0.1,
            "{name}: {} fps",
            back.clip.fps
        );
        let quality = psnr(clip.view(), back.clip.frames.view());
        assert!(quality > least, "{name}: {quality:.1} dB");
    }
}

#[test]
fn equal_frames_give_equal_bytes_whatever_else_goes_on() {
    for (name, size) in [
        ("a.mp4", [48, 48]),
        ("a.mp4", [33, 70]),
        ("a.webm", [48, 48]),
        ("a.gif", [48, 48]),
    ] {
        let (folder, path) = place(name);
        let clip = scene(12, size);
        write(&path, clip.view(), 30.0, Format::of(&path).unwrap()).unwrap();
        let bytes = fs::read(&path).unwrap();
        // Memory that was used before shows what an encoder reads and never wrote.
        (0..12_u8).into_par_iter().for_each(|number| {
            drop(
                (1..200)
                    .map(|length| vec![number; length * 97])
                    .collect::<Vec<_>>(),
            );
            let other = folder.path().join(format!("{number}-{name}"));
            write(&other, clip.view(), 30.0, Format::of(&other).unwrap()).unwrap();
            assert!(fs::read(&other).unwrap() == bytes, "{name} {size:?}");
        });
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 13, "{name}: something was left behind");
    }
}

#[test]
fn a_browser_finds_the_index_in_front() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(5, [32, 32]).view(), 12.0, Format::Mp4).unwrap();
    let bytes = fs::read(&path).unwrap();
    let find = |tag: &[u8]| bytes.windows(4).position(|part| part == tag).unwrap();
    assert!(find(b"moov") < find(b"mdat"));
}

#[test]
fn odd_and_tiny_sizes_are_written_and_read() {
    for size in [[1, 1], [1, 7], [33, 17], [2, 2]] {
        for name in ["a.mp4", "a.webm", "a.gif"] {
            let (_folder, path) = place(name);
            let clip = scene(4, size);
            write(&path, clip.view(), 10.0, Format::of(&path).unwrap()).unwrap();
            let info = probe(&path).unwrap();
            let stored = if name == "a.gif" {
                size
            } else {
                size.map(|side| side.next_multiple_of(2))
            };
            assert_eq!([info.height, info.width], stored, "{name}");
            let back = read(&path, &all(stored)).unwrap();
            assert_eq!(back.frames.shape()[0], 4, "{name} {size:?}");
        }
    }
}

#[test]
fn every_codec_at_hand_is_read_in_its_true_colours() {
    let recipes = [
        ("h264.mp4", "libx264", Pixel::YUV420P, 33.0),
        ("h264-10.mkv", "libx264", Pixel::YUV420P10LE, 33.0),
        ("h264-444.mp4", "libx264", Pixel::YUV444P, 33.0),
        ("h265.mp4", "libx265", Pixel::YUV420P, 30.0),
        ("h265-10.mkv", "libx265", Pixel::YUV420P10LE, 30.0),
        ("vp8.webm", "libvpx", Pixel::YUV420P, 28.0),
        ("vp9.webm", "libvpx-vp9", Pixel::YUV420P, 28.0),
        ("av1.mp4", "libaom-av1", Pixel::YUV420P, 28.0),
        ("prores.mov", "prores_ks", Pixel::YUV422P10LE, 33.0),
        ("mpeg4.avi", "mpeg4", Pixel::YUV420P, 26.0),
        ("mjpeg.mkv", "mjpeg", Pixel::YUVJ420P, 30.0),
        ("ffv1.mkv", "ffv1", Pixel::BGRZ, 48.0),
        ("ffv1-16.mkv", "ffv1", Pixel::YUV444P16LE, 40.0),
        ("gif.gif", "gif", Pixel::RGB8, 18.0),
        ("png.mov", "png", Pixel::RGB24, 48.0),
    ];
    let clip = scene(10, [64, 128]);
    let mut tried = 0;
    for (name, encoder, format, least) in recipes {
        let (_folder, path) = place(name);
        let mut recipe = Recipe::new(encoder, format, 10);
        if format == Pixel::YUVJ420P {
            recipe.colours = Some((ff::color::Space::SMPTE170M, true));
        }
        if !recipe.write(&path, clip.view()).unwrap() {
            continue;
        }
        tried += 1;
        let back = read_with(&path, &all([64, 128]), DecodeOptions::default()).unwrap();
        assert_eq!(
            (back.clip.frames.dim(), back.note),
            (clip.dim(), None),
            "{name}"
        );
        let quality = psnr(clip.view(), back.clip.frames.view());
        assert!(quality > least, "{name}: {quality:.1} dB");
    }
    assert!(tried >= 8, "only {tried} encoders");
}

#[test]
fn the_matrix_and_range_that_a_file_names_are_honoured() {
    for (space, full) in [
        (ff::color::Space::BT709, false),
        (ff::color::Space::SMPTE170M, true),
        (ff::color::Space::BT709, true),
    ] {
        let (_folder, path) = place("a.mp4");
        let clip = scene(6, [64, 96]);
        let mut recipe = Recipe::new("libx264", Pixel::YUV444P, 6);
        recipe.colours = Some((space, full));
        assert!(recipe.write(&path, clip.view()).unwrap());
        let quality = psnr(
            clip.view(),
            read(&path, &all([64, 96])).unwrap().frames.view(),
        );
        assert!(
            quality > 36.0,
            "{space:?} full range {full}: {quality:.1} dB"
        );
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let (folder, path) = place("a.mp4");
    let clip = scene(2, [16, 16]);
    assert!(matches!(
        write(&path, clip.slice(s![..0, .., .., ..]), 25.0, Format::Mp4),
        Err(DataError::Encode { .. })
    ));
    assert!(matches!(
        write(&path, clip.view(), 0.0, Format::Mp4),
        Err(DataError::Encode { .. })
    ));
    assert!(matches!(
        write(&path, clip.slice(s![.., ..0, .., ..]), 25.0, Format::Gif),
        Err(DataError::Encode { .. })
    ));
    let nowhere = folder.path().join("no/such/folder.mp4");
    assert!(matches!(
        write(&nowhere, clip.view(), 25.0, Format::Mp4),
        Err(DataError::Io {
            action: "create",
            ..
        })
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
