//! Windows that are read one after another are those that are read alone, and are decoded in one pass.

use std::fs;
use std::path::Path;

use ff::format::Pixel;
use ffmpeg_next as ff;

use super::place;
use crate::error::DataError;
use crate::video::decode::pictures::DECODED;
use crate::video::testing::{Recipe, all, scene};
use crate::video::{ConsecutiveWindows, DecodeOptions, Format, Read, read_with, write};
use crate::window::{FrameSampling, Window};

/// Windows of 48 sampled frames from `starts` on.
fn windows(pace: FrameSampling, starts: &[usize]) -> Vec<Window> {
    let window = |start: &usize| Window {
        start: *start,
        count: Some(48),
        pace,
        ..all([16, 24])
    };
    starts.iter().map(window).collect()
}

/// Windows one after another, every one told where the next begins.
fn in_turn(path: &Path, windows: &[Window]) -> Vec<Result<Read, DataError>> {
    let mut reader = ConsecutiveWindows::new(path, DecodeOptions::default());
    let next = |place: usize| windows.get(place + 1).map(|next| next.start);
    let read = |(place, window)| reader.read(window, next(place));
    windows.iter().enumerate().map(read).collect()
}

/// Pictures that are decoded on this thread in `work`.
fn decoded<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = DECODED.get();
    let done = work();
    (done, DECODED.get() - before)
}

fn check_same(path: &Path, windows: &[Window], name: &str) {
    for (window, read) in windows.iter().zip(in_turn(path, windows)) {
        let alone = read_with(path, window, DecodeOptions::default());
        let said = |read: Result<Read, DataError>| read.map_err(|error| error.to_string());
        let (read, alone) = (said(read), said(alone));
        let is_same = read == alone;
        let notes = [&read, &alone].map(|read| {
            let read = read.as_ref();
            read.map(|read| (read.clip.frames.dim().0, read.note.clone()))
        });
        assert!(
            is_same,
            "{name} {:?} {}: {notes:?}",
            window.pace, window.start
        );
    }
}

#[test]
fn windows_one_after_another_are_those_that_are_read_alone() {
    let clip = scene(300, [32, 48]);
    for (name, encoder, options) in [
        ("one.mp4", "libx264", "g=300"),
        ("h264.mp4", "libx264", "g=25:open-gop=1:bframes=5"),
        ("h264.mkv", "libx264", "g=60:bframes=8"),
        ("refresh.mp4", "libx264", "g=25:intra-refresh=1"),
        ("h265.mp4", "libx265", "g=25:bframes=6"),
        ("vp9.webm", "libvpx-vp9", "g=50"),
        ("mpeg4.avi", "mpeg4", "g=25"),
        ("all.mkv", "ffv1", "g=1"),
        ("a.ts", "libx264", "g=50"),
    ] {
        let (_folder, path) = place(name);
        let recipe = Recipe::new(encoder, Pixel::YUV420P, 300).tuned(options);
        if !recipe.write(&path, clip.view()).unwrap() {
            continue;
        }
        // A last window that overlaps, one that ends early, one that is past the end; clips that are left out.
        let every = [0, 48, 96, 144, 192, 240, 252];
        for starts in [&every[..], &[48, 240], &[10, 20, 110, 300], &[96, 96, 48]] {
            check_same(&path, &windows(FrameSampling::Stride(1), starts), name);
            check_same(&path, &windows(FrameSampling::Fps(25.0), starts), name);
        }
        let starts = [0, 48, 52, 70];
        check_same(&path, &windows(FrameSampling::Stride(3), &starts), name);
        check_same(&path, &windows(FrameSampling::Fps(8.0), &starts), name);
        let starts = [0, 48, 300, 348, 610, 672, 690];
        check_same(&path, &windows(FrameSampling::Fps(60.0), &starts), name);
    }
}

#[test]
fn every_picture_is_decoded_once() {
    for (name, options) in [("one.mp4", "g=300"), ("many.mkv", "g=25")] {
        let (_folder, path) = place(name);
        let recipe = Recipe::new("libx264", Pixel::YUV420P, 300).tuned(options);
        if !recipe.write(&path, scene(300, [32, 48]).view()).unwrap() {
            return;
        }
        let starts = [0, 48, 96, 144, 192, 240, 252];
        for pace in [FrameSampling::Stride(1), FrameSampling::Fps(25.0)] {
            let (read, count) = decoded(|| in_turn(&path, &windows(pace, &starts)));
            assert!(read.iter().all(Result::is_ok));
            assert_eq!(count, 300, "{name} {pace:?}");
        }
    }
}

#[test]
fn damage_is_in_the_windows_that_it_is_in_alone() {
    for (name, options) in [
        ("one.mp4", "g=300"),
        ("many.mkv", "g=25"),
        ("a.mp4", "g=60"),
    ] {
        let (_folder, path) = place(name);
        let recipe = Recipe::new("libx264", Pixel::YUV420P, 300).tuned(options);
        if !recipe.write(&path, scene(300, [64, 96]).view()).unwrap() {
            return;
        }
        let whole = fs::read(&path).unwrap();
        let starts = [0, 48, 96, 144, 192, 240, 252];
        let check = |what: &str| {
            for pace in [FrameSampling::Stride(1), FrameSampling::Fps(25.0)] {
                check_same(&path, &windows(pace, &starts), &format!("{name} {what}"));
            }
        };
        for share in [3, 4, 5, 6, 7] {
            let mut bytes = whole.clone();
            let middle = bytes.len() * share / 10;
            bytes[middle..middle + 400].fill(0xA5);
            fs::write(&path, bytes).unwrap();
            check(&format!("damaged at {share} tenths"));
            fs::write(&path, &whole[..middle]).unwrap();
            check(&format!("cut at {share} tenths"));
        }
    }
}

#[test]
fn a_broken_file_fails_every_window_with_its_reason() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(10, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..100]).unwrap();
    check_same(&path, &windows(FrameSampling::Stride(1), &[0, 48]), "cut");
}
