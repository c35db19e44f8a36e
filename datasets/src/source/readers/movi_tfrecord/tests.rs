//! MOVi: TFRecords written as TensorFlow Datasets writes them.

use std::fs;
use std::path::{Path, PathBuf};

use super::open;
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::tfrecord::{Example, append};
use crate::window::{Fit, FrameSampling, Window};

const WINDOW: Window = Window {
    start: 1,
    count: Some(2),
    pace: FrameSampling::Stride(2),
    size: [4, 4],
    fit: Fit::Crop,
};

fn png(color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(color);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A clip of six frames; frame `t` is all `10 t + clip` and its mask has the id `t` on the left.
fn example(clip: u8) -> Example {
    let frame = |t: u8| png(png::ColorType::Rgb, &[10 * t + clip; 192]);
    let mask = |t: u8| {
        let ids: Vec<u8> = (0..64).map(|at| if at % 8 < 4 { t } else { 0 }).collect();
        png(png::ColorType::Grayscale, &ids)
    };
    Example::default()
        .with_bytes("video", (0..6).map(frame).collect())
        .with_bytes("segmentations", (0..6).map(mask).collect())
        .with_integers("metadata/num_frames", vec![6])
        .with_bytes("metadata/video_name", vec![format!("{clip}").into_bytes()])
}

fn tree(shards: &[(&str, Vec<Vec<u8>>)]) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("movi_e/128x128/1.0.0");
    fs::create_dir_all(&folder).unwrap();
    for (name, records) in shards {
        let mut bytes = Vec::new();
        for record in records {
            append(&mut bytes, record).unwrap();
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
    (root, folder)
}

fn train(root: &Path) -> Result<Box<dyn Source>, DataError> {
    let config = SourceConfig {
        root: Some(root.to_owned()),
        split: Split::Train,
        ..SourceConfig::default()
    };
    open("movi-e", &config)
}

fn two_shards() -> (tempfile::TempDir, PathBuf) {
    let records = |clips: &[u8]| clips.iter().map(|clip| example(*clip).encode()).collect();
    tree(&[
        ("movi_e-train.tfrecord-00000-of-00003", records(&[0, 1])),
        ("movi_e-train.tfrecord-00002-of-00003", records(&[2])),
        ("movi_e-validation.tfrecord-00000-of-00001", records(&[3])),
    ])
}

#[test]
fn clips_are_read_from_their_shards_as_they_were_written() {
    let (root, folder) = two_shards();
    fs::write(
        folder.join("dataset_info.json"),
        r#"{"name": "movi_e", "splits": [{"name": "train", "numBytes": "9", "shardLengths": ["2", "1", "4"]}]}"#,
    )
    .unwrap();
    for root in [root.path(), &root.path().join("movi_e"), &folder] {
        let source = train(root).unwrap();
        let ids: Vec<String> = (0..source.len())
            .map(|i| source.id(i).to_string())
            .collect();
        let first = "movi_e-train.tfrecord-00000-of-00003";
        let last = "movi_e-train.tfrecord-00002-of-00003__0";
        assert_eq!(ids, [&format!("{first}__0"), &format!("{first}__1"), last]);
        let sample = source.sample(2, &WINDOW).unwrap();
        assert_eq!(sample.clip.frames.dim(), (2, 4, 4, 3));
        assert_eq!(sample.clip.fps, 6.0);
        let seen = |t| sample.clip.frames[[t, 0, 0, 0]];
        assert_eq!([seen(0), seen(1)], [22, 42]);
        let masks = sample.masks.as_ref().unwrap();
        assert_eq!(
            [masks[[0, 0, 0]], masks[[0, 0, 3]], masks[[1, 3, 1]]],
            [2, 0, 4]
        );
        assert!(source.knows(GroundTruth::Masks) && !source.knows(GroundTruth::Events));
        assert_eq!(source.files(0), [folder.join(first)]);
        let header = source.header(2).unwrap();
        assert_eq!((header.size, header.frames), (Some([8, 8]), Some(6)));
        assert_ne!(source.identity(0).unwrap(), source.identity(1).unwrap());
        let missing = (
            "movi_e-train.tfrecord-00001-of-00003",
            "the shard is missing",
        );
        let short = (
            "movi_e-train.tfrecord-00002-of-00003",
            "it has 1 records of 4",
        );
        let named = source.unjoined();
        let named: Vec<_> = named.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(named, [missing, short]);
    }
}

#[test]
fn a_damaged_record_is_one_clip_and_the_others_stay() {
    let (root, folder) = two_shards();
    let path = folder.join("movi_e-train.tfrecord-00000-of-00003");
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let source = train(root.path()).unwrap();
    assert_eq!(source.len(), 3);
    for (index, reason) in [(0, "record 0: its bytes do not"), (1, "record 1: it takes")] {
        let said = source.sample(index, &WINDOW).unwrap_err().to_string();
        assert!(
            said.starts_with(reason) && said.contains("00000-of-00003"),
            "{said}"
        );
    }
    assert!(source.sample(2, &WINDOW).is_ok());
    fs::remove_file(folder.join("movi_e-train.tfrecord-00002-of-00003")).unwrap();
    let said = train(root.path()).err().unwrap().to_string();
    assert!(said.starts_with("record 0: its bytes"), "{said}");
}

#[test]
fn a_record_of_another_schema_and_too_few_masks_are_named() {
    let few = example(0).with_bytes("segmentations", vec![Vec::new()]);
    let broken = example(0).with_bytes("video", vec![b"no picture".to_vec(); 6]);
    let other = Example::default().with_integers("label", vec![1]);
    let records = [few, broken, other]
        .map(|example| example.encode())
        .to_vec();
    let (root, _) = tree(&[("movi_e-train.tfrecord-00000-of-00001", records)]);
    let source = train(root.path()).unwrap();
    for (index, reason) in [
        (0, "record 0: 1 segmentations of 6 frames"),
        (1, "record 1, frame 2: not a readable PNG"),
        (2, "record 2: there is no feature `video`; there are label"),
    ] {
        let said = source.sample(index, &WINDOW).unwrap_err().to_string();
        assert!(said.starts_with(reason), "{said}");
    }
}

#[test]
fn an_empty_split_and_no_root_are_refused() {
    let (root, _) = two_shards();
    let config = SourceConfig {
        root: Some(root.path().to_owned()),
        split: Split::Test,
        ..SourceConfig::default()
    };
    let error = open("movi-e", &config).err().unwrap();
    assert!(
        error.to_string().contains("movi_e-test.tfrecord"),
        "{error}"
    );
    let error = open("movi-d", &config).err().unwrap();
    assert!(
        error.to_string().contains("movi_d/128x128/1.0.0"),
        "{error}"
    );
}
