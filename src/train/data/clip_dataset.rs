//! The clips that a training sees, as plain pixels in memory, and what they have in common.

use std::path::Path;

use ndarray::{Array3, Array4, Array5, ArrayView4, Axis, s};
use rayon::prelude::*;

use crate::rng::SeededRng;

/// Clips of equal length and size.
///
/// Trainings read `frames` only. `masks` are there for figures on validation clips, which pick nothing.
#[derive(Debug, Clone)]
pub struct ClipDataset {
    /// Pixels, `[clips, time, height, width, rgb]`.
    pub frames: Array5<u8>,
    /// Object ids, `[clips, time, height, width]`; 0 = background.
    pub masks: Option<Array4<u8>>,
}

/// Where a window of frames begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowStart {
    /// The clip.
    pub clip: usize,
    /// The window's first frame.
    pub frame: usize,
}

impl ClipDataset {
    /// How many clips there are.
    pub fn clips(&self) -> usize {
        self.frames.dim().0
    }

    /// Frames of a clip.
    pub fn time(&self) -> usize {
        self.frames.dim().1
    }

    /// One clip, `[time, height, width, rgb]`.
    pub fn clip(&self, index: usize) -> ArrayView4<'_, u8> {
        self.frames.index_axis(Axis(0), index)
    }

    /// Single frames drawn at random, `[count, height, width, rgb]`.
    pub fn draw_frames(&self, count: usize, noise: &mut SeededRng) -> Array4<u8> {
        let (clips, time, height, width, rgb) = self.frames.dim();
        let mut drawn = Array4::zeros((count, height, width, rgb));
        for mut frame in drawn.outer_iter_mut() {
            let (clip, at) = (noise.below(clips), noise.below(time));
            frame.assign(&self.frames.slice(s![clip, at, .., .., ..]));
        }
        drawn
    }

    /// Single frames, evenly spread over all clips, at most `count`, `[count, height, width, rgb]`.
    pub fn spread(&self, count: usize) -> Array4<u8> {
        let (clips, time, height, width, rgb) = self.frames.dim();
        let count = count.min(clips * time).max(1);
        let mut frames = Array4::zeros((count, height, width, rgb));
        for (index, mut frame) in frames.outer_iter_mut().enumerate() {
            let at = index * clips * time / count;
            frame.assign(&self.frames.slice(s![at / time, at % time, .., .., ..]));
        }
        frames
    }

    /// Windows of `length` frames drawn at random.
    ///
    /// # Panics
    /// When the clips are shorter than `length`.
    pub fn draw_windows(
        &self,
        count: usize,
        length: usize,
        noise: &mut SeededRng,
    ) -> Vec<WindowStart> {
        assert!(
            length <= self.time(),
            "windows of {length} frames from clips of {}",
            self.time()
        );
        (0..count)
            .map(|_| WindowStart {
                clip: noise.below(self.clips()),
                frame: noise.below(self.time() - length + 1),
            })
            .collect()
    }

    /// The pixels of windows, `[count, length, height, width, rgb]`.
    pub fn windows(&self, windows: &[WindowStart], length: usize) -> Array5<u8> {
        let (_, _, height, width, rgb) = self.frames.dim();
        let mut cut = Array5::zeros((windows.len(), length, height, width, rgb));
        for (mut out, &WindowStart { clip, frame }) in cut.outer_iter_mut().zip(windows) {
            out.assign(
                &self
                    .frames
                    .slice(s![clip, frame..frame + length, .., .., ..]),
            );
        }
        cut
    }

    /// The empty scene: every pixel's median over frames of many clips, `[height, width, rgb]`.
    ///
    /// Nothing is known of objects here; with a fixed camera most clips leave a given pixel free.
    pub fn background(&self) -> Array3<u8> {
        const AT_MOST: usize = 400;
        let (clips, time, height, width, rgb) = self.frames.dim();
        let every = (clips * time).div_ceil(AT_MOST).max(1);
        let picked: Vec<(usize, usize)> = (0..clips * time)
            .step_by(every)
            .map(|i| (i / time, i % time))
            .collect();
        let mut values = vec![0_u8; height * width * rgb];
        values
            .par_chunks_mut(width * rgb)
            .enumerate()
            .for_each(|(y, row)| {
                for (index, value) in row.iter_mut().enumerate() {
                    let (x, channel) = (index / rgb, index % rgb);
                    let mut seen: Vec<u8> = picked
                        .iter()
                        .map(|&(clip, at)| self.frames[[clip, at, y, x, channel]])
                        .collect();
                    let middle = seen.len() / 2;
                    *value = *seen.select_nth_unstable(middle).1;
                }
            });
        Array3::from_shape_fn((height, width, rgb), |(y, x, c)| {
            values[(y * width + x) * rgb + c]
        })
    }
}

/// Weight of each pixel: one, and more the farther it is from the empty scene.
///
/// # Shape
/// - `frames`: `[batch, height, width, rgb]`
/// - `background`: `[height, width, rgb]`
/// - result: `[batch, height, width]`, of mean one in every frame
pub fn foreground_weights(
    frames: ArrayView4<'_, u8>,
    background: &Array3<u8>,
    strength: f32,
) -> Array3<f32> {
    let (batch, height, width, rgb) = frames.dim();
    let mut weights = Array3::from_shape_fn((batch, height, width), |(b, y, x)| {
        let apart = |c| f32::from(frames[[b, y, x, c]].abs_diff(background[[y, x, c]]));
        let most = (0..rgb).map(apart).fold(0.0, f32::max);
        1.0 + strength * ((most - 12.0) / 36.0).clamp(0.0, 1.0)
    });
    for mut frame in weights.outer_iter_mut() {
        let mean = frame.sum() / frame.len().max(1) as f32;
        frame.mapv_inplace(|weight| weight / mean);
    }
    weights
}

/// Writes rows of pictures side by side as one PNG.
///
/// # Errors
/// When the file cannot be written.
pub fn write_contact_sheet(
    rows: &[Array4<u8>],
    path: &Path,
) -> Result<(), slotflow_datasets::DataError> {
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    slotflow_datasets::video::contact_sheet(&views, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_clips() -> ClipDataset {
        // A grey scene through which a white pixel walks.
        let frames = Array5::from_shape_fn((3, 4, 2, 4, 3), |(clip, at, y, x, _)| {
            if y == 0 && x == (clip + at) % 4 {
                255
            } else {
                100
            }
        });
        ClipDataset {
            frames,
            masks: None,
        }
    }

    #[test]
    fn the_background_is_the_median_over_frames() {
        assert!(three_clips().background().iter().all(|&value| value == 100));
    }

    #[test]
    fn a_pixel_far_from_the_background_counts_more_and_the_mean_is_one() {
        let clips = three_clips();
        let weights = foreground_weights(clips.clip(0), &clips.background(), 9.0);
        assert!(weights[[0, 0, 0]] > 4.0 * weights[[0, 1, 0]]);
        assert!((weights.mean().unwrap() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn windows_stay_inside_their_clip() {
        let clips = three_clips();
        let windows = clips.draw_windows(50, 3, &mut SeededRng::new(1, &["test"]));
        assert!(windows.iter().all(|at| at.clip < 3 && at.frame <= 1));
        assert_eq!(clips.windows(&windows[..2], 3).dim(), (2, 3, 2, 4, 3));
    }
}
