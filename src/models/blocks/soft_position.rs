//! Where a pixel is, as a vector: a dense layer over its distances from the four sides.
//! Reference: SlotDiffusion `models/utils.py`, `SoftPositionEmbed` and `build_grid`.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use super::Linear;
use crate::rng::Init;

/// A learned code for every place of a grid of any size.
#[derive(Module, Debug)]
pub struct SoftPosition {
    /// From `[y, x, 1 − y, 1 − x]` to a code.
    pub dense: Linear,
}

impl SoftPosition {
    /// Codes of `channels` numbers.
    ///
    /// `scale` shrinks the initial parameters: untrained features are small beside codes at scale one,
    /// and attention would then see place before content.
    pub fn new(init: &mut Init, channels: usize, scale: f64) -> Self {
        let bound = 0.5 * scale; // PyTorch's 1/√in for four inputs
        Self {
            dense: Linear {
                weight: init.uniform([channels, 4], bound),
                bias: Some(init.uniform([channels], bound)),
            },
        }
    }

    /// The codes of a grid, row by row.
    ///
    /// # Shape
    /// `[1, height · width, channels]`
    pub fn codes(&self, [height, width]: [usize; 2]) -> Tensor<3> {
        let device = self.dense.weight.val().device();
        let places = TensorData::new(places(height, width), [1, height * width, 4]);
        self.dense.forward(Tensor::<3>::from_data(places, &device))
    }
}

/// `[y, x, 1 − y, 1 − x]` of every place, 0..1 from edge to edge.
fn places(height: usize, width: usize) -> Vec<f32> {
    let along = |index: usize, count: usize| index as f32 / (count.max(2) - 1) as f32;
    let mut places = Vec::with_capacity(height * width * 4);
    for row in 0..height {
        for column in 0..width {
            let (y, x) = (along(row, height), along(column, width));
            places.extend([y, x, 1.0 - y, 1.0 - x]);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_from_edge_to_edge_row_by_row() {
        let places = places(2, 3);
        assert_eq!(places[..4], [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(places[4..8], [0.0, 0.5, 1.0, 0.5]);
        assert_eq!(places[20..], [1.0, 1.0, 0.0, 0.0]);
    }
}
