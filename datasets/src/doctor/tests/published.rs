//! Faults of a published layout: CLEVRER as the generator writes it, and then broken.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::*;
use crate::source::clevrer::files::{Annotation, Proposal, read_json, write_json};
use crate::source::config::SourceConfig;
use crate::source::door::Dataset;
use crate::source::split::Split;
use crate::synth::SynthPreset;
use crate::synth::export::layout::Layout;
use crate::synth::questions::Amount;

const SIZE: [usize; 2] = [32, 48];

fn preset() -> SynthPreset {
    SynthPreset {
        rendered_frames: 16,
        simulated_frames: 20,
        ..SynthPreset::synth().unwrap()
    }
}

/// `count` clips of each of the two splits.
fn tree(count: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for split in [Split::Train, Split::Val] {
        let layout = Layout {
            preset: preset(),
            split,
            first: 0,
            count,
            size: SIZE,
            questions: Amount::default(),
        };
        layout.write(root.path(), |_| {}).unwrap();
    }
    root
}

fn report(root: &Path) -> Report {
    let config = SourceConfig {
        root: Some(root.to_owned()),
        ..SourceConfig::default()
    };
    let doctor = Doctor::open(Dataset::Clevrer, &config).unwrap();
    doctor.examine(|| true).unwrap()
}

/// Messages of a kind.
fn said(report: &Report, kind: FaultKind) -> Vec<String> {
    let faults = report.faults.iter().filter(|fault| fault.kind == kind);
    faults.map(|fault| fault.message.clone()).collect()
}

fn find(root: &Path, name: &str) -> PathBuf {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let found = find(&path, name);
            if found.exists() {
                return found;
            }
        } else if path.ends_with(name) {
            return path;
        }
    }
    PathBuf::new()
}

fn edit<T: serde::de::DeserializeOwned + serde::Serialize>(path: &Path, change: impl Fn(&mut T)) {
    let mut content: T = read_json(path).unwrap();
    change(&mut content);
    write_json(path, &content).unwrap();
}

#[test]
fn a_part_of_a_published_data_set_lacks_clips_frames_and_a_split() {
    let root = tree(3);
    fs::remove_file(find(root.path(), "video_00001.mp4")).unwrap();
    let report = report(root.path());
    let missing = said(&report, FaultKind::MissingClips);
    assert!(missing[0].contains("2 of 10000 clips"), "{missing:?}");
    assert!(
        missing[0].contains("not there are video_00001"),
        "{missing:?}"
    );
    // The reader leaves out one of the validation clips.
    assert!(missing[1].contains("4 of 5000 clips"), "{missing:?}");
    let splits = said(&report, FaultKind::MissingSplit);
    assert!(
        splits.len() == 1 && splits[0].contains("test"),
        "{splits:?}"
    );
    let frames = said(&report, FaultKind::FrameCount);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames[0].contains("most clips have 16 frames, published are 128 frames"));
    let unjoined = said(&report, FaultKind::Unjoined);
    assert_eq!(unjoined.len(), 1, "{unjoined:?}");
    assert!(unjoined[0].contains("video_00001: there are questions about it and no video"));
    // A smaller copy is worth knowing.
    assert!(
        report.notes.iter().any(|note| note.contains("48×32")),
        "{:?}",
        report.notes
    );
    assert!(!report.whole);
}

#[test]
fn a_video_that_is_cut_short_is_named_with_the_reason() {
    let root = tree(3);
    let cut = find(root.path(), "video_00002.mp4");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() * 3 / 4]).unwrap();
    let empty = find(root.path(), "video_00000.mp4");
    fs::write(&empty, "").unwrap();
    let report = report(root.path());
    let unreadable = said(&report, FaultKind::Unreadable);
    assert_eq!(unreadable.len(), 1, "{unreadable:?}");
    let empty = format!("the file is empty): `{}", empty.display());
    assert!(unreadable[0].contains(&empty), "{unreadable:?}");
    let damaged = said(&report, FaultKind::Damaged);
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert!(
        damaged[0].contains(&cut.display().to_string()),
        "{damaged:?}"
    );
}

