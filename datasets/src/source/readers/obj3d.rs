//! OBJ3D on disk.
//!
//! ```text
//! {train,val,test}/NAME/test_1.png, test_2.png, …      `validation` for `val`; JPEG for PNG
//! ```
//!
//! # Source
//! SlotFormer `base_slots/datasets/obj3d.py`.

use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::frames::layout::frames_alone;
use crate::source::frames::source::{FrameFolders, split_folder};
use crate::source::interface::Source;
use crate::source::split::Split;

/// The reader of OBJ3D.
///
/// # Errors
/// When no root is named, or the split is not there or has no clip with frames.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    let names: &[&str] = match config.split {
        Split::Train => &["train"],
        Split::Val => &["val", "validation"],
        Split::Test => &["test"],
    };
    let folder = split_folder(dataset, &[root.to_owned(), root.join("OBJ3D")], names)?;
    Ok(Box::new(FrameFolders::open(&folder, frames_alone, None)?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use ndarray::Array3;

    use super::*;
    use crate::source::interface::GroundTruth;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling, Window};

    const WINDOW: Window = Window {
        start: 1,
        count: Some(2),
        pace: FrameSampling::Stride(5),
        size: [8, 8],
        fit: Fit::Stretch,
    };

    fn config(root: &Path, split: Split) -> SourceConfig {
        SourceConfig {
            root: Some(root.to_owned()),
            split,
            ..SourceConfig::default()
        }
    }

    fn write(root: &Path, clip: &str) {
        let folder = root.join(clip);
        fs::create_dir_all(&folder).unwrap();
        for number in 1..=12_u8 {
            let picture = Array3::from_elem((8, 8, 3), number);
            write_png(&folder.join(format!("test_{number}.png")), picture.view()).unwrap();
        }
    }

    #[test]
    fn frames_count_from_one_and_come_by_number() {
        let root = tempfile::tempdir().unwrap();
        for clip in ["train/7", "train/12", "validation/3"] {
            write(root.path(), clip);
        }
        let source = open("obj3d", &config(root.path(), Split::Train)).unwrap();
        assert_eq!((source.len(), source.id(0).as_str()), (2, "12"));
        let sample = source.sample(1, &WINDOW).unwrap();
        let seen: Vec<u8> = sample
            .clip
            .frames
            .outer_iter()
            .map(|frame| frame[[0, 0, 0]])
            .collect();
        assert_eq!((seen, sample.masks, sample.note), (vec![6, 11], None, None));
        assert!(!source.knows(GroundTruth::Masks));
        assert_eq!(source.files(0).len(), 12);
        assert_eq!(source.identity(0).unwrap(), source.identity(1).unwrap());
        assert_eq!(
            open("obj3d", &config(root.path(), Split::Val))
                .unwrap()
                .len(),
            1
        );
        let error = open("obj3d", &config(root.path(), Split::Test))
            .err()
            .unwrap();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
    }

    #[test]
    fn a_clip_without_pictures_is_named_and_the_others_are_read() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "test/a");
        fs::create_dir_all(root.path().join("test/b")).unwrap();
        let source = open("obj3d", &config(root.path(), Split::Test)).unwrap();
        assert!(source.sample(0, &WINDOW).is_ok());
        let error = source.sample(1, &WINDOW).unwrap_err().to_string();
        assert!(error.contains("test/b"), "{error}");
        fs::remove_dir_all(root.path().join("test/a")).unwrap();
        assert!(open("obj3d", &config(root.path(), Split::Test)).is_err());
    }
}
