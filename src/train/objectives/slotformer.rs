//! SlotFormer learns to roll slots forward (Wu et al., ICLR 2023, §3.2: slot loss, and image loss where a decoder is
//! given).

use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Array5, s};
use serde::{Deserialize, Serialize};

use crate::models::decoder::SlotDecoder;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::slots::SlotSequence;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, floats};
use crate::train::data::array_store::StoredArray;
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::error::TrainError;
use crate::train::interface::{Losses, Objective, StepContext};

/// `[slotformer]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotFormerObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames of the rollout behind the burn-in.
    pub rollout: usize,
    /// Weight of the image loss of rolled-out slots, where there is a decoder.
    pub image: f64,
    /// Slots of every other window that are blank from the burn-in's second frame on and rolled out all the same, from
    /// their first frame and the other slots; none if 0.
    ///
    /// Differs: Causal-JEPA (2026) also asks for the blanked frames themselves; here only for those behind them.
    #[serde(skip_serializing_if = "is_none")]
    pub masked: usize,
    /// Standard deviation of the normal noise that is laid on the observed slots, in that of the batch's slots: a roll-out
    /// sees its own errors, and learns here to live with some; none if 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_noise: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
/// Left out of recipes as [`is_none`].
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
/// Left out of recipes, so that trainings without it stay what they were.
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Default for SlotFormerObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            rollout: 10,
            image: 1.0,
            masked: 0,
            input_noise: 0.0,
        }
    }
}

/// Decoder and frames of the image loss.
#[derive(Debug)]
pub struct ImageLoss<'a> {
    /// Trained before and frozen; on the device of inference.
    pub decoder: SlotDecoder,
    /// Frames of the clips that are trained on.
    pub train: &'a ClipDataset,
    /// Frames of the clips that are validated on.
    pub held_out: &'a ClipDataset,
}

/// Windows of slots, and the frames of their rollouts where the image loss counts.
#[derive(Debug)]
pub struct SlotFormerBatch {
    slots: Array4<f32>,
    frames: Option<Array5<u8>>,
}

/// SlotFormer learns to roll slots forward.
#[derive(Debug)]
pub struct SlotFormerObjective<'a> {
    /// The model.
    pub model: SlotFormerConfig,
    /// Settings of the batches and the loss.
    pub config: SlotFormerObjectiveConfig,
    /// Slots of the clips that it is trained on, `[clips, time, slots, dim]`.
    pub train: StoredArray,
    /// Slots of the clips that it is validated on.
    pub held_out: StoredArray,
    /// Decoder and frames of the image loss; unset = the slot loss alone.
    pub image_loss: Option<ImageLoss<'a>>,
}

