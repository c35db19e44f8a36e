//! PHYRE: exported frames in miniature.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array3, Array4, arr2, s};
use ndarray_npy::{WriteNpyExt, write_npy};

use super::open;
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::video::write_png;
use crate::window::{Fit, FrameSampling, Window};

const WINDOW: Window = Window {
    start: 0,
    count: Some(2),
    pace: FrameSampling::Stride(1),
    size: [2, 2],
    fit: Fit::Stretch,
};
const NAME: &str = "within-fold_0-val-data_0.1-pos_0.2";

fn npy<A: ndarray_npy::WritableElement, D: ndarray::Dimension>(
    path: PathBuf,
    array: &ndarray::Array<A, D>,
) {
    array.write_npy(File::create(path).unwrap()).unwrap();
}

/// Four actions: an array of colour numbers, pictures, an array in RGB, and one without frames.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let lists = root.path().join("splits/PHYRE");
    let frames = root.path().join("frames").join(NAME);
    fs::create_dir_all(&lists).unwrap();
    fs::create_dir_all(frames.join("000001")).unwrap();
    let actions = arr2(&[
        [0.0, 0.1, 0.2, 0.3],
        [0.0; 4],
        [7.0, 0.5, 0.5, 0.5],
        [9.0; 4],
    ]);
    npy(lists.join(format!("{NAME}.npy")), &actions);
    npy(
        lists.join(format!("{NAME}-label.npy")),
        &Array1::from(vec![1_i32, 0, 1, 0]),
    );
    let mut scene = Array3::<u8>::zeros((3, 2, 2));
    scene[[0, 0, 0]] = 1;
    scene[[1, 1, 1]] = 6;
    npy(frames.join("000000.npy"), &scene);
    for number in 0..2_u8 {
        let picture = Array3::from_elem((2, 2, 3), 40 + number);
        let path = frames.join(format!("000001/{number:06}.png"));
        write_png(&path, picture.view()).unwrap();
    }
    npy(
        frames.join("000002.npy"),
        &Array4::from_elem((1, 2, 2, 3), 77_u8),
    );
    root
}

fn opened(root: &Path) -> Result<Box<dyn Source>, DataError> {
    let config = SourceConfig {
        root: Some(root.to_owned()),
        split: Split::Val,
        ..SourceConfig::default()
    };
    open("phyre", &config)
}

#[test]
fn frames_and_labels_are_joined_by_the_row_of_the_list() {
    let root = tree();
    let source = opened(root.path()).unwrap();
    assert_eq!((source.len(), source.id(2).as_str()), (3, "000002"));
    let solved: Vec<bool> = (0..3)
        .map(|index| source.outcome(index).unwrap().yes)
        .collect();
    assert_eq!(solved, [true, false, true]);
    assert_eq!(source.outcome(2).unwrap().scenario, "task 7");
    assert!(source.knows(GroundTruth::Outcomes));
    assert_eq!(source.unjoined()[0].0, "000003");
    let simulated = source.sample(0, &WINDOW).unwrap().clip;
    assert_eq!((simulated.frames.dim(), simulated.fps), ((2, 2, 2, 3), 1.0));
    // The simulator's first row is the lowest; ground is black and black bodies are white.
    let pixel = |time, row, column| simulated.frames.slice(s![time, row, column, ..]).to_vec();
    assert_eq!(pixel(0, 1, 0), [0xf3, 0x4f, 0x46]);
    assert_eq!(pixel(0, 0, 0), [0, 0, 0]);
    assert_eq!(pixel(1, 0, 1), [255, 255, 255]);
    let pictures = source.sample(1, &WINDOW).unwrap().clip.frames;
    assert_eq!((pictures[[0, 0, 0, 0]], pictures[[1, 1, 1, 2]]), (40, 41));
    assert_eq!(source.files(1).len(), 2);
    let short = source.sample(2, &WINDOW).unwrap().clip.frames;
    assert_eq!((short.dim().0, short[[0, 0, 0, 0]]), (1, 77));
}

#[test]
fn damage_is_named_and_without_labels_there_is_no_outcome() {
    let root = tree();
    let frames = root.path().join("frames").join(NAME);
    npy(
        frames.join("000000.npy"),
        &Array3::from_elem((1, 2, 2), 8_u8),
    );
    fs::remove_file(frames.join("000001/000000.png")).unwrap();
    fs::write(frames.join("000002.npy"), "no array").unwrap();
    let source = opened(root.path()).unwrap();
    for (index, reason, path) in [
        (0, "the colour number 8 of 8", "000000.npy"),
        (1, "frame 0 is missing", "000001.png"),
        (2, "not frames of whole numbers", "000002.npy"),
    ] {
        let said = source.sample(index, &WINDOW).unwrap_err().to_string();
        assert!(said.contains(reason) && said.contains(path), "{said}");
    }
    let label = root
        .path()
        .join("splits/PHYRE")
        .join(format!("{NAME}-label.npy"));
    write_npy(&label, &Array1::from(vec![1_i64, 0])).unwrap();
    let said = opened(root.path()).err().unwrap().to_string();
    assert!(said.starts_with("2 labels of 4 actions"), "{said}");
    fs::remove_file(&label).unwrap();
    let source = opened(root.path()).unwrap();
    assert!(!source.knows(GroundTruth::Outcomes) && source.outcome(0).is_none());
    fs::remove_dir_all(root.path().join("frames")).unwrap();
    let error = opened(root.path()).err().unwrap();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}
