//! Slots → slots with a rollout behind them.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, ArrayView3};

use crate::artifacts::{ClipSlots, RunError};
use crate::models::dynamics::SlotFormer;
use crate::models::slots::SlotSequence;
use crate::tensor_conversion::floats;

/// An observed history and the rollout that follows it.
///
/// # Shape
/// `[history, slots, dim]` → `[history + steps, slots, dim]`
///
/// # Errors
/// When the model predicts what is no number.
pub fn rolled_out(
    dynamics: &SlotFormer,
    history: ArrayView3<'_, f32>,
    steps: usize,
    device: &Device,
) -> Result<ClipSlots, RunError> {
    let (time, count, dim) = history.dim();
    let data = TensorData::new(history.iter().copied().collect(), [1, time, count, dim]);
    let history = SlotSequence::observed(Tensor::from_data(data, device));
    let sequence = dynamics.rollout(&history, steps);
    let observed = sequence.observed;
    let all = floats(sequence.slots);
    if all.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the imagined slots are not numbers".to_owned(),
        });
    }
    let slots = Array3::from_shape_vec((time + steps, count, dim), all);
    let slots = slots.map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(ClipSlots { slots, observed })
}