impl SlotFormerObjective<'_> {
    /// Loss of the decoder on `frames`, given rolled-out slots.
    fn decoder_loss(
        decoder: &SlotDecoder,
        rollout: Tensor<4>,
        frames: &Array5<u8>,
        noise: &mut SeededRng,
    ) -> Tensor<1> {
        let device = rollout.device();
        let decoder = decoder.clone().fork(&device).no_grad();
        let frames = batch_from_clips(frames.view(), &device).flatten(0, 1);
        decoder.loss(frames, rollout.flatten(0, 1), noise)
    }

    fn length(&self) -> usize {
        self.model.burn_in + self.config.rollout
    }

    /// The windows with noise on them, where the settings ask for it; only their observed frames are read.
    fn disturbed(&self, windows: &Tensor<4>, step: &StepContext<'_>) -> Tensor<4> {
        if self.config.input_noise == 0.0 {
            return windows.clone();
        }
        let noise = step
            .noise("inputs")
            .normal(windows.dims(), &windows.device());
        let mean = windows.clone().mean();
        let deviation = (windows.clone() - mean.unsqueeze()).square().mean().sqrt();
        windows.clone() + noise * deviation.mul_scalar(self.config.input_noise).unsqueeze()
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

/// Slots rolled out behind the burn-in, `[batch, time − burn-in, slots, dim]`.
fn rolled_out(model: &SlotFormer, windows: &Tensor<4>, burn_in: usize) -> Tensor<4> {
    let time = windows.dims()[1];
    let history = SlotSequence::observed(windows.clone().narrow(1, 0, burn_in));
    model.rollout(&history, time - burn_in).imagined()
}

/// Mean squared distance of rolled-out slots from encoded ones.
fn slot_loss(rollout: Tensor<4>, windows: Tensor<4>, burn_in: usize) -> Tensor<1> {
    let time = windows.dims()[1];
    (rollout - windows.narrow(1, burn_in, time - burn_in))
        .powi_scalar(2)
        .mean()
}

impl Objective for SlotFormerObjective<'_> {
    type Model = SlotFormer;
    type Batch = SlotFormerBatch;

    fn init(&self, init: &mut Init) -> SlotFormer {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<SlotFormerBatch, TrainError> {
        let all = self.train.view();
        let (clips, time, slots, dim) = all.dim();
        let length = self.length();
        let mut windows = Array4::zeros((self.config.batch, length, slots, dim));
        let mut predicted = Vec::with_capacity(self.config.batch);
        for mut window in windows.outer_iter_mut() {
            let (clip, start) = (noise.below(clips), noise.below(time - length + 1));
            let cut: ndarray::ArrayView3<'_, f32> =
                all.slice(s![clip, start..start + length, .., ..]);
            // The order of slots means nothing to the model; let it not learn one.
            for (to, from) in noise.shuffled(slots).into_iter().enumerate() {
                window
                    .slice_mut(s![.., to, ..])
                    .assign(&cut.slice(s![.., from, ..]));
            }
            // The slots stand in any order: the first are as good as any.
            let masked = self.config.masked.min(slots.saturating_sub(1));
            if masked > 0 && noise.below(2) == 0 {
                window
                    .slice_mut(s![1..self.model.burn_in, ..masked, ..])
                    .fill(0.0);
            }
            predicted.push(WindowStart::new(clip, start + self.model.burn_in));
        }
        let frames = self.image_loss.as_ref();
        let frames =
            frames.map(|image_loss| image_loss.train.windows(&predicted, self.config.rollout));
        Ok(SlotFormerBatch {
            slots: windows,
            frames: frames.transpose()?,
        })
    }

    fn losses(
        &self,
        model: &SlotFormer,
        batch: &SlotFormerBatch,
        step: &StepContext<'_>,
    ) -> Losses {
        let windows = tensor(&batch.slots, step.device);
        let burn_in = self.model.burn_in;
        let seen = self.disturbed(&windows, step);
        let rollout = rolled_out(model, &seen, burn_in);
        let mut parts = vec![("slots", 1.0, slot_loss(rollout.clone(), windows, burn_in))];
        if let (Some(image_loss), Some(frames)) = (&self.image_loss, &batch.frames) {
            let mut noise = step.noise("pictures");
            let loss = Self::decoder_loss(&image_loss.decoder, rollout, frames, &mut noise);
            parts.push(("image", self.config.image, loss));
        }
        Losses::weighted(parts)
    }

    fn validate(&self, model: &SlotFormer, device: &Device) -> Result<Figures, TrainError> {
        let (mut loss, mut copy, mut image, mut parts) = (0.0, 0.0, 0.0, 0.0);
        let (clips, time, ..) = self.held_out.dim();
        let burn_in = self.model.burn_in;
        for first in (0..clips).step_by(16) {
            let range = first..(first + 16).min(clips);
            let windows = tensor(
                &self
                    .held_out
                    .view()
                    .slice(s![range.clone(), .., .., ..])
                    .to_owned(),
                device,
            );
            let rollout = rolled_out(model, &windows, burn_in);
            if let Some(image_loss) = &self.image_loss {
                let later: Vec<_> = range.map(|clip| WindowStart::new(clip, burn_in)).collect();
                let frames = image_loss.held_out.windows(&later, time - burn_in)?;
                let mut noise = SeededRng::new(0, &["validate"]);
                let cost =
                    Self::decoder_loss(&image_loss.decoder, rollout.clone(), &frames, &mut noise);
                image += f64::from(floats(cost)[0]);
            }
            loss += f64::from(floats(slot_loss(rollout, windows.clone(), burn_in))[0]);
            let last = windows.clone().narrow(1, burn_in - 1, 1);
            let later = windows.narrow(1, burn_in, time - burn_in);
            copy += f64::from(floats((later - last).powi_scalar(2).mean())[0]);
            parts += 1.0;
        }
        let mut figures = vec![("slots", loss / parts), ("copy-of-last", copy / parts)];
        if self.image_loss.is_some() {
            figures.push(("image", image / parts));
        }
        Ok(figures)
    }
}

/// Whether every clip is long enough for a window.
///
/// # Errors
/// When one is not.
pub fn check(slots: &StoredArray, length: usize) -> Result<(), TrainError> {
    let time = slots.dim().1;
    if time < length {
        let reason = format!("clips of {time} frames are shorter than windows of {length}");
        return Err(TrainError::Data { reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::blocks::TransformerConfig;
    use crate::models::decoder::mixture::MixtureConfig;
    use crate::weights::Values;
    use crate::weights::collect_gradients;

    fn objective(clips: &ClipDataset, with_image_loss: bool) -> SlotFormerObjective<'_> {
        let slots = Array4::from_shape_fn((2, 5, 3, 4), |(a, b, c, d)| {
            ((a + 2 * b + 3 * c + d) % 7) as f32 * 0.2
        });
        let mixture = MixtureConfig {
            dim: 4,
            channels: vec![4],
            start: [4, 4],
            resolution: [8, 8],
            ..MixtureConfig::default()
        };
        let image_loss = ImageLoss {
            decoder: SlotDecoder::Mixture(mixture.init(&mut Init::seeded(1, &Device::flex()))),
            train: clips,
            held_out: clips,
        };
        SlotFormerObjective {
            model: SlotFormerConfig {
                dim: 4,
                burn_in: 2,
                window: 2,
                transformer: TransformerConfig {
                    dim: 8,
                    layers: 1,
                    heads: 2,
                    feed_forward: 8,
                    dropout: 0.0,
                },
                residual: false,
            },
            config: SlotFormerObjectiveConfig {
                batch: 2,
                rollout: 2,
                image: 10.0,
                masked: 0,
                input_noise: 0.0,
            },
            train: slots.clone().into(),
            held_out: slots.into(),
            image_loss: with_image_loss.then_some(image_loss),
        }
    }

    #[test]
    fn masked_slots_keep_their_first_frame_and_their_rollout() {
        let clips = ClipDataset::in_memory(Array5::zeros((2, 5, 16, 16, 3)), None);
        let mut objective = objective(&clips, false);
        objective.model.burn_in = 3;
        objective.config.rollout = 2;
        objective.config.batch = 16;
        objective.train = StoredArray::from(objective.train.view().mapv(|value| value + 1.0));
        objective.config.masked = 1;
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let blank = |t: usize, slot: usize| {
            let of = batch.slots.slice(s![.., t, slot, ..]);
            of.outer_iter()
                .filter(|row| row.iter().all(|value| *value == 0.0))
                .count()
        };
        assert!((1..16).contains(&blank(1, 0)) && blank(1, 0) == blank(2, 0));
        for (t, slot) in [(0, 0), (3, 0), (4, 0), (1, 1), (2, 2)] {
            assert_eq!(blank(t, slot), 0, "frame {t}, slot {slot}");
        }
    }

    #[test]
    fn noise_lies_on_the_observed_slots_and_not_on_their_truth() {
        let clips = ClipDataset::in_memory(Array5::zeros((2, 5, 16, 16, 3)), None);
        let device = Device::flex();
        let loss = |noise: f64, residual: bool| {
            let mut objective = objective(&clips, false);
            objective.config.input_noise = noise;
            objective.model.residual = residual;
            let model = objective.init(&mut Init::seeded(2, &device));
            let step = StepContext::of_test(0, &device);
            let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
            let total = objective.losses(&model, &batch, &step).total;
            f64::from(floats(total)[0])
        };
        // A copy of disturbed slots is wrong by the noise, whose variance adds to the error of a copy.
        let (clean, noisy) = (loss(0.0, true), loss(0.5, true));
        assert!(noisy > clean + 0.01, "{noisy} after {clean}");
        assert!((loss(0.0, false) - loss(1e-9, false)).abs() < 1e-5);
    }

    #[test]
    fn a_residual_model_learns_from_its_first_step() {
        let clips = ClipDataset::in_memory(Array5::zeros((2, 5, 16, 16, 3)), None);
        let device = Device::flex().autodiff();
        let mut objective = objective(&clips, false);
        objective.model.residual = true;
        let model = objective.init(&mut Init::seeded(2, &device));
        let step = StepContext::of_test(0, &device);
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let losses = objective.losses(&model, &batch, &step);
        let gradient = collect_gradients(&model, &losses.total.backward());
        for name in ["output.weight", "output.bias"] {
            let Values::F32(values) = &gradient.entries[name].values else {
                panic!("`{name}` has no gradient");
            };
            assert!(values.iter().any(|value| *value != 0.0), "`{name}`");
        }
    }

    #[test]
    fn the_image_loss_changes_the_gradient_and_not_the_decoder() {
        let clips = ClipDataset::in_memory(
            Array5::from_shape_fn((2, 5, 16, 16, 3), |(a, b, y, x, c)| {
                (50 * a + 20 * b + 3 * y + 2 * x + c) as u8
            }),
            None,
        );
        let device = Device::flex().autodiff();
        let gradient = |with_image_loss: bool| {
            let objective = objective(&clips, with_image_loss);
            let model = objective.init(&mut Init::seeded(2, &device));
            let step = StepContext::of_test(0, &device);
            let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
            let losses = objective.losses(&model, &batch, &step);
            assert_eq!(losses.parts.len(), if with_image_loss { 2 } else { 1 });
            collect_gradients(&model, &losses.total.backward())
        };
        let (with, without) = (gradient(true), gradient(false));
        assert!(with.entries.keys().eq(without.entries.keys()));
        assert_ne!(with.get("output.weight"), without.get("output.weight"));
        let flex = Device::flex();
        let objective = objective(&clips, true);
        let figures = objective
            .validate(&objective.init(&mut Init::seeded(2, &flex)), &flex)
            .unwrap();
        assert!(figures[2].0 == "image" && figures[2].1 > 0.0, "{figures:?}");
    }
}
