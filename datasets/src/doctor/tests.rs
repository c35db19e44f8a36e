//! One broken tree a kind of fault.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;

use super::*;
use crate::source::config::SourceConfig;
use crate::source::door::Dataset;
use crate::video::write_png;

const SIDE: usize = 16;

/// A picture that no other call with other numbers gives.
fn picture(clip: usize, frame: usize) -> Array3<u8> {
    Array3::from_shape_fn((SIDE, SIDE, 3), |(y, x, c)| {
        (y * 7 + x * 5 + c * 3 + clip * 31 + frame * 2) as u8
    })
}

/// Folders of pictures, `clips` of `frames` each.
fn tree(clips: usize, frames: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for clip in 0..clips {
        write_clip(
            &root.path().join(format!("clip_{clip:02}")),
            frames,
            |frame| picture(clip, frame),
        );
    }
    root
}

fn write_clip(folder: &Path, frames: usize, picture: impl Fn(usize) -> Array3<u8>) {
    fs::create_dir_all(folder).unwrap();
    for frame in 0..frames {
        write_png(
            &folder.join(format!("{frame:04}.png")),
            picture(frame).view(),
        )
        .unwrap();
    }
}

fn doctor(root: &Path) -> Doctor {
    let config = SourceConfig {
        videos: vec![root.to_owned()],
        ..SourceConfig::default()
    };
    Doctor::open(Dataset::Videos, &config).unwrap()
}

fn report(root: &Path) -> Report {
    doctor(root).examine(|| true).unwrap()
}

/// The only fault of a tree: its kind, its clip and its message, which names `file`.
fn only_fault(report: &Report, kind: FaultKind, file: &Path) -> String {
    let [fault] = &report.faults[..] else {
        panic!("{}", report.table());
    };
    assert_eq!(fault.kind, kind, "{}", fault.message);
    assert!(!report.whole);
    assert!(
        fault.message.contains(&file.display().to_string()),
        "{}",
        fault.message
    );
    fault.message.clone()
}

#[test]
fn a_whole_copy_has_no_fault_and_its_measures() {
    let root = tree(3, 5);
    let before = listing(root.path());
    let report = report(root.path());
    assert!(
        report.whole && report.faults.is_empty(),
        "{}",
        report.table()
    );
    let [split] = &report.splits[..] else {
        panic!("{}", report.table())
    };
    assert_eq!(
        (split.split.as_str(), split.clips, split.readable),
        ("all", 3, 3)
    );
    let frames = split.frames.unwrap();
    assert_eq!((frames.min, frames.median, frames.max), (5, 5, 5));
    assert_eq!((split.sizes[0].height, split.sizes[0].width), (SIDE, SIDE));
    assert_eq!(listing(root.path()), before, "nothing is written");
}

fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(listing(&path));
        }
        all.push((path.clone(), fs::metadata(&path).unwrap().len()));
    }
    all.sort();
    all
}

#[test]
fn every_unreadable_picture_is_named() {
    let root = tree(2, 6);
    let broken = ["0001.png", "0004.png"].map(|name| root.path().join("clip_01").join(name));
    for path in &broken {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 40]).unwrap();
    }
    let report = report(root.path());
    let named: Vec<&Fault> = report.faults.iter().collect();
    assert_eq!(named.len(), 2, "{}", report.table());
    for (fault, path) in named.iter().zip(&broken) {
        assert_eq!(fault.kind, FaultKind::Unreadable);
        assert!(fault.message.contains(&path.display().to_string()));
    }
    assert_eq!((report.splits[0].clips, report.splits[0].readable), (2, 1));
}

#[test]
fn a_picture_without_a_header_is_named() {
    let root = tree(2, 3);
    let path = root.path().join("clip_00/0002.png");
    fs::write(&path, "no picture").unwrap();
    only_fault(&report(root.path()), FaultKind::Unreadable, &path);
}

#[test]
fn a_frame_that_is_missing_between_others_is_named() {
    let root = tree(2, 6);
    let path = root.path().join("clip_00/0003.png");
    fs::remove_file(&path).unwrap();
    only_fault(&report(root.path()), FaultKind::MissingFrames, &path);
}

