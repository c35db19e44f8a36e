//! SlotFormer learns to roll slots forward (Wu et al., ICLR 2023, §3.2: slot loss, and image loss where a decoder is
//! given).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Array5, s};
use serde::{Deserialize, Serialize};

use crate::models::decoder::SlotDecoder;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::slots::SlotSequence;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, floats};
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::data::slot_store::SlotDataset;
use crate::train::error::TrainError;
use crate::train::interface::{Losses, Objective, StepContext};

/// `[slotformer]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotFormerObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames that are imagined behind the burn-in.
    pub rollout: usize,
    /// Weight of what the pictures of imagined slots cost, where there is a decoder.
    pub image: f64,
    /// Slots of every other window that are blank from the burn-in's second frame on and imagined all the same, from
    /// their first frame and the other slots; none if 0.
    ///
    /// Differs: Causal-JEPA (2026) also asks for the blanked frames themselves; here only for those behind them.
    #[serde(skip_serializing_if = "is_none")]
    pub masked: usize,
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
        }
    }
}

/// The frames that imagined slots should draw.
#[derive(Debug)]
pub struct Pictures<'a> {
    /// Trained before and frozen; on the device of inference.
    pub decoder: SlotDecoder,
    /// Frames of the clips that are trained on.
    pub train: &'a ClipDataset,
    /// Frames of the clips that are judged by.
    pub held_out: &'a ClipDataset,
}

/// Windows of slots, and the frames of what is to be imagined where pictures count.
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
    /// The loss.
    pub config: SlotFormerObjectiveConfig,
    /// Slots of the clips that it is trained on, `[clips, time, slots, dim]`.
    pub train: SlotDataset,
    /// Slots of the clips that it is judged by.
    pub held_out: SlotDataset,
    /// What imagined slots should draw; unset = the slots alone count.
    pub pictures: Option<Pictures<'a>>,
}

impl SlotFormerObjective<'_> {
    /// What it costs that the decoder does not draw `frames` from imagined slots.
    fn image_loss(
        decoder: &SlotDecoder,
        imagined: Tensor<4>,
        frames: &Array5<u8>,
        noise: &mut SeededRng,
    ) -> Tensor<1> {
        let device = imagined.device();
        let decoder = decoder.clone().fork(&device).no_grad();
        let frames = batch_from_clips(frames.view(), &device).flatten(0, 1);
        decoder.loss(frames, imagined.flatten(0, 1), noise)
    }

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

/// Slots imagined after the burn-in.
fn imagined(model: &SlotFormer, windows: &Tensor<4>, burn_in: usize) -> Tensor<4> {
    let time = windows.dims()[1];
    let history = SlotSequence::seen(windows.clone().narrow(1, 0, burn_in));
    model.rollout(&history, time - burn_in).imagined()
}

/// Mean squared distance of imagined slots from those perceived.
fn slot_loss(imagined: Tensor<4>, windows: Tensor<4>, burn_in: usize) -> Tensor<1> {
    let time = windows.dims()[1];
    (imagined - windows.narrow(1, burn_in, time - burn_in))
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

    fn batch(&self, noise: &mut SeededRng) -> SlotFormerBatch {
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
            predicted.push(WindowStart {
                clip,
                frame: start + self.model.burn_in,
            });
        }
        let frames = self.pictures.as_ref();
        SlotFormerBatch {
            slots: windows,
            frames: frames.map(|pictures| pictures.train.windows(&predicted, self.config.rollout)),
        }
    }

    fn losses(
        &self,
        model: &SlotFormer,
        batch: &SlotFormerBatch,
        step: &StepContext<'_>,
    ) -> Losses {
        let windows = tensor(&batch.slots, step.device);
        let burn_in = self.model.burn_in;
        let imagined = imagined(model, &windows, burn_in);
        let mut parts = vec![("slots", 1.0, slot_loss(imagined.clone(), windows, burn_in))];
        if let (Some(pictures), Some(frames)) = (&self.pictures, &batch.frames) {
            let mut noise = step.noise("pictures");
            let loss = Self::image_loss(&pictures.decoder, imagined, frames, &mut noise);
            parts.push(("image", self.config.image, loss));
        }
        Losses::weighted(parts)
    }

    fn validate(&self, model: &SlotFormer, device: &Device) -> Vec<(&'static str, f64)> {
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
            let imagined = imagined(model, &windows, burn_in);
            if let Some(pictures) = &self.pictures {
                let frames = &pictures.held_out.frames;
                let frames = frames
                    .slice(s![range, burn_in..time, .., .., ..])
                    .to_owned();
                let mut noise = SeededRng::new(0, &["validate"]);
                let cost =
                    Self::image_loss(&pictures.decoder, imagined.clone(), &frames, &mut noise);
                image += f64::from(floats(cost)[0]);
            }
            loss += f64::from(floats(slot_loss(imagined, windows.clone(), burn_in))[0]);
            let last = windows.clone().narrow(1, burn_in - 1, 1);
            let later = windows.narrow(1, burn_in, time - burn_in);
            copy += f64::from(floats((later - last).powi_scalar(2).mean())[0]);
            parts += 1.0;
        }
        let mut figures = vec![("slots", loss / parts), ("copy-of-last", copy / parts)];
        if self.pictures.is_some() {
            figures.push(("image", image / parts));
        }
        figures
    }
}