#[test]
fn the_same_video_in_two_splits_is_named_in_both() {
    let root = tree(2);
    let from = find(root.path(), "video_00001.mp4");
    let to = find(root.path(), "video_10000.mp4");
    fs::copy(&from, &to).unwrap();
    let duplicates = said(&report(root.path()), FaultKind::Duplicate);
    assert_eq!(duplicates.len(), 1);
    for path in [&from, &to] {
        assert!(
            duplicates[0].contains(&path.display().to_string()),
            "{duplicates:?}"
        );
    }
    assert!(
        duplicates[0].contains("video_00001 of train"),
        "{duplicates:?}"
    );
}

#[test]
fn annotations_and_questions_that_do_not_join_are_named() {
    let root = tree(3);
    let annotation = find(root.path(), "annotation_00001.json");
    fs::remove_file(&annotation).unwrap();
    let damaged = find(root.path(), "annotation_10001.json");
    fs::write(&damaged, "{}").unwrap();
    let questions = find(root.path(), "train.json");
    edit(&questions, |all: &mut Vec<serde_json::Value>| {
        all.retain(|one| one["scene_index"] != 2);
    });
    let report = report(root.path());
    let unjoined = said(&report, FaultKind::Unjoined);
    assert_eq!(unjoined.len(), 2, "{unjoined:?}");
    assert!(unjoined[0].contains("the clip has no annotation"));
    assert!(unjoined[0].contains("video_00001.mp4"), "{unjoined:?}");
    assert!(unjoined[1].contains("no questions about the clip"));
    assert!(unjoined[1].contains("video_00002.mp4"), "{unjoined:?}");
    let unreadable = said(&report, FaultKind::Unreadable).join("\n");
    assert!(
        unreadable.contains(&damaged.display().to_string()),
        "{unreadable}"
    );
}

#[test]
fn masks_beyond_the_annotation_of_another_size_or_empty_are_named() {
    let root = tree(3);
    edit(
        &find(root.path(), "annotation_00000.json"),
        |annotation: &mut Annotation| annotation.object_property.truncate(1),
    );
    let smaller = find(root.path(), "proposal_00001.json");
    edit(&smaller, |proposal: &mut Proposal| {
        let empty = ndarray::Array2::from_elem((16, 24), true);
        for object in proposal
            .frames
            .iter_mut()
            .flat_map(|frame| &mut frame.objects)
        {
            object.mask = crate::rle::Rle::encode(empty.view());
        }
    });
    let empty = find(root.path(), "proposal_10000.json");
    edit(&empty, |proposal: &mut Proposal| {
        for frame in &mut proposal.frames {
            frame.objects.clear();
        }
    });
    let report = report(root.path());
    let ids = said(&report, FaultKind::MaskIds);
    assert!(
        ids.len() == 1 && ids[0].contains("video_00000.mp4"),
        "{ids:?}"
    );
    assert!(ids[0].contains("the annotation 1 objects"), "{ids:?}");
    let sizes = said(&report, FaultKind::FrameSize);
    assert_eq!(sizes.len(), 1, "{sizes:?}");
    assert!(
        sizes[0].contains("24×16 pixels in a clip of 48×32"),
        "{sizes:?}"
    );
    assert!(
        sizes[0].contains(&smaller.display().to_string()),
        "{sizes:?}"
    );
    let empties = said(&report, FaultKind::EmptyMasks);
    assert!(
        empties.len() == 1 && empties[0].contains("video_10000.mp4"),
        "{empties:?}"
    );
}

#[test]
fn few_clips_that_are_shorter_than_the_others_are_named() {
    let root = tree(4);
    let short = find(root.path(), "video_00003.mp4");
    let frames =
        ndarray::Array4::from_shape_fn((7, 32, 48, 3), |(t, y, x, _)| (t * 20 + y + x) as u8);
    crate::video::write(&short, frames.view(), 25.0, crate::video::Format::Mp4).unwrap();
    let counts = said(&report(root.path()), FaultKind::FrameCount);
    let wanted = "7 frames where 16 frames are expected";
    assert!(
        counts
            .iter()
            .any(|one| one.contains(wanted) && one.contains("video_00003.mp4")),
        "{counts:?}"
    );
}