#[test]
fn two_clips_with_the_same_frames_are_both_named() {
    let root = tree(2, 4);
    let copy = root.path().join("clip_02");
    write_clip(&copy, 4, |frame| picture(0, frame));
    let message = only_fault(&report(root.path()), FaultKind::Duplicate, &copy);
    assert!(message.contains("clip_00/0000.png"), "{message}");
}

#[test]
fn a_picture_of_another_size_than_its_clip_is_named() {
    let root = tree(2, 4);
    let path = root.path().join("clip_01/0002.png");
    write_png(&path, Array3::from_elem((SIDE, SIDE + 4, 3), 90).view()).unwrap();
    let message = only_fault(&report(root.path()), FaultKind::FrameSize, &path);
    assert!(
        message.contains("20×16 pixels in a clip of 16×16"),
        "{message}"
    );
}

#[test]
fn black_grey_and_dark_clips_have_a_wrong_colour_range() {
    type Picture = fn(usize) -> Array3<u8>;
    let odd: [(Picture, &str); 3] = [
        (|_| Array3::zeros((SIDE, SIDE, 3)), "all pixels are black"),
        (
            |_| Array3::from_elem((SIDE, SIDE, 3), 128),
            "one colour, 128 128 128",
        ),
        (
            |frame| Array3::from_shape_fn((SIDE, SIDE, 3), |(y, x, _)| ((x + y + frame) % 2) as u8),
            "values of 0..1",
        ),
    ];
    for (picture, said) in odd {
        let root = tree(1, 3);
        let clip = root.path().join("odd");
        write_clip(&clip, 3, picture);
        let message = only_fault(&report(root.path()), FaultKind::ColourRange, &clip);
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn numbers_between_own_videos_are_a_note_and_no_fault() {
    let root = tree(4, 2);
    fs::remove_dir_all(root.path().join("clip_02")).unwrap();
    let report = report(root.path());
    assert!(report.whole, "{}", report.table());
    assert!(report.notes[0].contains("clip_02"), "{:?}", report.notes);
}

#[test]
fn some_clips_are_spread_evenly_and_the_report_says_so() {
    let root = tree(9, 2);
    let doctor = doctor(root.path()).limited_to(3);
    assert_eq!(doctor.clips(), 3);
    let report = doctor.examine(|| true).unwrap();
    let split = &report.splits[0];
    assert_eq!((split.clips, split.examined), (9, 3));
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("3 of 9 clips were examined"))
    );
    let missing = doctor.examine(|| false);
    assert!(missing.is_none(), "it stops when it is told to");
}

#[test]
fn what_has_no_files_or_lies_nowhere_is_refused() {
    let refused = |dataset, config: &SourceConfig| Doctor::open(dataset, config).err().unwrap();
    let config = SourceConfig::default();
    let error = refused(Dataset::Synth, &config);
    assert!(error.to_string().contains("no files to examine"), "{error}");
    refused(Dataset::Clevrer, &config);
    let empty = tempfile::tempdir().unwrap();
    let config = SourceConfig {
        root: Some(empty.path().to_owned()),
        ..config
    };
    refused(Dataset::Clevrer, &config);
}

#[test]
fn the_report_has_stable_keys() {
    let root = tree(2, 2);
    fs::remove_file(root.path().join("clip_00/0000.png")).unwrap();
    fs::write(root.path().join("clip_00/0001.png"), "").unwrap();
    let json = serde_json::to_value(report(root.path())).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(
        keys(&json),
        ["dataset", "faults", "notes", "splits", "whole"]
    );
    assert_eq!(
        keys(&json["faults"][0]),
        ["clip", "kind", "message", "split"]
    );
    assert_eq!(json["faults"][0]["kind"], "unreadable");
    let split = [
        "clips",
        "colours",
        "examined",
        "fps",
        "frames",
        "knows",
        "published",
        "readable",
        "sizes",
        "split",
    ];
    assert_eq!(keys(&json["splits"][0]), split);
    assert_eq!(keys(&json["splits"][0]["frames"]), ["max", "median", "min"]);
    assert_eq!(
        keys(&json["splits"][0]["sizes"][0]),
        ["clips", "height", "width"]
    );
}

#[cfg(feature = "video")]
mod published;
