//! MOVi-Solid and MOVi-Tex on disk, as STEVE published them.
//!
//! ```text
//! MOVi-Solid/{train,test}/NAME/00000000_image.png      frames
//! MOVi-Solid/{train,test}/NAME/00000000_mask_00.png, 00000000_mask_01.png, …      a picture an object, 0 or 255
//! ```
//!
//! The folder `MOVi-Solid` may be the root itself. There is no validation split: the test clips serve as both, unless
//! there is a folder `val` or `validation`.
//!
//! # Source
//! SlotDiffusion `video_based/datasets/steve_movi.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::movi::roots;
use crate::error::DataError;
use crate::listing::entries::entries;
use crate::listing::series::{Role, Series, series};
use crate::source::config::SourceConfig;
use crate::source::frames::frame_files::{FrameFiles, MaskPictures};
use crate::source::frames::layout::frames_among;
use crate::source::frames::source::{FrameFolders, split_folder};
use crate::source::interface::Source;
use crate::source::split::Split;
use crate::video::picture::is_picture_name;

/// The reader of MOVi-Solid or MOVi-Tex.
///
/// # Errors
/// When no root is named, or the split is not there or has no clip with frames.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let names: &[&str] = match config.split {
        Split::Train => &["train"],
        Split::Val => &["val", "validation", "test"],
        Split::Test => &["test"],
    };
    let roots = roots(dataset, config.named_root(dataset)?);
    let folder = split_folder(dataset, &roots, names)?;
    Ok(Box::new(FrameFolders::open(&folder, clip, None)?))
}

/// A clip's frames, and the pictures of its objects.
fn clip(folder: &Path) -> Result<FrameFiles, DataError> {
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: folder.to_owned(),
    };
    let mut files = entries(folder)?;
    files.retain(|path| is_picture_name(path));
    let all = series(&files);
    let frames = frames_among(&all).map_err(malformed)?;
    let frames = frames.ok_or_else(|| DataError::NoVideos {
        path: folder.to_owned(),
    })?;
    let numbered = frames.numbered().map_err(malformed)?;
    let of_masks = |one: &&Series| one.role() == Role::Masks && one.shape != frames.shape;
    let masks: Vec<&Series> = all.iter().filter(of_masks).collect();
    let masks = match masks[..] {
        [] => MaskPictures::None,
        [one] => MaskPictures::Layers(layers(&numbered, one).map_err(malformed)?),
        _ => return Err(malformed("masks of several kinds".to_owned())),
    };
    Ok(FrameFiles {
        path: folder.to_owned(),
        frames: numbered.into_iter().map(|(_, path)| path.clone()).collect(),
        masks,
        note: None,
    })
}

/// The pictures of objects of every frame, by the two numbers of their names.
fn layers(frames: &[(u128, &PathBuf)], masks: &Series) -> Result<Vec<Vec<PathBuf>>, String> {
    let mut by_frame: BTreeMap<u128, BTreeMap<u128, PathBuf>> = BTreeMap::new();
    for (numbers, path) in &masks.files {
        let [.., frame, object] = numbers[..] else {
            return Err(format!(
                "masks without the number of an object: `{}`",
                masks.shape
            ));
        };
        by_frame
            .entry(frame)
            .or_default()
            .insert(object, path.clone());
    }
    let objects = by_frame.values().map(BTreeMap::len).max().unwrap_or(0);
    let of_frame = |(number, _): &(u128, &PathBuf)| {
        let found = by_frame.get(number).cloned().unwrap_or_default();
        if found.len() != objects {
            return Err(format!(
                "{} masks of frame {number}, and {objects} of another",
                found.len()
            ));
        }
        Ok(found.into_values().collect())
    };
    frames.iter().map(of_frame).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ndarray::Array3;

    use super::*;
    use crate::source::interface::GroundTruth;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling, Window};

    const WINDOW: Window = Window {
        start: 1,
        count: Some(1),
        pace: FrameSampling::Stride(1),
        size: [4, 6],
        fit: Fit::Stretch,
    };

    /// A clip of two frames with three objects of one row each, the first of which the second covers.
    fn write(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for frame in 0..2 {
            let picture = Array3::from_elem((4, 6, 3), 50 + frame);
            write_png(
                &folder.join(format!("{frame:08}_image.png")),
                picture.view(),
            )
            .unwrap();
            for object in 0..3 {
                let of_object = |y| {
                    if y == object || (object == 1 && y == 0) {
                        255
                    } else {
                        0
                    }
                };
                let mask = Array3::from_shape_fn((4, 6, 3), |(y, _, _)| of_object(y));
                let name = format!("{frame:08}_mask_{object:02}.png");
                write_png(&folder.join(name), mask.view()).unwrap();
            }
        }
    }

    fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
        let config = SourceConfig {
            root: Some(root.to_owned()),
            split,
            ..SourceConfig::default()
        };
        open("movi-solid", &config)
    }

    #[test]
    fn an_object_s_pixels_are_those_of_its_picture_and_the_first_wins() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("MOVi-Solid/test/clip"));
        for split in [Split::Val, Split::Test] {
            let source = opened(root.path(), split).unwrap();
            assert!(source.knows(GroundTruth::Masks));
            let sample = source.sample(0, &WINDOW).unwrap();
            let masks = sample.masks.unwrap();
            let rows: Vec<u8> = (0..4).map(|y| masks[[0, y, 3]]).collect();
            assert_eq!(
                (rows, sample.clip.frames[[0, 0, 0, 0]]),
                (vec![1, 2, 3, 0], 51)
            );
        }
        assert!(opened(root.path(), Split::Train).is_err());
    }

    #[test]
    fn a_frame_that_lacks_an_object_s_picture_is_named() {
        let root = tempfile::tempdir().unwrap();
        for clip in ["a", "b"] {
            write(&root.path().join("train").join(clip));
        }
        fs::remove_file(root.path().join("train/b/00000001_mask_02.png")).unwrap();
        let source = opened(root.path(), Split::Train).unwrap();
        assert!(source.sample(0, &WINDOW).is_ok());
        let error = source.sample(1, &WINDOW).unwrap_err().to_string();
        assert!(
            error.starts_with("2 masks of frame 1, and 3 of another"),
            "{error}"
        );
    }
}