/// Whether every clip is long enough for a window.
///
/// # Errors
/// When one is not.
pub fn check(slots: &SlotDataset, length: usize) -> Result<(), TrainError> {
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
    use crate::weights::collect_gradients;

    fn objective(footage: &ClipDataset, with_pictures: bool) -> SlotFormerObjective<'_> {
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
        let pictures = Pictures {
            decoder: SlotDecoder::Mixture(mixture.init(&mut Init::seeded(1, &Device::flex()))),
            train: footage,
            held_out: footage,
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
            },
            config: SlotFormerObjectiveConfig {
                batch: 2,
                rollout: 2,
                image: 10.0,
                masked: 0,
            },
            train: slots.clone().into(),
            held_out: slots.into(),
            pictures: with_pictures.then_some(pictures),
        }
    }

    #[test]
    fn masked_slots_keep_their_first_frame_and_what_is_to_be_imagined() {
        let footage = ClipDataset {
            frames: Array5::zeros((2, 5, 16, 16, 3)),
            masks: None,
        };
        let mut objective = objective(&footage, false);
        objective.model.burn_in = 3;
        objective.config.rollout = 2;
        objective.config.batch = 16;
        objective.train = SlotDataset::from(objective.train.view().mapv(|value| value + 1.0));
        objective.config.masked = 1;
        let batch = objective.batch(&mut SeededRng::new(1, &[]));
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
    fn pictures_of_imagined_slots_change_the_gradient_and_not_the_decoder() {
        let footage = ClipDataset {
            frames: Array5::from_shape_fn((2, 5, 16, 16, 3), |(a, b, y, x, c)| {
                (50 * a + 20 * b + 3 * y + 2 * x + c) as u8
            }),
            masks: None,
        };
        let device = Device::flex().autodiff();
        let gradient = |with_pictures: bool| {
            let objective = objective(&footage, with_pictures);
            let model = objective.init(&mut Init::seeded(2, &device));
            let step = StepContext {
                done: 0,
                total: 10,
                part: 0,
                device: &device,
                seed: 1,
            };
            let batch = objective.batch(&mut SeededRng::new(1, &[]));
            let losses = objective.losses(&model, &batch, &step);
            assert_eq!(losses.parts.len(), if with_pictures { 2 } else { 1 });
            collect_gradients(&model, &losses.total.backward())
        };
        let (with, without) = (gradient(true), gradient(false));
        assert!(with.entries.keys().eq(without.entries.keys()));
        assert_ne!(with.get("output.weight"), without.get("output.weight"));
        let flex = Device::flex();
        let objective = objective(&footage, true);
        let figures = objective.validate(&objective.init(&mut Init::seeded(2, &flex)), &flex);
        assert!(figures[2].0 == "image" && figures[2].1 > 0.0, "{figures:?}");
    }
}
