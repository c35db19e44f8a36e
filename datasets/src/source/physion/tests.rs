//! Physion: trees with empty videos, which are not opened.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Part, PhysionSource, open, part_to_train_on};
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::window::{Fit, FrameSampling, Window};

fn write_video(root: &Path, part: Part, scenario: &str, name: &str) {
    let path = part.video(root, scenario, name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "no video").unwrap();
}

fn tree(labels: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (scenario, name) in [("Drop", "a_01"), ("Drop", "a_02"), ("Roll", "b_01")] {
        write_video(root.path(), Part::Test, scenario, name);
    }
    fs::write(root.path().join("PhysionTestMP4s/labels.csv"), labels).unwrap();
    root
}

fn names(source: &dyn Source) -> Vec<String> {
    (0..source.len())
        .map(|index| source.id(index).to_string())
        .collect()
}

#[test]
fn labels_join_videos_whatever_the_rendering_is_called() {
    let root = tree(",ground truth outcome\na_01-redyellow_img,True\nb_01,False\nc_09,True\n");
    let source = PhysionSource::open(root.path(), Part::Test).unwrap();
    let outcomes: Vec<_> = (0..source.len())
        .map(|index| source.outcome(index).unwrap())
        .map(|outcome| (outcome.scenario, outcome.yes))
        .collect();
    assert_eq!(
        outcomes,
        [("Drop".to_owned(), true), ("Roll".to_owned(), false)]
    );
    assert_eq!(source.unlabelled(), ["a_02"]);
    assert_eq!(source.without_video(), ["c_09"]);
}

#[test]
fn an_edited_label_is_another_truth_of_its_clip_alone() {
    let truths = |labels: &str| {
        let root = tree(labels);
        let source = PhysionSource::open(root.path(), Part::Test).unwrap();
        [0, 1].map(|index| source.truth_identity(index))
    };
    let [one, other] = truths(",label\na_01,True\nb_01,False\n");
    assert_eq!(
        truths(",label\nb_01,False\na_01,True\n"),
        [one.clone(), other.clone()]
    );
    let flipped = truths(",label\na_01,True\nb_01,True\n");
    assert!(flipped[0] == one && flipped[1] != other);
}

