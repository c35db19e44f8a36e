//! Slots taught to tell of their segments: whether they are there, where, how large, and what they look like.
//!
//! A linear layer reads each from the slot, so that decoders and dynamics find it there without a search. The targets
//! are pixels of the clip and of the segments that were found in it; no label of a data set is used.

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayView4, ArrayView5, ArrayViewMut1, s};

use crate::train::segments::loss::Owners;

/// Cells of a thumbnail along a side.
const CELLS: usize = 12;
/// Pixels of a cell along a side.
const CELL: usize = 2;
/// There or not, row, column, size, and the thumbnail's red, green, blue and mask.
pub const WIDTH: usize = 4 + 4 * CELLS * CELLS;
/// How much place and size count beside the rest.
const PLACE: f32 = 5.0;
/// How much a thumbnail counts as a whole.
const LOOK: f32 = 4.0;

/// What slots are to tell, and how much each number counts.
#[derive(Debug, Clone)]
pub struct ProbeTargets {
    /// `[batch · time · slots, WIDTH]`
    pub targets: Array2<f32>,
    /// `[batch · time · slots, WIDTH]`
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
    ) -> Self {
        let (batch, time, ..) = segments.dim();
        let rows = batch * time * slots;
        let (mut targets, mut weights) =
            (Array2::zeros((rows, WIDTH)), Array2::zeros((rows, WIDTH)));
        weights.column_mut(0).fill(1.0);
        for (clip, owners) in owners.iter().enumerate() {
            for frame in 0..time {
                let labels = segments.slice(s![clip, frame, .., ..]);
                let picture = frames.slice(s![clip, frame, .., .., ..]);
                for (segment, slot) in owners.iter().enumerate() {
                    let Some(slot) = *slot else { continue };
                    let row = (clip * time + frame) * slots + slot;
                    let (target, weight) = (targets.row_mut(row), weights.row_mut(row));
                    SlotTarget { target, weight }.write(picture, labels, segment as u8);
                }
            }
        }
        Self { targets, weights }
    }

    /// The weighted squared error of what slots tell, a slot.
    ///
    /// # Shape
    /// - `told`: `[batch · time · slots, WIDTH]`
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
    fn write(mut self, picture: ArrayView3<'_, u8>, labels: ArrayView2<'_, u8>, segment: u8) {
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
            return;
        }
        self.target[0] = 1.0;
        if segment == 0 {
            return;
        }
        let middle = [rows as f32 / pixels as f32, columns as f32 / pixels as f32];
        let along = |place: f32, side: usize| 2.0 * (place + 0.5) / side as f32 - 1.0;
        self.target[1] = along(middle[0], height);
        self.target[2] = along(middle[1], width);
        self.target[3] = (pixels as f32 / (height * width) as f32).sqrt();
        self.weight.slice_mut(s![1..4]).fill(PLACE);
        let each = LOOK / (4 * CELLS * CELLS) as f32;
        self.weight.slice_mut(s![4..]).fill(each);

        let corner = middle.map(|place| place.round() as usize);
        let share = 1.0 / (CELL * CELL) as f32;
        for ((y, x), _) in labels
            .indexed_iter()
            .filter(|(_, label)| **label == segment)
        {
            let half = CELLS * CELL / 2;
            let (row, column) = (y + half, x + half);
            let inside = |place: usize, corner: usize| (corner..corner + 2 * half).contains(&place);
            if !inside(row, corner[0]) || !inside(column, corner[1]) {
                continue;
            }
            let cell = (row - corner[0]) / CELL * CELLS + (column - corner[1]) / CELL;
            let cell = 4 + 4 * cell;
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
        let mut frames = Array5::from_elem((1, 2, 16, 16, 3), 0);
        let mut segments = Array4::zeros((1, 2, 16, 16));
        segments.slice_mut(s![0, 0, 4..6, 8..12]).fill(1);
        frames.slice_mut(s![0, 0, 4..6, 8..12, ..]).fill(255);
        let owners = [vec![Some(0), Some(1)]];
        ProbeTargets::new(frames.view(), segments.view(), &owners, 3)
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
