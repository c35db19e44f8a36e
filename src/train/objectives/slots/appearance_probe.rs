//! Slots taught to tell of their segments: whether they are there, where, how large, and what they look like.
//!
//! A linear layer reads each from the slot, so that decoders and dynamics find it there without a search; a layer with
//! a hidden one behind it may read the looks. The targets are pixels of the clip and of the segments that were found in
//! it; no label of a data set is used.

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayView4, ArrayView5, ArrayViewMut1, s};
use serde::{Deserialize, Serialize};

use crate::train::segments::loss::Owners;

/// There or not, row, column, size.
pub const PLACE_WIDTH: usize = 4;
/// How much place and size count beside the rest.
const PLACE: f32 = 5.0;

/// The thumbnail of its segment that a slot is asked for: a square around the segment's centre, black elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AppearanceConfig {
    /// Cells of the thumbnail along a side.
    pub cells: usize,
    /// Pixels along a side of a cell, which is their mean; 1 = every pixel is asked for.
    pub cell_size: usize,
    /// How much a thumbnail counts as a whole, beside presence.
    pub weight: f32,
    /// Width of the hidden layer that thumbnails are read through; unset = they are read linearly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
}

impl Default for AppearanceConfig {
    fn default() -> Self {
        Self {
            cells: 12,
            cell_size: 2,
            weight: 4.0,
            hidden: None,
        }
    }
}

impl AppearanceConfig {
    /// Numbers of a thumbnail: red, green, blue and mask of each cell.
    pub fn width(&self) -> usize {
        4 * self.cells * self.cells
    }

    /// Whether nothing was changed.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What slots are to tell, and how much each number counts.
#[derive(Debug, Clone)]
pub struct ProbeTargets {
    /// `[batch · time · slots, PLACE_WIDTH + thumbnail]`
    pub targets: Array2<f32>,
    /// `[batch · time · slots, PLACE_WIDTH + thumbnail]`
    pub weights: Array2<f32>,
}

impl ProbeTargets {
    /// What the slots that were given segments are to tell of them.
    ///
    /// A slot whose segment is not in a frame, or that has none, is to say so and is asked for nothing else; so is the
    /// slot of the background, which is always there.
    ///
    /// # Shape
    /// - `frames`: `[batch, time, height, width, rgb]`
    /// - `segments`: `[batch, time, height, width]`; 0 is background
    /// - `owners`: per clip, per segment
    pub fn new(
        frames: ArrayView5<'_, u8>,
        segments: ArrayView4<'_, u8>,
        owners: &[Owners],
        slots: usize,
        appearance: &AppearanceConfig,
    ) -> Self {
        let (batch, time, ..) = segments.dim();
        let size = (batch * time * slots, PLACE_WIDTH + appearance.width());
        let (mut targets, mut weights) = (Array2::zeros(size), Array2::zeros(size));
        weights.column_mut(0).fill(1.0);
        for (clip, owners) in owners.iter().enumerate() {
            for frame in 0..time {
                let labels = segments.slice(s![clip, frame, .., ..]);
                let picture = frames.slice(s![clip, frame, .., .., ..]);
                for (segment, slot) in owners.iter().enumerate() {
                    let Some(slot) = *slot else { continue };
                    let row = (clip * time + frame) * slots + slot;
                    let (target, weight) = (targets.row_mut(row), weights.row_mut(row));
                    let mut row = SlotTarget { target, weight };
                    let Some(centre) = row.place(labels, segment as u8) else {
                        continue;
                    };
                    row.thumbnail(picture, labels, (segment as u8, centre), appearance);
                }
            }
        }
        Self { targets, weights }
    }

    /// The weighted squared error of what slots tell, a slot.
    ///
    /// # Shape
    /// - `told`: `[batch · time · slots, PLACE_WIDTH + thumbnail]`
    pub fn loss(&self, told: Tensor<2>) -> Tensor<1> {
        let device = told.device();
        let tensor = |values: &Array2<f32>| {
            let data = TensorData::new(values.iter().copied().collect(), values.shape());
            Tensor::<2>::from_data(data, &device)
        };
        let squared = (told - tensor(&self.targets)).powi_scalar(2) * tensor(&self.weights);
        squared.sum() / self.targets.nrows().max(1) as f64
    }
}

/// One slot's row.
struct SlotTarget<'a> {
    target: ArrayViewMut1<'a, f32>,
    weight: ArrayViewMut1<'a, f32>,
}