#[test]
fn labels_that_do_not_join_or_say_something_else_are_refused() {
    for (labels, reason) in [
        (",label\nz,True\n", "none of 1 labels names one of 3 videos"),
        (",label\na_01,maybe\n", "neither True nor False"),
        (",colour\na_01,True\n", "no column is called"),
        (
            ",label\na_01,True\na_01_img,False\n",
            "two labels that differ",
        ),
    ] {
        let root = tree(labels);
        let error = PhysionSource::open(root.path(), Part::Test).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    let error = PhysionSource::open(empty.path(), Part::Readout).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

/// Four training and two readout clips.
fn train_tree() -> tempfile::TempDir {
    let root = tree(",label\na_01,True\na_02,True\nb_01,False\n");
    for (part, scenario, name) in [
        (Part::Training, "Drop", "t_01"),
        (Part::Training, "Drop", "t_02"),
        (Part::Training, "Roll", "t_03"),
        (Part::Training, "Roll", "t_04"),
        (Part::Readout, "Drop", "r_01"),
        (Part::Readout, "Roll", "r_02"),
    ] {
        write_video(root.path(), part, scenario, name);
    }
    let labels = root.path().join("PhysionTrainMP4s/readout_labels.csv");
    fs::write(labels, ",ground truth outcome\nr_01,True\nr_02,False\n").unwrap();
    root
}

fn opened(root: &Path, physion_part: Option<Part>, split: Split) -> Box<dyn Source> {
    let config = SourceConfig {
        root: Some(root.to_owned()),
        split,
        physion_part,
        ..SourceConfig::default()
    };
    open("physion", &config).unwrap()
}

#[test]
fn the_shipped_lists_decide_which_clips_are_for_training() {
    let root = train_tree();
    let folder = root.path().join("splits/Physion");
    fs::create_dir_all(&folder).unwrap();
    let path = |scenario: &str, name: &str| {
        format!("PhysionTrainMP4s/{scenario}_training_MP4s/{name}_img.mp4")
    };
    let train = json!({"Roll": [path("Roll", "t_03")], "Drop": [path("Drop", "t_01"), path("Drop", "t_99")]});
    fs::write(folder.join("training_train.json"), train.to_string()).unwrap();
    let config = SourceConfig {
        root: Some(root.path().to_owned()),
        split: Split::Train,
        physion_part: Some(Part::Training),
        ..SourceConfig::default()
    };
    let said = open("physion", &config).err().unwrap().to_string();
    assert!(said.contains("no list `training_val.json`"), "{said}");
    let val = json!({"Drop": [path("Drop", "t_02")]});
    fs::write(folder.join("training_val.json"), val.to_string()).unwrap();
    let source = opened(root.path(), Some(Part::Training), Split::Train);
    assert_eq!(names(&*source), ["t_01", "t_03"]);
    assert!(source.outcome(0).is_none() && !source.knows(GroundTruth::Outcomes));
    let (name, reason) = &source.unjoined()[0];
    assert!(
        name == "t_99" && reason.contains("the split's list"),
        "{reason}"
    );
    let source = opened(root.path(), Some(Part::Training), Split::Val);
    assert_eq!(names(&*source), ["t_02"]);
    fs::write(folder.join("training_val.json"), "[]").unwrap();
    let config = SourceConfig {
        split: Split::Val,
        ..config
    };
    let said = open("physion", &config).err().unwrap().to_string();
    assert!(
        said.contains("not a table") && said.contains("training_val.json"),
        "{said}"
    );
}

#[test]
fn without_a_part_readout_clips_serve_both_and_without_lists_names_decide() {
    let root = train_tree();
    for split in [Split::Train, Split::Val] {
        let source = opened(root.path(), None, split);
        assert_eq!(names(&*source), ["r_01", "r_02"]);
        assert!(source.knows(GroundTruth::Outcomes));
    }
    for part in [None, Some(Part::Training), Some(Part::Readout)] {
        let source = opened(root.path(), part, Split::Test);
        assert_eq!(names(&*source), ["a_01", "a_02", "b_01"]);
    }
    assert_eq!(part_to_train_on(root.path()), Part::Training);
    assert_eq!(part_to_train_on(&root.path().join("none")), Part::Readout);
    let train = opened(root.path(), Some(Part::Training), Split::Train);
    let all = ["t_01", "t_02", "t_03", "t_04"];
    assert!(names(&*train).iter().all(|name| all.contains(&&**name)));
    assert!(!train.is_empty());
}

#[test]
fn frames_beside_the_videos_are_read_where_asked_or_where_there_is_no_video() {
    let root = tree(",label\na_01,True\nb_01,False\nc_01,True\n");
    for (scenario, name) in [("Drop", "a_01"), ("Roll", "c_01")] {
        let folder = Part::Test
            .video(root.path(), scenario, name)
            .with_extension("");
        fs::create_dir_all(&folder).unwrap();
        for number in 0..6_u8 {
            let path = folder.join(format!("{number:06}.jpg"));
            let encoder = jpeg_encoder::Encoder::new_file(path, 95).unwrap();
            let pixels = [number * 40; 768];
            encoder
                .encode(&pixels, 16, 16, jpeg_encoder::ColorType::Rgb)
                .unwrap();
        }
    }
    let opened = |frame_folders| {
        let config = SourceConfig {
            root: Some(root.path().to_owned()),
            split: Split::Test,
            frame_folders,
            ..SourceConfig::default()
        };
        open("physion", &config).unwrap()
    };
    let window = Window {
        start: 1,
        count: None,
        pace: FrameSampling::Fps(15.0),
        size: [8, 8],
        fit: Fit::Crop,
    };
    for (frame_folders, from_frames) in [(false, [false, false, true]), (true, [true, false, true])]
    {
        let source = opened(frame_folders);
        assert_eq!(names(&*source), ["a_01", "b_01", "c_01"]);
        for (index, expected) in from_frames.into_iter().enumerate() {
            assert_eq!(source.pixel_decoder(index).is_some(), expected);
            assert_eq!(source.files(index).len(), if expected { 6 } else { 1 });
        }
        let sample = source.sample(2, &window).unwrap();
        let seen: Vec<u8> = sample
            .clip
            .frames
            .outer_iter()
            .map(|frame| frame[[4, 4, 0]])
            .collect();
        assert_eq!((sample.clip.fps, seen), (15.0, vec![80, 160]));
        assert_eq!(source.outcome(2).unwrap().scenario, "Roll");
    }
}
