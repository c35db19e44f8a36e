//! Slots → slots with a rollout behind them.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, ArrayView3};

use crate::artifacts::RunError;
use crate::models::dynamics::SlotFormer;
use crate::models::slots::SlotSequence;
use crate::tensor_conversion::floats;

/// A history and the rollout that follows it.
///
/// # Shape
/// `[history, slots, dim]` → `[history + steps, slots, dim]`
///
/// # Errors
/// When the model predicts what is no number.
pub fn continued(
    dynamics: &SlotFormer,
    history: ArrayView3<'_, f32>,
    steps: usize,
    device: &Device,
) -> Result<Array3<f32>, RunError> {
    let (time, count, dim) = history.dim();
    let data = TensorData::new(history.iter().copied().collect(), [1, time, count, dim]);
    let seen = SlotSequence::seen(Tensor::from_data(data, device));
    let all = floats(dynamics.rollout(&seen, steps).slots);
    if all.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the imagined slots are not numbers".to_owned(),
        });
    }
    Array3::from_shape_vec((time + steps, count, dim), all).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })
}
