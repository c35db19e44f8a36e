//! A clip that lies as one picture a frame, with or without masks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, Array4, Axis};

use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::hash_file;
use crate::video::fit::{resize, resize_ids};
use crate::video::png::read_png_ids;
use crate::video::{PictureFormat, UNKNOWN_FPS, picture_size, read_picture};
use crate::window::{FrameSampling, Window};

/// Files of a clip's frames and masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameFiles {
    /// The folder or file that names the clip in messages.
    pub path: PathBuf,
    /// A picture a frame, in order.
    pub frames: Vec<PathBuf>,
    /// Masks of the frames.
    pub masks: MaskPictures,
    /// What is odd about the files and does not stop the reader: a gap in their numbers.
    pub note: Option<String>,
}

/// Masks of a clip's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskPictures {
    /// There are none.
    None,
    /// A picture of object ids a frame.
    Ids(Vec<PathBuf>),
    /// A picture an object, for every frame: 0 where it is not.
    Layers(Vec<Vec<PathBuf>>),
}

impl FrameFiles {
    /// Whether it has masks.
    pub fn has_masks(&self) -> bool {
        self.masks != MaskPictures::None
    }

    /// All files: frames, then masks.
    pub fn files(&self) -> Vec<PathBuf> {
        let masks: Vec<&PathBuf> = match &self.masks {
            MaskPictures::None => Vec::new(),
            MaskPictures::Ids(ids) => ids.iter().collect(),
            MaskPictures::Layers(layers) => layers.iter().flatten().collect(),
        };
        self.frames.iter().chain(masks).cloned().collect()
    }

