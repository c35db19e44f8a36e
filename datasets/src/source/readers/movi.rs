//! MOVi-A to MOVi-E on disk, exported to folders; TFRecords are read first where both are there.
//!
//! ```text
//! MOVi-E/{train,validation,test}/00000000/000000.jpg      frames; PNG for JPEG; `val` for `validation`
//! MOVi-E/{train,validation,test}/00000000/000000_mask.png      object ids in grey; without them there are no masks
//! ```
//!
//! The folder `MOVi-E` may be the root itself, and a clip's folder may be as Kubric writes it (`rgba_00000.png` with
//! `segmentation_00000.png`).
//!
//! # Source
//! SlotDiffusion `video_based/datasets/movi.py`, and `scripts/data_utils/download_movi.py`, which writes the frames as
//! JPEG.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::frames::frame_files::FrameFiles;
use crate::source::frames::layout::sort_pictures;
use crate::source::frames::source::{FrameFolders, split_folder};
use crate::source::interface::Source;
use crate::source::readers::movi_tfrecord::{self, FPS};
use crate::source::split::Split;

/// The reader of one of the five sets.
///
/// # Errors
/// When no root is named, or the split is not there or has no clip with frames; as [`movi_tfrecord::open`] where there are
/// TFRecords.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let names: &[&str] = match config.split {
        Split::Train => &["train"],
        Split::Val => &["validation", "val"],
        Split::Test => &["test"],
    };
    let root = config.named_root(dataset)?;
    if movi_tfrecord::folder(dataset, root).is_some() {
        return movi_tfrecord::open(dataset, config);
    }
    let roots = roots(dataset, root);
    let folder = split_folder(dataset, &roots, names)?;
    Ok(Box::new(FrameFolders::open(&folder, clip, Some(FPS))?))
}

/// Where a set may lie below a root: in `MOVi-E`, in `movi_e`, or in the root itself.
pub fn roots(dataset: &str, root: &Path) -> [PathBuf; 3] {
    let folder = match dataset.strip_prefix("movi-") {
        Some(set) => {
            let (first, rest) = set.split_at(1);
            format!("MOVi-{}{rest}", first.to_uppercase())
        }
        None => dataset.to_owned(),
    };
    [
        root.join(folder),
        root.join(dataset.replace('-', "_")),
        root.to_owned(),
    ]
}

fn clip(folder: &Path) -> Result<FrameFiles, DataError> {
    let sorted = sort_pictures(folder)?.ok_or_else(|| DataError::NoVideos {
        path: folder.to_owned(),
    })?;
    Ok(sorted.clip)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use jpeg_encoder::{ColorType, Encoder};

    use super::*;
    use crate::source::interface::GroundTruth;
    use crate::video::jpeg::DECODER;
    use crate::window::{Fit, FrameSampling, Window};

    const WINDOW: Window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Fps(6.0),
        size: [16, 16],
        fit: Fit::Stretch,
    };

    /// A clip of eight grey frames, with an object of id 3 and one of id 7 that moves.
    fn write(folder: &Path, has_masks: bool) {
        fs::create_dir_all(folder).unwrap();
        for number in 0..8_u8 {
            let encoder = Encoder::new_file(folder.join(format!("{number:06}.jpg")), 75).unwrap();
            encoder
                .encode(&[number * 20; 768], 16, 16, ColorType::Rgb)
                .unwrap();
            if has_masks {
                let path = folder.join(format!("{number:06}_mask.png"));
                let mut ids = [0; 256];
                (ids[0], ids[16 + usize::from(number)]) = (3, 7);
                let mut encoder = png::Encoder::new(File::create(path).unwrap(), 16, 16);
                encoder.set_color(png::ColorType::Grayscale);
                encoder
                    .write_header()
                    .unwrap()
                    .write_image_data(&ids)
                    .unwrap();
            }
        }
    }

    fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
        let config = SourceConfig {
            root: Some(root.to_owned()),
            split,
            ..SourceConfig::default()
        };
        open("movi-e", &config)
    }

    #[test]
    fn frames_are_jpeg_and_masks_count_from_one() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("MOVi-E/train/00000000"), true);
        write(&root.path().join("MOVi-E/val/00000001"), true);
        let source = opened(root.path(), Split::Train).unwrap();
        assert!(source.knows(GroundTruth::Masks));
        assert_eq!(source.pixel_decoder(0).as_deref(), Some(DECODER));
        assert_eq!(source.files(0).len(), 16);
        let sample = source.sample(0, &WINDOW).unwrap();
        assert_eq!(
            (sample.clip.frames.dim(), sample.clip.fps),
            ((4, 16, 16, 3), 6.0)
        );
        let masks = sample.masks.unwrap();
        // Every second frame: the moving object is in column 6 of the second row by the fourth.
        assert_eq!(
            (masks[[3, 0, 0]], masks[[3, 1, 6]], masks[[3, 1, 5]]),
            (1, 2, 0)
        );
        assert!(sample.clip.frames[[3, 8, 8, 0]].abs_diff(120) < 3);
        assert_eq!(
            opened(root.path(), Split::Val).unwrap().id(0).as_str(),
            "00000001"
        );
        assert!(opened(&root.path().join("MOVi-E"), Split::Train).is_ok());
        let error = opened(root.path(), Split::Test).err().unwrap().to_string();
        assert!(error.contains("MOVi-E/test"), "{error}");
    }

    #[test]
    fn masks_that_a_clip_lacks_are_named_and_a_copy_without_any_is_read() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("train/0"), false);
        let source = opened(root.path(), Split::Train).unwrap();
        assert!(!source.knows(GroundTruth::Masks));
        assert_eq!(source.sample(0, &WINDOW).unwrap().masks, None);
        write(&root.path().join("train/1"), true);
        let source = opened(root.path(), Split::Train).unwrap();
        assert!(source.knows(GroundTruth::Masks));
        let error = source.sample(0, &WINDOW).unwrap_err().to_string();
        assert!(
            error.contains("no masks, and other clips have some"),
            "{error}"
        );
        fs::remove_file(root.path().join("train/1/000003_mask.png")).unwrap();
        write(&root.path().join("train/2"), true);
        let source = opened(root.path(), Split::Train).unwrap();
        let error = source.sample(1, &WINDOW).unwrap_err().to_string();
        assert!(
            error.contains("no mask of frame 3") && error.contains("train/1"),
            "{error}"
        );
        assert!(source.sample(2, &WINDOW).is_ok());
    }

    #[test]
    fn identity_follows_the_masks_too() {
        let root = tempfile::tempdir().unwrap();
        for clip in ["0", "1"] {
            write(&root.path().join("test").join(clip), true);
        }
        let source = opened(root.path(), Split::Test).unwrap();
        assert_eq!(source.identity(0).unwrap(), source.identity(1).unwrap());
        let masks = root.path().join("test/1/000000_mask.png");
        fs::copy(root.path().join("test/1/000001_mask.png"), masks).unwrap();
        assert_ne!(source.identity(0).unwrap(), source.identity(1).unwrap());
    }
}
