#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;

use ff::format::Pixel;
use ffmpeg_next as ff;
use ndarray::{Array4, Axis, s};

use super::place;
use crate::error::DataError;
use crate::video::testing::{Recipe, all, psnr, scene};
use crate::video::{DecodeOptions, Format, frames, probe, read, read_with, write};
use crate::window::{Fit, FrameSampling, Window};

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

#[test]
fn start_stride_and_count_are_counted_in_frames() {
    let (_folder, path) = place("a.mp4");
    write(&path, counted(30, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let take = |start, count, stride| {
        let window = Window {
            start,
            count,
            pace: FrameSampling::Stride(stride),
            ..all([16, 16])
        };
        numbers(&read(&path, &window).unwrap().frames)
    };
    assert_eq!(take(0, None, 1), (0..30).collect::<Vec<_>>());
    assert_eq!(take(2, Some(4), 3), [6, 9, 12, 15]);
    assert_eq!(take(9, Some(8), 3), [27]);
    let late = Window {
        start: 10,
        pace: FrameSampling::Stride(3),
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
            pace: FrameSampling::Fps(fps),
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
            pace: FrameSampling::Fps(10.0),
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
fn a_late_start_gives_the_frames_that_decoding_from_the_first_one_gives() {
    let clip = scene(300, [64, 128]);
    for (name, encoder, options) in [
        ("h264.mp4", "libx264", "g=25:open-gop=1:bframes=5"),
        ("h264.mkv", "libx264", "g=60:bframes=8"),
        ("h265.mp4", "libx265", "g=25:bframes=6"),
        ("refresh.mp4", "libx264", "g=25:intra-refresh=1"),
        ("mpeg4.avi", "mpeg4", "g=25"),
    ] {
        let (_folder, path) = place(name);
        let recipe = Recipe::new(encoder, Pixel::YUV420P, 300).tuned(options);
        if !recipe.write(&path, clip.view()).unwrap() {
            continue;
        }
        let window = at_rate(10.0, all([16, 32]));
        let whole = read(&path, &window).unwrap().frames;
        assert_eq!(whole.dim().0, 120, "{name}");
        for start in [39, 45, 61, 77, 93, 119] {
            let part = Window {
                start,
                count: Some(4),
                ..window
            };
            let late = read_with(&path, &part, DecodeOptions::default()).unwrap();
            let end = (start + 4).min(120);
            let same = late.clip.frames == whole.slice(s![start..end, .., .., ..]);
            assert!(same, "{name} from {start}");
            assert_eq!(late.note, None, "{name} from {start}");
        }
        let past = read(
            &path,
            &Window {
                start: 130,
                ..window
            },
        );
        assert!(matches!(past, Err(DataError::NoFrames { .. })), "{name}");
    }
}

/// A window by the clock.
fn at_rate(fps: f32, window: Window) -> Window {
    Window {
        pace: FrameSampling::Fps(fps),
        ..window
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
    let one = read_with(&path, &window, DecodeOptions { threads: 1 }).unwrap();
    assert_eq!(
        one,
        read_with(&path, &window, DecodeOptions { threads: 4 }).unwrap()
    );
}

#[test]
fn frames_one_at_a_time_are_the_frames_of_the_clip() {
    let (_folder, path) = place("a.webm");
    write(&path, scene(15, [32, 32]).view(), 25.0, Format::WebM).unwrap();
    let clip = read(&path, &all([16, 16])).unwrap();
    let mut stream = frames(&path, &all([16, 16]), DecodeOptions::default()).unwrap();
    for frame in clip.frames.outer_iter() {
        assert_eq!(stream.next().unwrap().unwrap(), frame);
    }
    assert!(stream.next().is_none() && stream.next().is_none());
}
