//! Clocks that begin late or again, headers that lie about lengths, and colours at their own size.

use std::fs;

use ff::format::Pixel;
use ffmpeg_next as ff;
use ndarray::s;

use super::place;
use crate::video::testing::{Recipe, all, psnr, scene};
use crate::video::{DecodeOptions, extent, read, read_with};
use crate::window::{FrameSampling, Window};

/// Frames of a file: more than a clock may go back.
const FRAMES: usize = 30;

/// A file of 30 frames at 25 a second whose first is shown at `first` milliseconds.
fn written(name: &str, first: i64) -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    let (folder, path) = place(name);
    let mut recipe = Recipe::new("libx264", Pixel::YUV420P, FRAMES);
    recipe
        .moments
        .iter_mut()
        .for_each(|moment| *moment += first);
    let is_there = recipe.write(&path, scene(FRAMES, [32, 48]).view()).unwrap();
    is_there.then_some((folder, path))
}

#[test]
fn joined_files_are_read_to_their_end() {
    let Some((_folder, path)) = written("a.ts", 0) else {
        return;
    };
    let one = fs::read(&path).unwrap();
    fs::write(&path, one.repeat(3)).unwrap();
    let found = extent(&path).unwrap();
    assert_eq!(found.frames, 90);
    assert!((found.secs - 3.6).abs() < 0.05, "{found:?}");
    for pace in [FrameSampling::Stride(1), FrameSampling::Fps(25.0)] {
        let window = Window {
            pace,
            ..all([16, 24])
        };
        let clip = read(&path, &window).unwrap();
        assert_eq!(clip.frames.dim().0, 90, "{pace:?}");
        assert_eq!(found.sampled(pace), 90, "{pace:?}");
    }
}

#[test]
fn a_track_that_begins_late_is_as_long_as_its_frames() {
    for name in ["a.mkv", "a.mp4", "a.ts"] {
        let Some((_folder, path)) = written(name, 100_000) else {
            return;
        };
        let found = extent(&path).unwrap();
        assert_eq!(found.frames, 30, "{name}");
        assert!((found.secs - 1.2).abs() < 0.05, "{name}: {found:?}");
        assert_eq!(found.sampled(FrameSampling::Fps(5.0)), 6, "{name}");
    }
}

/// The text of a Matroska tag is overwritten in place by a length that no video has.
#[test]
fn a_length_that_lies_is_not_believed() {
    let Some((_folder, path)) = written("a.mkv", 0) else {
        return;
    };
    let mut bytes = fs::read(&path).unwrap();
    let tag = b"00:00:01.";
    let at = bytes.windows(tag.len()).rposition(|part| part == tag);
    let at = at.expect("a tag of the duration");
    bytes[at..at + 18].copy_from_slice(b"9e99:00:00.0000000");
    fs::write(&path, bytes).unwrap();
    let found = extent(&path).unwrap();
    assert_eq!(
        (found.frames, found.sampled(FrameSampling::Fps(25.0))),
        (30, 30)
    );
    // What is there is whole: the clip is not left out for what its header says.
    let read = read_with(&path, &all([16, 24]), DecodeOptions::default()).unwrap();
    assert_eq!((read.clip.frames.dim().0, read.note), (30, None));
}

#[test]
fn colours_at_their_own_size_are_interpolated() {
    let (_folder, path) = place("a.mkv");
    let clip = scene(3, [64, 96]);
    let recipe = Recipe::new("ffv1", Pixel::YUV420P, 3);
    if !recipe.write(&path, clip.view()).unwrap() {
        return;
    }
    let back = read_with(&path, &all([64, 96]), DecodeOptions::default()).unwrap();
    let quality = psnr(clip.view(), back.clip.frames.view());
    assert!(quality > 45.0, "{quality:.1} dB");
}

#[test]
fn a_stamp_days_later_asks_for_no_more_frames() {
    let (_folder, path) = place("a.mkv");
    let mut recipe = Recipe::new("libx264", Pixel::YUV420P, FRAMES);
    // 28 hours: 2.5 million frames of the twentieth picture.
    let late = recipe.moments.iter_mut().skip(20);
    late.for_each(|moment| *moment += 100_000_000);
    if !recipe.write(&path, scene(FRAMES, [32, 48]).view()).unwrap() {
        return;
    }
    let found = extent(&path).unwrap();
    assert!((found.secs - 1.2).abs() < 0.1, "{found:?}");
    let window = Window {
        pace: FrameSampling::Fps(25.0),
        ..all([16, 24])
    };
    let time = read(&path, &window).unwrap().frames.dim().0;
    assert!((29..=32).contains(&time), "{time} frames");
}

#[test]
fn a_window_that_starts_after_more_than_an_hour_is_found() {
    let (_folder, path) = place("a.mkv");
    // A frame in two minutes, three hours of them.
    let mut recipe = Recipe::new("libx264", Pixel::YUV420P, 90).tuned("g=10");
    let moments = recipe.moments.iter_mut();
    moments.for_each(|moment| *moment *= 3000);
    if !recipe.write(&path, scene(90, [32, 48]).view()).unwrap() {
        return;
    }
    let window = |start, count| Window {
        start,
        count: Some(count),
        pace: FrameSampling::Fps(1.0 / 60.0),
        ..all([16, 24])
    };
    let read = |window| read_with(&path, &window, DecodeOptions::default()).unwrap();
    let (whole, late) = (read(window(0, 170)), read(window(140, 30)));
    let end = whole.clip.frames.slice(s![140.., .., .., ..]);
    assert_eq!(late.clip.frames, end);
}
