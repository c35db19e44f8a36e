//! A picture with labels of its pixels, as a clip of one frame.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, Axis};

use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::hash_file;
use crate::video::fit::{resize, resize_ids};
use crate::video::{PictureFormat, UNKNOWN_FPS};
use crate::window::Window;

/// A picture and the labels of its pixels, as large as the file has them.
pub(super) struct Still {
    /// `[height, width, rgb]`
    pub rgb: Array3<u8>,
    /// Instances, `[height, width]`.
    pub masks: Option<Array2<u8>>,
    /// Classes, `[height, width]`.
    pub classes: Option<Array2<u8>>,
    /// Pixels that no metric may count, `[height, width]`.
    pub void: Option<Array2<bool>>,
}

impl Still {
    /// The clip in `window`. Labels are fitted as the picture is: nearest, never mixed; instances are numbered anew from
    /// 1 in the order of their ids, as far as the window shows them.
    ///
    /// # Errors
    /// When the window starts after the only frame; `path` is what the message names.
    pub fn sample(&self, id: ClipId, window: &Window, path: &Path) -> Result<Sample, DataError> {
        let (frames, fps) = window.frames(1, UNKNOWN_FPS)?;
        if frames.is_empty() {
            return Err(DataError::NoFrames {
                reason: format!("asked to start at frame {}; there is 1", window.start),
                path: path.to_owned(),
            });
        }
        let fitted = resize(self.rgb.view(), window.size, window.fit);
        let labels = |ids: &Array2<u8>| {
            let fitted = resize_ids(ids.view(), window.size, window.fit);
            repeated(&fitted, frames.len())
        };
        let clip = Clip {
            id,
            frames: fitted
                .insert_axis(Axis(0))
                .broadcast((frames.len(), window.size[0], window.size[1], 3))
                .map(|frames| frames.to_owned())
                .unwrap_or_default(),
            fps,
        };
        Ok(Sample {
            masks: self.masks.as_ref().map(|ids| consecutive(labels(ids))),
            classes: self.classes.as_ref().map(labels),
            void: self.void.as_ref().map(|void| {
                let void = void.mapv(u8::from);
                labels(&void).mapv(|pixel| pixel != 0)
            }),
            ..Sample::from(clip)
        })
    }
}

fn repeated(frame: &Array2<u8>, times: usize) -> Array3<u8> {
    let (height, width) = frame.dim();
    Array3::from_shape_fn((times, height, width), |(_, row, column)| {
        frame[[row, column]]
    })
}

/// Instances numbered from 1 without gaps, in the order of their ids; 0 stays background.
fn consecutive(mut ids: Array3<u8>) -> Array3<u8> {
    let mut numbers = [0; 256];
    for id in &ids {
        numbers[usize::from(*id)] = 1;
    }
    numbers[0] = 0;
    let mut next = 0;
    for number in numbers.iter_mut().filter(|number| **number != 0) {
        next += 1;
        *number = next;
    }
    ids.mapv_inplace(|id| numbers[usize::from(id)]);
    ids
}

/// Refuses labels of another size than their picture; `path` is the labels' file.
pub(super) fn check_size(
    labels: (usize, usize),
    rgb: &Array3<u8>,
    path: &Path,
) -> Result<(), DataError> {
    let (height, width, _) = rgb.dim();
    if labels == (height, width) {
        return Ok(());
    }
    Err(DataError::Malformed {
        reason: format!(
            "labels of {}×{} pixels for a picture of {height}×{width}",
            labels.0, labels.1
        ),
        path: path.to_owned(),
    })
}

/// The decoder that a picture's pixels come from; `None` where every decoder gives the same, or the file cannot be read.
pub(super) fn decoder(path: &Path) -> Option<String> {
    PictureFormat::of(path).ok()?.decoder()
}

/// Content hash of a picture's files, one after the other.
pub(super) fn content(files: &[PathBuf]) -> Result<blake3::Hasher, DataError> {
    let mut hash = blake3::Hasher::new();
    for file in files {
        // Of its own each, so that no bytes wander from one file to the next.
        let mut own = blake3::Hasher::new();
        hash_file(&mut own, file)?;
        hash.update(own.finalize().as_bytes());
    }
    Ok(hash)
}

/// The first of several folders that lies below the root.
pub(super) fn first_folder(root: &Path, candidates: &[&str]) -> Option<PathBuf> {
    let mut folders = candidates.iter().map(|name| root.join(name));
    folders.find(|folder| folder.is_dir())
}

/// A place where a data set's files were looked for in vain.
pub(super) fn missing(dataset: &str, path: &Path) -> DataError {
    DataError::Missing {
        dataset: dataset.to_owned(),
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr2, arr3};

    use super::*;
    use crate::window::{Fit, FrameSampling};

    #[test]
    fn labels_follow_the_picture_and_instances_are_numbered_anew() {
        let still = Still {
            rgb: Array3::from_shape_fn((2, 4, 3), |(_, x, _)| x as u8),
            masks: Some(arr2(&[[9, 7, 3, 0], [9, 7, 3, 0]])),
            classes: Some(arr2(&[[1, 2, 1, 0], [1, 2, 1, 0]])),
            void: Some(arr2(&[[false, true, false, false], [false; 4]])),
        };
        let mut window = Window {
            start: 0,
            count: None,
            pace: FrameSampling::Stride(1),
            size: [2, 2],
            fit: Fit::Crop,
        };
        let path = Path::new("a.png");
        let sample = still.sample(ClipId::new("a"), &window, path).unwrap();
        assert_eq!(sample.clip.frames.dim(), (1, 2, 2, 3));
        assert_eq!(sample.clip.frames[[0, 0, 1, 0]], 2);
        assert_eq!(sample.masks.unwrap(), arr3(&[[[2, 1], [2, 1]]]));
        assert_eq!(sample.classes.unwrap(), arr3(&[[[2, 1], [2, 1]]]));
        let void = arr3(&[[[true, false], [false, false]]]);
        assert_eq!(sample.void.unwrap(), void);
        window.start = 1;
        let error = still.sample(ClipId::new("a"), &window, path).unwrap_err();
        assert!(matches!(error, DataError::NoFrames { .. }), "{error}");
    }

    #[test]
    fn the_crop_is_that_of_resizing_both_sides_to_the_window_and_cutting_the_middle() {
        // The published code resizes so that both sides reach the window, rounds, and cuts the middle; the part of the
        // picture that is seen differs from `Fit::Crop` by less than a pixel of the window.
        for (height, width) in [
            (480.0_f64, 640.0_f64),
            (500.0, 333.0),
            (375.0, 500.0),
            (281.0, 500.0),
        ] {
            let factor = (224.0 / height).max(224.0 / width);
            let (tall, wide) = ((height * factor).round(), (width * factor).round());
            let (top, left) = (
                ((tall - 224.0) / 2.0).floor(),
                ((wide - 224.0) / 2.0).floor(),
            );
            let placement = crate::video::fit::place(
                [height as usize, width as usize],
                1.0,
                [224; 2],
                Fit::Crop,
            );
            let seen = placement.source;
            for (ours, theirs) in [
                (seen.top as f64, top / factor),
                (seen.left as f64, left / factor),
            ] {
                assert!((ours - theirs).abs() <= 1.0 / factor, "{ours} {theirs}");
            }
            assert!((seen.height as f64 - 224.0 / factor).abs() <= 1.0);
            assert!((seen.width as f64 - 224.0 / factor).abs() <= 1.0);
        }
    }
}
