//! Windows of clips from a cache.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array3, Array4};

use super::byte_array::ByteArray;
use super::index::{self, BACKGROUNDS, CachedClip, FRAMES, INDEX, MASKS};
use crate::error::DataError;

/// What a cache has of a clip: the bytes of its rows in each array.
pub(super) struct ClipParts {
    /// Of all frames.
    pub(super) frames: Vec<u8>,
    /// Of all masks, where the cache has some.
    pub(super) masks: Option<Vec<u8>>,
    /// Of the empty scene, where the cache has one a clip.
    pub(super) background: Option<Vec<u8>>,
}

/// Clips in files, read window by window.
#[derive(Debug)]
pub struct FrameCache {
    frames: ByteArray,
    masks: Option<ByteArray>,
    backgrounds: Option<ByteArray>,
    /// `[clips, time, height, width]`
    shape: [usize; 4],
    index: Vec<CachedClip>,
    /// The line of the index that a kept clip has.
    lines: Vec<usize>,
    name: String,
}

impl FrameCache {
    /// The clips in a folder.
    ///
    /// # Errors
    /// When its files cannot be read or do not belong together.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let frames_path = folder.join(FRAMES);
        let malformed = |path: &Path, reason: String| DataError::Malformed {
            reason,
            path: path.to_owned(),
        };
        let frames = ByteArray::open(&frames_path, 2)?;
        let &[clips, time, height, width, 3] = frames.shape() else {
            let reason = format!(
                "shape {:?} is not clips, time, height, width, 3",
                frames.shape()
            );
            return Err(malformed(&frames_path, reason));
        };
        // Rows are frames, masks of a frame, empty scenes.
        let beside = |name: &str, expected: &[usize]| -> Result<Option<ByteArray>, DataError> {
            let axes = if name == BACKGROUNDS { 1 } else { 2 };
            let path = folder.join(name);
            if !path.exists() {
                return Ok(None);
            }
            let array = ByteArray::open(&path, axes)?;
            if array.shape() == expected {
                return Ok(Some(array));
            }
            let found = array.shape();
            let reason = format!("shape {found:?} does not go with {clips} clips of {time} frames");
            Err(malformed(&path, reason))
        };
        let masks = beside(MASKS, &[clips, time, height, width])?;
        let backgrounds = beside(BACKGROUNDS, &[clips, height, width, 3])?;
        let index = index::read(&folder.join(INDEX))?;
        let kept = |(line, clip): (usize, &CachedClip)| clip.left_out.is_none().then_some(line);
        let lines: Vec<usize> = index.iter().enumerate().filter_map(kept).collect();
        if lines.len() != clips {
            let reason = format!("{} clips are named and {clips} are there", lines.len());
            return Err(malformed(&folder.join(INDEX), reason));
        }
        let name = folder.file_name().unwrap_or_default();
        Ok(Self {
            frames,
            masks,
            backgrounds,
            shape: [clips, time, height, width],
            index,
            lines,
            name: name.to_string_lossy().into_owned(),
        })
    }

    /// A name for all that the clips depend on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Clips, frames of each, height and width.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// Every clip that was asked for, those that were left out as well.
    pub fn index(&self) -> &[CachedClip] {
        &self.index
    }

    /// The line of the index that each kept clip has.
    pub(super) fn lines(&self) -> &[usize] {
        &self.lines
    }

    /// The arrays with the bytes that a clip has in each.
    fn arrays(&self) -> impl Iterator<Item = (&ByteArray, usize)> {
        let [_, time, height, width] = self.shape;
        let pixels = time * height * width;
        let masks = self.masks.as_ref().map(|array| (array, pixels));
        let backgrounds = self.backgrounds.as_ref();
        let backgrounds = backgrounds.map(|array| (array, height * width * 3));
        let frames = std::iter::once((&self.frames, pixels * 3));
        frames.chain(masks).chain(backgrounds)
    }

    /// Whether all that the cache has of a clip is what was written.
    pub(super) fn is_whole(&self, clip: usize) -> Result<bool, DataError> {
        for (array, bytes) in self.arrays() {
            if !array.is_whole(clip * bytes, bytes)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes all that the cache has of a clip anew.
    pub(super) fn rewrite(&self, clip: usize, parts: &ClipParts) -> Result<(), DataError> {
        let parts = [
            Some(&parts.frames),
            parts.masks.as_ref(),
            parts.background.as_ref(),
        ];
        for ((array, bytes), part) in self.arrays().zip(parts.into_iter().flatten()) {
            array.rewrite(clip * bytes, part)?;
        }
        Ok(())
    }

    /// What is known of a kept clip.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn clip(&self, clip: usize) -> &CachedClip {
        &self.index[self.lines[clip]]
    }

    /// Frames of a clip, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file cannot be read.
    ///
    /// # Panics
    /// When the clip has no such frames.
    pub fn frames(&self, clip: usize, range: Range<usize>) -> Result<Array4<u8>, DataError> {
        let [clips, time, height, width] = self.shape;
        assert!(clip < clips && range.end <= time, "no such frames");
        let mut frames = Array4::zeros((range.len(), height, width, 3));
        let first = (clip * time + range.start) * height * width * 3;
        if let Some(bytes) = frames.as_slice_mut() {
            self.frames.read(first, bytes)?;
        }
        Ok(frames)
    }

    /// The masks of a whole clip, `[time, height, width]`: object ids, 0 is background; `None` where it has none. For
    /// metrics and supervised heads, never for an encoder.
    ///
    /// # Errors
    /// When the file cannot be read.
    ///
    /// # Panics
    /// When there are not so many clips.
    pub fn masks(&self, clip: usize) -> Result<Option<Array3<u8>>, DataError> {
        let [_, time, height, width] = self.shape;
        let file = self.masks.as_ref().filter(|_| self.clip(clip).masks);
        let Some(file) = file else {
            return Ok(None);
        };
        let mut masks = Array3::zeros((time, height, width));
        if let Some(bytes) = masks.as_slice_mut() {
            file.read(clip * time * height * width, bytes)?;
        }
        Ok(Some(masks))
    }

    /// A clip's own empty scene, `[height, width, rgb]`; `None` where the cache has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn background(&self, clip: usize) -> Result<Option<Array3<u8>>, DataError> {
        let Some(file) = &self.backgrounds else {
            return Ok(None);
        };
        let [_, _, height, width] = self.shape;
        let mut background = Array3::zeros((height, width, 3));
        if let Some(bytes) = background.as_slice_mut() {
            file.read(clip * height * width * 3, bytes)?;
        }
        Ok(Some(background))
    }
}

#[cfg(test)]
mod tests;
