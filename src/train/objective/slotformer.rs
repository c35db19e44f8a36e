//! SlotFormer learns to roll slots forward (Wu et al., ICLR 2023, §3.2, slot loss).

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Axis, s};
use serde::{Deserialize, Serialize};

use crate::layout::floats;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::slots::SlotSequence;
use crate::noise::{Init, Noise};
use crate::train::{Losses, Objective, Step, TrainError};

/// `[slotformer]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotFormerObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames that are imagined behind the burn-in.
    pub rollout: usize,
}

impl Default for SlotFormerObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            rollout: 10,
        }
    }
}

/// SlotFormer learns to roll slots forward.
#[derive(Debug)]
pub struct SlotFormerObjective {
    /// The model.
    pub model: SlotFormerConfig,
    /// The loss.
    pub config: SlotFormerObjectiveConfig,
    /// Slots of the clips that it is trained on, `[clips, time, slots, dim]`.
    pub train: Array4<f32>,
    /// Slots of the clips that it is judged by.
    pub held_out: Array4<f32>,
}

impl SlotFormerObjective {
    fn length(&self) -> usize {
        self.model.burn_in + self.config.rollout
    }
}

/// A batch of windows on a device.
fn tensor(windows: &Array4<f32>, device: &Device) -> Tensor<4> {
    let (batch, time, slots, dim) = windows.dim();
    Tensor::from_data(
        TensorData::new(windows.iter().copied().collect(), [batch, time, slots, dim]),
        device,
    )
}

/// Mean squared distance of slots imagined after the burn-in from those perceived.
fn slot_loss(model: &SlotFormer, windows: Tensor<4>, burn_in: usize) -> Tensor<1> {
    let time = windows.dims()[1];
    let history = SlotSequence::seen(windows.clone().narrow(1, 0, burn_in));
    let imagined = model.rollout(&history, time - burn_in).imagined();
    (imagined - windows.narrow(1, burn_in, time - burn_in))
        .powi_scalar(2)
        .mean()
}

impl Objective for SlotFormerObjective {
    type Model = SlotFormer;
    type Batch = Array4<f32>;

    fn init(&self, init: &mut Init) -> SlotFormer {
        self.model.init(init)
    }

    fn batch(&self, noise: &mut Noise) -> Array4<f32> {
        let (clips, time, slots, dim) = self.train.dim();
        let length = self.length();
        let mut windows = Array4::zeros((self.config.batch, length, slots, dim));
        for mut window in windows.outer_iter_mut() {
            let (clip, start) = (noise.below(clips), noise.below(time - length + 1));
            let cut: ndarray::ArrayView3<'_, f32> =
                self.train.slice(s![clip, start..start + length, .., ..]);
            // The order of slots means nothing to the model; let it not learn one.
            for (to, from) in noise.shuffled(slots).into_iter().enumerate() {
                window
                    .slice_mut(s![.., to, ..])
                    .assign(&cut.slice(s![.., from, ..]));
            }
        }
        windows
    }

    fn losses(&self, model: &SlotFormer, batch: &Array4<f32>, step: &Step<'_>) -> Losses {
        Losses::single(
            "slots",
            slot_loss(model, tensor(batch, step.device), self.model.burn_in),
        )
    }

    fn validate(&self, model: &SlotFormer, device: &Device) -> Vec<(&'static str, f64)> {
        let (mut loss, mut copy, mut parts) = (0.0, 0.0, 0.0);
        let time = self.held_out.dim().1;
        let burn_in = self.model.burn_in;
        for part in self.held_out.axis_chunks_iter(Axis(0), 16) {
            let windows = tensor(&part.to_owned(), device);
            loss += f64::from(floats(slot_loss(model, windows.clone(), burn_in))[0]);
            let last = windows.clone().narrow(1, burn_in - 1, 1);
            let later = windows.narrow(1, burn_in, time - burn_in);
            copy += f64::from(floats((later - last).powi_scalar(2).mean())[0]);
            parts += 1.0;
        }
        vec![("slots", loss / parts), ("copy-of-last", copy / parts)]
    }

    fn preview(&self, _: &SlotFormer, _: &Device, _: &Path, _: &str) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Whether every clip is long enough for a window.
///
/// # Errors
/// When one is not.
pub fn check(slots: &Array4<f32>, length: usize) -> Result<(), TrainError> {
    let time = slots.dim().1;
    if time < length {
        let reason = format!("clips of {time} frames are shorter than windows of {length}");
        return Err(TrainError::Data { reason });
    }
    Ok(())
}