impl SlotTarget<'_> {
    /// Writes presence, place and size; the segment's centre, row and column, if it is a thing and in the frame.
    fn place(&mut self, labels: ArrayView2<'_, u8>, segment: u8) -> Option<[f32; 2]> {
        let (height, width) = labels.dim();
        let (mut rows, mut columns, mut pixels) = (0, 0, 0);
        for ((row, column), &label) in labels.indexed_iter() {
            if label == segment {
                rows += row;
                columns += column;
                pixels += 1;
            }
        }
        if pixels == 0 {
            return None;
        }
        self.target[0] = 1.0;
        if segment == 0 {
            return None;
        }
        let middle = [rows as f32 / pixels as f32, columns as f32 / pixels as f32];
        let along = |place: f32, side: usize| 2.0 * (place + 0.5) / side as f32 - 1.0;
        self.target[1] = along(middle[0], height);
        self.target[2] = along(middle[1], width);
        self.target[3] = (pixels as f32 / (height * width) as f32).sqrt();
        self.weight.slice_mut(s![1..PLACE_WIDTH]).fill(PLACE);
        Some(middle)
    }

    /// Writes what the segment looks like.
    fn thumbnail(
        &mut self,
        picture: ArrayView3<'_, u8>,
        labels: ArrayView2<'_, u8>,
        (segment, centre): (u8, [f32; 2]),
        appearance: &AppearanceConfig,
    ) {
        let (cells, cell_size) = (appearance.cells, appearance.cell_size);
        let each = appearance.weight / appearance.width() as f32;
        self.weight.slice_mut(s![PLACE_WIDTH..]).fill(each);

        let corner = centre.map(|place| place.round() as usize);
        let share = 1.0 / (cell_size * cell_size) as f32;
        let side = cells * cell_size;
        for ((y, x), _) in labels
            .indexed_iter()
            .filter(|(_, label)| **label == segment)
        {
            let (row, column) = (y + side / 2, x + side / 2);
            let inside = |place: usize, corner: usize| (corner..corner + side).contains(&place);
            if !inside(row, corner[0]) || !inside(column, corner[1]) {
                continue;
            }
            let cell = (row - corner[0]) / cell_size * cells + (column - corner[1]) / cell_size;
            let cell = PLACE_WIDTH + 4 * cell;
            for (channel, value) in picture.slice(s![y, x, ..]).iter().enumerate() {
                self.target[cell + channel] += share * (f32::from(*value) / 127.5 - 1.0);
            }
            self.target[cell + 3] += share;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use ndarray::{Array4, Array5};

    use super::*;

    /// One white segment of 2×4 pixels at rows 4..6, columns 8..12, given to the second of three slots.
    fn summaries() -> ProbeTargets {
        targets(&AppearanceConfig::default())
    }

    fn targets(appearance: &AppearanceConfig) -> ProbeTargets {
        let mut frames = Array5::from_elem((1, 2, 16, 16, 3), 0);
        let mut segments = Array4::zeros((1, 2, 16, 16));
        segments.slice_mut(s![0, 0, 4..6, 8..12]).fill(1);
        frames.slice_mut(s![0, 0, 4..6, 8..12, ..]).fill(255);
        let owners = [vec![Some(0), Some(1)]];
        ProbeTargets::new(frames.view(), segments.view(), &owners, 3, appearance)
    }

    #[test]
    fn at_full_resolution_every_pixel_of_the_segment_is_asked_for() {
        let full = AppearanceConfig {
            cells: 24,
            cell_size: 1,
            weight: 30.0,
            hidden: None,
        };
        let told = targets(&full);
        assert_eq!(told.targets.dim(), (6, PLACE_WIDTH + 4 * 24 * 24));
        let row = told.targets.row(1);
        let mask = |y: usize, x: usize| row[PLACE_WIDTH + 4 * (24 * y + x) + 3];
        // The centre of rows 4 and 5 and columns 8 to 11 is rounded to pixel (5, 10), and lies in cell (12, 12).
        for (y, x) in (0..24).flat_map(|y| (0..24).map(move |x| (y, x))) {
            let inside = (11..13).contains(&y) && (10..14).contains(&x);
            assert_eq!(mask(y, x), f32::from(u8::from(inside)), "cell ({y}, {x})");
        }
        let weight = told.weights.row(1).slice(s![PLACE_WIDTH..]).sum();
        assert!((weight - 30.0).abs() < 1e-3, "{weight}");
    }

    #[test]
    fn a_slot_tells_where_its_segment_is_and_how_large() {
        let told = summaries();
        let row = told.targets.row(1);
        assert_eq!(row[0], 1.0);
        assert!(
            (row[1] - -0.375).abs() < 1e-6,
            "rows 4 and 5 of 16: {}",
            row[1]
        );
        assert!(
            (row[2] - 0.25).abs() < 1e-6,
            "columns 8 to 11 of 16: {}",
            row[2]
        );
        assert!((row[3] - (8.0_f32 / 256.0).sqrt()).abs() < 1e-6);
        let thumbnail: f32 = row.iter().skip(7).step_by(4).sum();
        assert!((thumbnail - 2.0).abs() < 1e-5, "eight pixels are two cells");
    }

    #[test]
    fn a_slot_without_a_segment_in_a_frame_is_asked_only_to_say_so() {
        let told = summaries();
        for absent in [2, 4, 5] {
            assert_eq!(told.targets.row(absent).sum(), 0.0);
            assert_eq!(told.weights.row(absent).sum(), 1.0);
        }
        assert_eq!(told.targets.row(0).sum(), 1.0, "the background is there");
    }

    #[test]
    fn telling_the_truth_costs_nothing_and_a_wrong_place_something() {
        let summaries = summaries();
        let tensor = |values: &Array2<f32>| {
            let data = TensorData::new(values.iter().copied().collect(), values.shape());
            Tensor::<2>::from_data(data, &Device::flex())
        };
        let cost = |told: &Array2<f32>| summaries.loss(tensor(told)).into_scalar::<f32>();
        assert_eq!(cost(&summaries.targets), 0.0);
        let mut wrong = summaries.targets.clone();
        wrong[[1, 1]] += 1.0;
        assert!((cost(&wrong) - PLACE / 6.0).abs() < 1e-6);
    }
}
