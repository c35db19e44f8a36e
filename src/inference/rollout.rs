//! Slots → slots with a rollout behind them.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, ArrayView3, Axis, s};

use crate::artifacts::{ClipSlots, RunError};
use crate::inference::empty_slots::{filled_backwards, occupied};
use crate::models::dynamics::SlotFormer;
use crate::models::slots::SlotSequence;
use crate::tensor_conversion::floats;

/// An observed history and the rollout that follows it.
///
/// Only slots that are not [empty](crate::inference::empty_slots) in the last frame of the history are rolled out; the others
/// stay empty. Where such a slot is empty in an earlier frame, its next value stands in for it there.
///
/// # Shape
/// `[history, slots, dim]` → `[history + steps, slots, dim]`
///
/// # Errors
/// When there is no history, or the model predicts what is no number.
pub fn rolled_out(
    dynamics: &SlotFormer,
    history: ArrayView3<'_, f32>,
    steps: usize,
    device: &Device,
) -> Result<ClipSlots, RunError> {
    let (time, count, dim) = history.dim();
    let Some(last) = history.axis_iter(Axis(0)).next_back() else {
        return Err(RunError::Unfit {
            reason: "there is no frame to roll out from".to_owned(),
        });
    };
    let kept = occupied(last);
    let mut slots = Array3::zeros((time + steps, count, dim));
    slots.slice_mut(s![..time, .., ..]).assign(&history);
    if steps > 0 && !kept.is_empty() {
        let present = filled_backwards(history.select(Axis(1), &kept).view());
        let predicted = predicted(dynamics, present.view(), steps, device)?;
        for (from, to) in kept.into_iter().enumerate() {
            let mut place = slots.slice_mut(s![time.., to, ..]);
            place.assign(&predicted.slice(s![time.., from, ..]));
        }
    }
    Ok(ClipSlots {
        slots,
        observed: time,
    })
}

/// The history and what SlotFormer predicts behind it, of slots none of which is empty.
fn predicted(
    dynamics: &SlotFormer,
    history: ArrayView3<'_, f32>,
    steps: usize,
    device: &Device,
) -> Result<Array3<f32>, RunError> {
    let (time, count, dim) = history.dim();
    let data = TensorData::new(history.iter().copied().collect(), [1, time, count, dim]);
    let history = SlotSequence::observed(Tensor::from_data(data, device));
    let all = floats(dynamics.rollout(&history, steps).slots);
    if all.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the imagined slots are not numbers".to_owned(),
        });
    }
    Array3::from_shape_vec((time + steps, count, dim), all).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use crate::models::blocks::TransformerConfig;
    use crate::models::dynamics::SlotFormerConfig;
    use crate::rng::{Init, SeededRng};

    use super::*;

    fn small(device: &Device) -> (SlotFormer, Array3<f32>) {
        let config = SlotFormerConfig {
            dim: 6,
            burn_in: 3,
            window: 3,
            transformer: TransformerConfig {
                dim: 8,
                layers: 1,
                heads: 2,
                feed_forward: 16,
                dropout: 0.0,
            },
            residual: false,
        };
        let history = SeededRng::new(1, &["history"]).normal_vec(3 * 4 * 6);
        let history = Array3::from_shape_vec((3, 4, 6), history).unwrap();
        (config.init(&mut Init::seeded(2, device)), history)
    }

    #[test]
    fn an_empty_slot_is_not_rolled_out_and_the_others_do_not_see_it() {
        let device = Device::flex();
        let (dynamics, mut history) = small(&device);
        let without = history.select(Axis(1), &[0, 2, 3]);
        history.slice_mut(s![.., 1, ..]).fill(0.0);
        let all = rolled_out(&dynamics, history.view(), 4, &device).unwrap();
        assert_eq!((all.slots.dim(), all.observed), ((7, 4, 6), 3));
        assert!(
            all.slots
                .slice(s![.., 1, ..])
                .iter()
                .all(|value| *value == 0.0)
        );
        let alone = rolled_out(&dynamics, without.view(), 4, &device).unwrap();
        assert_eq!(all.slots.select(Axis(1), &[0, 2, 3]), alone.slots);
    }

    #[test]
    fn the_first_value_of_a_slot_stands_in_for_the_frames_before_it() {
        let device = Device::flex();
        let (dynamics, mut history) = small(&device);
        let first = history.slice(s![1, 2, ..]).to_owned();
        history.slice_mut(s![0, 2, ..]).fill(0.0);
        let late = rolled_out(&dynamics, history.view(), 2, &device).unwrap();
        assert!(
            late.slots
                .slice(s![0, 2, ..])
                .iter()
                .all(|value| *value == 0.0)
        );
        history.slice_mut(s![0, 2, ..]).assign(&first);
        let whole = rolled_out(&dynamics, history.view(), 2, &device).unwrap();
        assert_eq!(late.rolled_out(), whole.rolled_out());
    }

    #[test]
    fn with_nothing_to_predict_the_history_comes_back() {
        let device = Device::flex();
        let (dynamics, history) = small(&device);
        let same = rolled_out(&dynamics, history.slice(s![..1, .., ..]), 0, &device).unwrap();
        assert_eq!(same.slots, history.slice(s![..1, .., ..]));
        let empty = Array3::zeros((3, 4, 6));
        let nothing = rolled_out(&dynamics, empty.view(), 2, &device).unwrap();
        assert!(nothing.slots.iter().all(|value| *value == 0.0));
    }
}
