//! Files made here, read back.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use ff::format::Pixel;
use ffmpeg_next as ff;
use ndarray::{Array4, Axis, s};
use tempfile::TempDir;

use super::testing::{Recipe, all, psnr, scene};
use super::{Decode, Format, frames, probe, read, read_with, write};
use crate::error::DataError;
use crate::window::{Fit, Pace, Window};

/// A folder that goes away and a path in it.
fn place(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// A clip whose frame number is its brightness: frame `n` is grey `8 * n`.
fn counted(time: usize, size: [usize; 2]) -> Array4<u8> {
    Array4::from_shape_fn((time, size[0], size[1], 3), |(t, ..)| (8 * t) as u8)
}

/// The numbers of the frames of a [`counted`] clip.
fn numbers(frames: &Array4<u8>) -> Vec<usize> {
    frames
        .outer_iter()
        .map(|frame| (frame.mapv(f64::from).mean().unwrap() / 8.0).round() as usize)
        .collect()
}

fn video_error(path: &Path) -> String {
    match read(path, &all([8, 8])) {
        Err(error @ DataError::Video { .. }) => error.to_string(),
        other => panic!("expected an unreadable video, got {other:?}"),
    }
}

#[test]
fn what_is_written_comes_back() {
    for (name, least) in [("a.mp4", 34.0), ("a.webm", 33.0), ("a.gif", 28.0)] {
        let (_folder, path) = place(name);
        let clip = scene(20, [64, 96]);
        write(&path, clip.view(), 25.0, Format::of(&path).unwrap()).unwrap();
        let back = read_with(&path, &all([64, 96]), Decode::default()).unwrap();
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
fn equal_frames_give_equal_bytes() {
    for name in ["a.mp4", "a.webm", "a.gif"] {
        let (folder, path) = place(name);
        let other = folder.path().join(format!("other-{name}"));
        let clip = scene(12, [48, 48]);
        for path in [&path, &other] {
            write(path, clip.view(), 30.0, Format::of(path).unwrap()).unwrap();
        }
        assert_eq!(
            fs::read(&path).unwrap(),
            fs::read(&other).unwrap(),
            "{name}"
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "{name}: something was left behind"
        );
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
    let clip = scene(10, [64, 96]);
    let mut tried = 0;
    for (name, encoder, format, least) in recipes {
        let (_folder, path) = place(name);
        let mut recipe = Recipe::new(encoder, format, 10);
        if encoder == "libaom-av1" {
            recipe.options = &[("cpu-used", "8"), ("crf", "20")];
        }
        if format == Pixel::YUVJ420P {
            recipe.colours = Some((ff::color::Space::SMPTE170M, true));
        }
        if !recipe.write(&path, clip.view()).unwrap() {
            continue;
        }
        tried += 1;
        let back = read_with(&path, &all([64, 96]), Decode::default()).unwrap();
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
fn start_stride_and_count_are_counted_in_frames() {
    let (_folder, path) = place("a.mp4");
    write(&path, counted(30, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let take = |start, count, stride| {
        let window = Window {
            start,
            count,
            pace: Pace::Stride(stride),
            ..all([16, 16])
        };
        numbers(&read(&path, &window).unwrap().frames)
    };
    assert_eq!(take(0, None, 1), (0..30).collect::<Vec<_>>());
    assert_eq!(take(2, Some(4), 3), [6, 9, 12, 15]);
    assert_eq!(take(9, Some(8), 3), [27]);
    let late = Window {
        start: 10,
        pace: Pace::Stride(3),
        ..all([16, 16])
    };
    assert!(matches!(
        read(&path, &late),
        Err(DataError::NoFrames { .. })
    ));
}

#[test]
fn a_rate_is_counted_in_seconds() {
    let (_folder, path) = place("a.mp4");
    write(&path, counted(30, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let take = |start, count, fps| {
        let window = Window {
            start,
            count,
            pace: Pace::Fps(fps),
            ..all([16, 16])
        };
        let clip = read(&path, &window).unwrap();
        assert!((clip.fps - fps).abs() < 1e-6);
        numbers(&clip.frames)
    };
    assert_eq!(take(0, None, 25.0), (0..30).collect::<Vec<_>>());
    assert_eq!(
        take(0, None, 12.5),
        (0..15).map(|n| 2 * n).collect::<Vec<_>>()
    );
    assert_eq!(take(0, Some(6), 50.0), [0, 0, 1, 1, 2, 2]);
    assert_eq!(take(3, Some(2), 10.0), [7, 10]);
}

#[test]
fn a_variable_rate_is_read_by_the_clock() {
    for name in ["a.mp4", "a.mkv"] {
        let (_folder, path) = place(name);
        let mut recipe = Recipe::new("libx264", Pixel::YUV420P, 5);
        recipe.moments = vec![0, 100, 130, 500, 620];
        assert!(
            recipe.write(&path, counted(5, [32, 32]).view()).unwrap(),
            "{name}"
        );
        let window = Window {
            pace: Pace::Fps(10.0),
            count: Some(7),
            ..all([16, 16])
        };
        assert_eq!(
            numbers(&read(&path, &window).unwrap().frames)[..6],
            [0, 1, 2, 2, 2, 3],
            "{name}"
        );
        assert_eq!(
            numbers(&read(&path, &all([16, 16])).unwrap().frames),
            [0, 1, 2, 3, 4],
            "{name}"
        );
    }
}

#[test]
fn a_phone_held_upright_is_read_upright() {
    let (_folder, path) = place("a.mp4");
    let clip = scene(3, [32, 64]);
    write(&path, clip.view(), 25.0, Format::Mp4).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The matrix of the track header: a quarter turn clockwise.
    let header = bytes.windows(4).position(|part| part == b"tkhd").unwrap() + 44;
    let matrix: [i32; 9] = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30];
    for (number, value) in matrix.iter().enumerate() {
        bytes[header + 4 * number..][..4].copy_from_slice(&value.to_be_bytes());
    }
    fs::write(&path, bytes).unwrap();

    let info = probe(&path).unwrap();
    assert_eq!((info.width, info.height), (32, 64));
    let mut turned = clip;
    turned.swap_axes(1, 2);
    turned.invert_axis(Axis(2));
    let back = read(&path, &all([64, 32])).unwrap();
    assert!(psnr(turned.view(), back.frames.view()) > 33.0);
    // The crop looks at the middle of what is shown.
    let square = read(
        &path,
        &Window {
            fit: Fit::Crop,
            ..all([32, 32])
        },
    )
    .unwrap();
    assert!(psnr(turned.slice(s![.., 16..48, .., ..]), square.frames.view()) > 33.0);
}

#[test]
fn a_crop_looks_at_the_middle_and_a_pad_leaves_bars() {
    let (_folder, path) = place("a.mp4");
    let clip = scene(2, [40, 80]);
    write(&path, clip.view(), 25.0, Format::Mp4).unwrap();
    let square = read(
        &path,
        &Window {
            fit: Fit::Crop,
            ..all([40, 40])
        },
    )
    .unwrap();
    assert!(psnr(clip.slice(s![.., .., 20..60, ..]), square.frames.view()) > 33.0);
    let padded = read(
        &path,
        &Window {
            fit: Fit::Pad,
            ..all([80, 80])
        },
    )
    .unwrap()
    .frames;
    assert!(psnr(clip.view(), padded.slice(s![.., 20..60, .., ..])) > 33.0);
    assert!(
        padded
            .slice(s![.., ..20, .., ..])
            .iter()
            .chain(padded.slice(s![.., 60.., .., ..]))
            .all(|value| *value == 0)
    );
}

#[test]
fn threads_do_not_change_the_frames() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(40, [96, 96]).view(), 25.0, Format::Mp4).unwrap();
    let window = all([32, 32]);
    let one = read_with(&path, &window, Decode { threads: 1 }).unwrap();
    assert_eq!(
        one,
        read_with(&path, &window, Decode { threads: 4 }).unwrap()
    );
}

#[test]
fn frames_one_at_a_time_are_the_frames_of_the_clip() {
    let (_folder, path) = place("a.webm");
    write(&path, scene(15, [32, 32]).view(), 25.0, Format::WebM).unwrap();
    let clip = read(&path, &all([16, 16])).unwrap();
    let mut stream = frames(&path, &all([16, 16]), Decode::default()).unwrap();
    for frame in clip.frames.outer_iter() {
        assert_eq!(stream.next().unwrap().unwrap(), frame);
    }
    assert!(stream.next().is_none() && stream.next().is_none());
}

#[test]
fn a_file_that_ends_early_is_read_as_far_as_it_goes_and_says_so() {
    for name in ["a.mp4", "a.webm"] {
        let (_folder, path) = place(name);
        write(
            &path,
            scene(100, [64, 64]).view(),
            25.0,
            Format::of(&path).unwrap(),
        )
        .unwrap();
        let whole = read(&path, &all([64, 64])).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let cut = read_with(&path, &all([64, 64]), Decode::default()).unwrap();
        let time = cut.clip.frames.shape()[0];
        assert!((5..95).contains(&time), "{name}: {time} frames");
        assert_eq!(
            cut.clip.frames.slice(s![..5, .., .., ..]),
            whole.frames.slice(s![..5, .., .., ..]),
            "{name}"
        );
        let note = cut.note.unwrap();
        assert!(note.contains("ends early"), "{name}: {note}");
        // Who stops before the cut has nothing to complain of.
        let window = Window {
            count: Some(5),
            ..all([64, 64])
        };
        assert_eq!(
            read_with(&path, &window, Decode::default()).unwrap().note,
            None,
            "{name}"
        );
    }
}

#[test]
fn damage_in_the_middle_is_passed_over() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(60, [64, 64]).view(), 25.0, Format::Mp4).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() * 2 / 3;
    bytes[middle..middle + 400].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let read = read_with(&path, &all([64, 64]), Decode::default()).unwrap();
    assert!(
        read.clip.frames.shape()[0] >= 30,
        "{:?} {:?}",
        read.clip.frames.dim(),
        read.note
    );
}

#[test]
fn what_is_no_video_gets_one_clear_error() {
    let (folder, path) = place("a.mp4");
    fs::write(&path, "").unwrap();
    assert!(video_error(&path).contains("the file is empty"));
    for text in [
        "Dear video, …\n".repeat(500),
        "ffconcat version 1.0\nfile 'b.mp4'\n".to_owned(),
    ] {
        fs::write(&path, text).unwrap();
        assert!(video_error(&path).contains("a.mp4"));
    }
    let text = folder.path().join("notes.txt");
    fs::write(&text, "A text file, not a video.\n".repeat(100)).unwrap();
    assert!(video_error(&text).contains("notes.txt"));
    assert!(video_error(folder.path()).contains("it is a folder"));
    let missing = read(&folder.path().join("no.mp4"), &all([8, 8]));
    assert!(matches!(missing, Err(DataError::Io { action: "read", .. })));
}

#[test]
fn a_file_with_sound_only_is_refused() {
    let (_folder, path) = place("a.wav");
    let mut wav = b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\x10\0\0".to_vec();
    wav.resize(44 + 4096, 0x80);
    fs::write(&path, wav).unwrap();
    assert!(video_error(&path).contains("no moving picture"));
}

#[test]
fn a_cut_header_is_refused() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(10, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..100]).unwrap();
    video_error(&path);
}

#[test]
fn a_giant_frame_is_refused_by_its_header() {
    let (_folder, path) = place("a.gif");
    let side = 20_000_u16.to_le_bytes();
    let mut gif = b"GIF89a".to_vec();
    gif.extend([
        side[0], side[1], side[0], side[1], 0x80, 0, 0, 0, 0, 0, 255, 255, 255,
    ]);
    gif.extend([
        0x2C, 0, 0, 0, 0, side[0], side[1], side[0], side[1], 0, 2, 2, 0x44, 0x01, 0, 0x3B,
    ]);
    fs::write(&path, gif).unwrap();
    match read(&path, &all([8, 8])) {
        Err(DataError::TooLarge {
            width: 20_000,
            height: 20_000,
            ..
        }) => {}
        other => panic!("{other:?}"),
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
