//! Slots without a slot encoder: features of a network, or pixels, pooled over regions. The regions are masks from elsewhere
//! (Segment Anything's, say, or true ones), or clusters of the features themselves.
//!
//! A slot is the mean feature of its region, and behind it the region's place: mean row and column in −1..1, and the square
//! root of its share of the frame. A region that a frame does not have is an empty slot: zeros.

use burn::tensor::Device;
use ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4, Axis, s};

use crate::inference::k_means::k_means;
use crate::models::encoder::Stem;
use crate::rng::SeededRng;
use crate::tensor_conversion::{floats, frames_from_clip};

/// Frames whose features are computed at once: bounds the memory, changes no number.
const CHUNK: usize = 8;

/// Numbers of a slot behind its feature: row, column, size.
pub const PLACE: usize = 3;

/// What is pooled.
#[derive(Debug)]
pub enum Features<'a> {
    /// Features of a network, on their own grid.
    Network(&'a Stem, &'a Device),
    /// The pixels' colours in 0..1.
    Pixels,
}

/// Slots, attention and regions of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionSlots {
    /// `[time, slots, dim]`
    pub slots: Array3<f32>,
    /// Share of every place of the grid that each region owns, `[time, slots, height', width']`.
    pub attention: Array4<f32>,
}

impl Features<'_> {
    /// Features of every frame, `[time, height', width', dim]`.
    fn of(&self, frames: ArrayView4<'_, u8>) -> Array4<f32> {
        match self {
            Self::Pixels => frames.mapv(|value| f32::from(value) / 255.0),
            Self::Network(stem, device) => {
                let mut whole: Option<Array4<f32>> = None;
                for (part, chunk) in frames.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
                    let features = stem.forward(frames_from_clip(chunk, device));
                    let [batch, dim, rows, columns] = features.dims();
                    let values = floats(features);
                    let features = ArrayView4::from_shape((batch, dim, rows, columns), &values)
                        .unwrap_or_else(|error| {
                            unreachable!("a tensor has its own shape: {error}")
                        });
                    let first = part * CHUNK;
                    let time = frames.len_of(Axis(0));
                    whole
                        .get_or_insert_with(|| Array4::zeros((time, rows, columns, dim)))
                        .slice_mut(s![first..first + batch, .., .., ..])
                        .assign(&features.permuted_axes([0, 2, 3, 1]));
                }
                whole.unwrap_or_default()
            }
        }
    }

    /// Slots of a clip whose regions are `count` clusters of its features, of all frames together: a region keeps its
    /// number through the clip.
    ///
    /// # Shape
    /// - `frames`: `[time, height, width, rgb]`
    pub fn clustered(
        &self,
        frames: ArrayView4<'_, u8>,
        count: usize,
        rng: &mut SeededRng,
    ) -> RegionSlots {
        let features = self.of(frames);
        let (time, rows, columns, dim) = features.dim();
        let mut directions = Array2::zeros((time * rows * columns, dim));
        for (to, from) in directions.outer_iter_mut().zip(features.lanes(Axis(3))) {
            let length = from.iter().map(|value| value * value).sum::<f32>().sqrt();
            let mut to = to;
            to.assign(&(&from / length.max(1e-6)));
        }
        let labels = k_means(directions.view(), count, rng);
        let mut attention = Array4::zeros((time, count, rows, columns));
        for (place, label) in labels.into_iter().enumerate() {
            let (frame, place) = (place / (rows * columns), place % (rows * columns));
            attention[[frame, label, place / columns, place % columns]] = 1.0;
        }
        pooled(&features, attention)
    }

    /// Slots of a clip whose regions are masks: label n is slot n.
    ///
    /// # Shape
    /// - `frames`: `[time, height, width, rgb]`
    /// - `masks`: `[time, height, width]`, labels below `count`
    pub fn masked(
        &self,
        frames: ArrayView4<'_, u8>,
        masks: ArrayView3<'_, u8>,
        count: usize,
    ) -> RegionSlots {
        let features = self.of(frames);
        let (time, rows, columns, _) = features.dim();
        let (_, height, width) = masks.dim();
        let mut attention = Array4::zeros((time, count, rows, columns));
        let pixel = (rows * columns) as f32 / (height * width) as f32;
        for ((frame, y, x), &label) in masks.indexed_iter() {
            let place = [
                frame,
                usize::from(label),
                y * rows / height,
                x * columns / width,
            ];
            attention[place] += pixel;
        }
        pooled(&features, attention)
    }
}

/// Mean features of regions, and where they are.
fn pooled(features: &Array4<f32>, attention: Array4<f32>) -> RegionSlots {
    let (time, rows, columns, dim) = features.dim();
    let count = attention.dim().1;
    let mut slots = Array3::zeros((time, count, dim + PLACE));
    let place = |index: usize, size: usize| (index as f32 + 0.5) / size as f32 * 2.0 - 1.0;
    for frame in 0..time {
        for slot in 0..count {
            let weights = attention.slice(s![frame, slot, .., ..]);
            let total = weights.sum();
            if total <= 0.0 {
                continue;
            }
            let mut to = slots.slice_mut(s![frame, slot, ..]);
            for ((y, x), &weight) in weights.indexed_iter().filter(|(_, weight)| **weight > 0.0) {
                let share = weight / total;
                to.slice_mut(s![..dim])
                    .scaled_add(share, &features.slice(s![frame, y, x, ..]));
                to[dim] += share * place(y, rows);
                to[dim + 1] += share * place(x, columns);
            }
            to[dim + 2] = (total / (rows * columns) as f32).sqrt();
        }
    }
    RegionSlots { slots, attention }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames of 4×6: grey, and a red square of 2×2 that moves right.
    fn clip() -> (Array4<u8>, Array3<u8>) {
        let masks = Array3::from_shape_fn((2, 4, 6), |(t, y, x)| {
            u8::from((1..3).contains(&y) && (1 + t..3 + t).contains(&x))
        });
        let frames = Array4::from_shape_fn((2, 4, 6, 3), |(t, y, x, c)| match masks[[t, y, x]] {
            1 => [255, 0, 0][c],
            _ => 128,
        });
        (frames, masks)
    }

    #[test]
    fn a_slot_is_the_mean_of_its_region_with_its_place_and_a_missing_region_is_empty() {
        let (frames, masks) = clip();
        let found = Features::Pixels.masked(frames.view(), masks.view(), 3);
        let slot = |frame: usize, slot: usize| found.slots.slice(s![frame, slot, ..]).to_vec();
        let near = |found: Vec<f32>, expected: [f32; 6]| {
            let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-5, "{found:?}");
        };
        near(
            slot(0, 1),
            [1.0, 0.0, 0.0, 0.0, -1.0 / 3.0, (4.0_f32 / 24.0).sqrt()],
        );
        near(
            slot(1, 1),
            [1.0, 0.0, 0.0, 0.0, 0.0, (4.0_f32 / 24.0).sqrt()],
        );
        near(slot(1, 2), [0.0; 6]);
        assert_eq!(
            found.attention.sum_axis(Axis(1)),
            Array3::from_elem((2, 4, 6), 1.0)
        );
    }

    #[test]
    fn clusters_of_features_are_the_regions_and_keep_their_numbers() {
        let (frames, masks) = clip();
        let mut rng = SeededRng::new(1, &["test"]);
        let found = Features::Pixels.clustered(frames.view(), 2, &mut rng);
        let own = found.attention.index_axis(Axis(1), 1);
        assert_eq!(own, masks.mapv(f32::from));
        assert_eq!(found.slots.dim(), (2, 2, 6));
    }
}