    /// Identity of the content of all files.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn identity(&self) -> Result<String, DataError> {
        let mut hash = blake3::Hasher::new();
        for file in self.files() {
            // Of its own each, so that no bytes wander from one picture to the next.
            let mut own = blake3::Hasher::new();
            hash_file(&mut own, &file)?;
            hash.update(own.finalize().as_bytes());
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    /// The decoder that the pixels come from, where decoders differ.
    pub fn pixel_decoder(&self) -> Option<String> {
        let mut formats = self
            .frames
            .iter()
            .filter_map(|path| PictureFormat::of(path).ok());
        formats.find_map(PictureFormat::decoder)
    }

    /// Height and width of all frames.
    ///
    /// # Errors
    /// When a picture cannot be read, or they differ in size.
    pub fn size(&self) -> Result<[usize; 2], DataError> {
        let mut first = None;
        for picture in &self.frames {
            let size = picture_size(picture)?;
            let expected = *first.get_or_insert(size);
            if size != expected {
                let name = picture.file_name().unwrap_or_default().to_string_lossy();
                let reason =
                    format!("pictures differ in size: {expected:?} at first, {size:?} in {name}");
                return Err(self.malformed(reason));
            }
        }
        first.ok_or_else(|| DataError::NoVideos {
            path: self.path.clone(),
        })
    }

    /// Places of the frames in a window, and how many a second they are.
    ///
    /// Of a clip of known rate, `fps`, the frames at a pace are those that are shown at its instants. Without one every
    /// picture is one sampled frame, and a stride is one of [`UNKNOWN_FPS`].
    ///
    /// # Errors
    /// When there is none.
    pub fn sampled(
        &self,
        window: &Window,
        fps: Option<f32>,
    ) -> Result<(Vec<usize>, f32), DataError> {
        window.check()?;
        let total = self.frames.len();
        let (step, rate) = match (window.pace, fps) {
            (FrameSampling::Stride(stride), _) => {
                (stride as f64, fps.unwrap_or(UNKNOWN_FPS) / stride as f32)
            }
            (FrameSampling::Fps(wanted), Some(fps)) => (f64::from(fps) / f64::from(wanted), wanted),
            (FrameSampling::Fps(wanted), None) => (1.0, wanted),
        };
        // A frame is shown until the next: the small share makes up for what fractions lose.
        let shown = |sampled: usize| (sampled as f64 * step + 1e-3) as usize;
        let places: Vec<usize> = (window.start..)
            .map(shown)
            .take_while(|place| *place < total)
            .take(window.count.unwrap_or(usize::MAX))
            .collect();
        if places.is_empty() {
            let every = match window.pace {
                FrameSampling::Stride(stride) => format!("every {stride}-th"),
                FrameSampling::Fps(wanted) => format!("{wanted} a second"),
            };
            let reason = format!(
                "asked to start at frame {} of {every}; there are {total}",
                window.start
            );
            return Err(DataError::NoFrames {
                reason,
                path: self.path.clone(),
            });
        }
        Ok((places, rate))
    }

    /// The frames and masks in a window.
    ///
    /// # Errors
    /// When a picture in it cannot be read, or there is none.
    pub fn sample(
        &self,
        id: ClipId,
        window: &Window,
        fps: Option<f32>,
    ) -> Result<Sample, DataError> {
        let (places, fps) = self.sampled(window, fps)?;
        let [height, width] = window.size;
        let mut frames = Array4::zeros((places.len(), height, width, 3));
        for (mut frame, place) in frames.axis_iter_mut(Axis(0)).zip(&places) {
            let picture = read_picture(&self.frames[*place])?;
            frame.assign(&resize(picture.view(), window.size, window.fit));
        }
        let masks = match &self.masks {
            MaskPictures::None => None,
            _ => Some(self.masks_of(&places, window)?),
        };
        let mut sample = Sample::from(Clip { id, frames, fps });
        sample.masks = masks;
        sample.note.clone_from(&self.note);
        Ok(sample)
    }

    /// Masks of the frames at these places, `[time, height, width]`, ids consecutive.
    ///
    /// # Errors
    /// When one cannot be read.
    fn masks_of(&self, places: &[usize], window: &Window) -> Result<Array3<u8>, DataError> {
        read_masks(places, window, |place| match &self.masks {
            MaskPictures::None => Err(self.malformed("no masks".to_owned())),
            MaskPictures::Ids(ids) => read_png_ids(&ids[place]),
            MaskPictures::Layers(layers) => argmax(&layers[place]),
        })
    }

    fn malformed(&self, reason: String) -> DataError {
        DataError::Malformed {
            reason,
            path: self.path.clone(),
        }
    }
}

/// Masks of frames, `[time, height, width]`: `read` of each frame's place, made to fit, ids consecutive.
///
/// # Errors
/// As `read`.
pub fn read_masks(
    places: &[usize],
    window: &Window,
    read: impl Fn(usize) -> Result<Array2<u8>, DataError>,
) -> Result<Array3<u8>, DataError> {
    let [height, width] = window.size;
    let mut masks = Array3::zeros((places.len(), height, width));
    for (mut mask, place) in masks.axis_iter_mut(Axis(0)).zip(places) {
        mask.assign(&resize_ids(read(*place)?.view(), window.size, window.fit));
    }
    make_consecutive(&mut masks);
    Ok(masks)
}

/// Makes object ids 1, 2, 3, … in their order; 0 stays the background.
///
/// Differs: the papers' code also counts an object from 0 where no background is in sight.
///
/// # Source
/// SlotDiffusion `video_based/datasets/utils.py`, `BaseTransforms`.
pub fn make_consecutive(ids: &mut Array3<u8>) {
    let found: BTreeSet<u8> = ids.iter().copied().filter(|id| *id != 0).collect();
    let mut new = [0; 256];
    for (id, to) in found.into_iter().zip(1..) {
        new[usize::from(id)] = to;
    }
    ids.mapv_inplace(|id| new[usize::from(id)]);
}

/// Object ids of a frame from a picture an object: the object whose picture is brightest, 0 where none is above 1.
///
/// # Source
/// SlotDiffusion `video_based/datasets/steve_movi.py`: the arg-max over a background of ones and the pictures.
///
/// # Errors
/// When a picture cannot be read, or they differ in size.
fn argmax(layers: &[PathBuf]) -> Result<Array2<u8>, DataError> {
    let mut ids = Array2::zeros((0, 0));
    let mut best = Array2::zeros((0, 0));
    for (id, path) in (1..=u8::MAX).zip(layers) {
        let layer = read_layer(path)?;
        if id == 1 {
            ids = Array2::zeros(layer.dim());
            best = Array2::ones(layer.dim());
        }
        if layer.dim() != ids.dim() {
            let reason = format!("masks of {:?} and {:?} pixels", ids.dim(), layer.dim());
            return Err(DataError::Malformed {
                reason,
                path: path.clone(),
            });
        }
        ndarray::Zip::from(&mut ids)
            .and(&mut best)
            .and(&layer)
            .for_each(|to, best, value| {
                if value > best {
                    (*to, *best) = (id, *value);
                }
            });
    }
    Ok(ids)
}

/// The first value of each pixel of a mask.
fn read_layer(path: &Path) -> Result<Array2<u8>, DataError> {
    Ok(read_picture(path)?.index_axis_move(Axis(2), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Fit;

    fn clip(frames: usize) -> FrameFiles {
        FrameFiles {
            path: PathBuf::from("clip"),
            frames: vec![PathBuf::from("0.png"); frames],
            masks: MaskPictures::None,
            note: None,
        }
    }

    fn window(start: usize, count: Option<usize>, pace: FrameSampling) -> Window {
        Window {
            start,
            count,
            pace,
            size: [8, 8],
            fit: Fit::Crop,
        }
    }

    #[test]
    fn sampled_frames_follow_the_rate_where_it_is_known() {
        let stride = window(1, Some(3), FrameSampling::Stride(2));
        assert_eq!(
            clip(10).sampled(&stride, None).unwrap(),
            (vec![2, 4, 6], 6.0)
        );
        assert_eq!(
            clip(10).sampled(&stride, Some(30.0)).unwrap(),
            (vec![2, 4, 6], 15.0)
        );
        let pace = window(1, None, FrameSampling::Fps(8.0));
        assert_eq!(clip(4).sampled(&pace, None).unwrap(), (vec![1, 2, 3], 8.0));
        assert_eq!(
            clip(9).sampled(&pace, Some(24.0)).unwrap(),
            (vec![3, 6], 8.0)
        );
        let slow = window(0, None, FrameSampling::Fps(24.0));
        assert_eq!(
            clip(2).sampled(&slow, Some(12.0)).unwrap(),
            (vec![0, 0, 1, 1], 24.0)
        );
        let late = window(9, None, FrameSampling::Stride(2));
        let error = clip(10).sampled(&late, None).unwrap_err().to_string();
        assert!(
            error.contains("start at frame 9 of every 2-th; there are 10"),
            "{error}"
        );
    }

    #[test]
    fn ids_become_consecutive_in_their_order_and_the_background_stays() {
        let mut ids = ndarray::arr3(&[[[0, 12, 3]], [[7, 7, 12]]]);
        make_consecutive(&mut ids);
        assert_eq!(ids, ndarray::arr3(&[[[0, 3, 1]], [[2, 2, 3]]]));
        let mut full = Array3::from_shape_fn((1, 1, 255), |(_, _, x)| x as u8 + 1);
        let before = full.clone();
        make_consecutive(&mut full);
        assert_eq!(full, before);
    }
}
