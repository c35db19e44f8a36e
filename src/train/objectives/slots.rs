//! A slot encoder learns to explain frames through slots: each slot paints its part (Locatello et al. 2020; SAVi).
//!
//! Nothing here sees masks, boxes or attributes of a data set. Two aids come from the pixels alone:
//! pixels count by their distance from the empty scene, and for a while attention is pulled towards
//! segments that differ from it (after Bao et al., CVPR 2022, who take segments from motion).

use crate::train::interface::Figures;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, Array5, Axis};
use serde::{Deserialize, Serialize};
use slotflow_eval::segmentation::{MaskPair, SegProfile, measure};

use crate::masks::{enlarged, masks_from_attention, painted};
use crate::models::blocks::Linear;
use crate::models::decoder::mixture::{Mixture, MixtureConfig};
use crate::models::decoder::resample::shrunk;
use crate::models::encoder::{Encoded, InitialConfig, SlotEncoder, kl_loss};
use crate::models::reasoner::ClassifierHead;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, clip_from_frames, floats};
use crate::train::data::clip_dataset::{Background, ClipDataset, write_contact_sheet};
use crate::train::data::pixel_weights::window_weights;
use crate::train::error::TrainError;
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::encoder_init::EncoderInit;
use crate::train::objectives::parts::figures::mean_figures;
use crate::train::segments::loss::{SegmentLossConfig, owners, segment_loss};
use crate::train::segments::{SegmentConfig, segments};

/// What the appearance probe of a slot is trained to predict: presence, place, size, thumbnail.
pub mod appearance_probe;

use appearance_probe::{AppearanceConfig, PLACE_WIDTH, ProbeTargets};

/// `[slots]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotsObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames of a window.
    pub window: usize,
    /// Learning rate of the decoder, as a multiple of the encoder's.
    pub decoder_rate: f64,
    /// Additional weight of pixels that differ from the empty scene.
    ///
    /// Differs: zero in the references.
    #[serde(alias = "salience")]
    pub foreground_weight: f32,
    /// Weight of the pull towards segments at the beginning.
    ///
    /// Differs: zero in the references.
    pub segments: f64,
    /// Share of the training after which that pull is gone.
    pub segments_until: f64,
    /// Weight of the same pull on the decoder's masks: slots then carry place and size of their segment.
    ///
    /// Differs: zero in the references.
    pub drawn_segments: f64,
    /// Weight of the appearance probe: presence, place, size and thumbnail of a slot's segment, read from the slot.
    ///
    /// Differs: zero in the references.
    #[serde(alias = "summary")]
    pub appearance_probe: f64,
    /// What the probe reads of looks; only where `appearance-probe` counts.
    #[serde(skip_serializing_if = "AppearanceConfig::is_default")]
    pub appearance: AppearanceConfig,
    /// How segments are found.
    pub segment: SegmentConfig,
    /// What a match of slots with segments costs.
    pub segment_loss: SegmentLossConfig,
    /// Weight of the KL divergence of the slots' posterior from its prior; only of stochastic encoders with a prior.
    #[serde(alias = "doubt")]
    pub kl: f64,
}

impl Default for SlotsObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 8,
            window: 3,
            decoder_rate: 1.0,
            foreground_weight: 0.0,
            segments: 0.0,
            segments_until: 1.0,
            drawn_segments: 0.0,
            appearance_probe: 0.0,
            appearance: AppearanceConfig::default(),
            segment: SegmentConfig::default(),
            segment_loss: SegmentLossConfig::default(),
            kl: 1e-4,
        }
    }
}

/// An encoder and the decoder that it learns with.
#[derive(Module, Debug)]
pub struct SlotAutoencoder {
    /// Frames → slots.
    pub encoder: SlotEncoder,
    /// Slots → frames.
    pub decoder: Mixture,
    /// Slots → presence, place, size and thumbnail of their segments, less what `appearance` reads; used in training
    /// alone.
    pub probe: Option<Linear>,
    /// Slots → thumbnails, where a hidden layer reads them; used in training alone.
    pub appearance: Option<ClassifierHead>,
}

impl SlotAutoencoder {
    /// What the probe reads from slots; `None` where there is none.
    ///
    /// # Shape
    /// - `slots`: `[count, dim]`
    /// - result: `[count, PLACE_WIDTH + thumbnail]`
    fn probed(&self, slots: Tensor<2>) -> Option<Tensor<2>> {
        let linear = self.probe.as_ref()?.forward(slots.clone());
        Some(match &self.appearance {
            Some(head) => Tensor::cat(vec![linear, head.forward(slots)], 1),
            None => linear,
        })
    }
}

/// A slot encoder learns to explain frames.
#[derive(Debug)]
pub struct SlotsObjective<'a> {
    /// The encoder.
    pub encoder: EncoderInit,
    /// The decoder.
    pub decoder: MixtureConfig,
    /// The loss.
    pub config: SlotsObjectiveConfig,
    /// What it is trained on.
    pub train: &'a ClipDataset,
    /// What it is validated on.
    pub held_out: &'a ClipDataset,
    /// The empty scenes of `train`.
    pub background: Background,
}

/// Windows of clips, how much their pixels count, and their segments.
#[derive(Debug)]
pub struct SlotsBatch {
    frames: Array5<u8>,
    weights: Option<Array3<f32>>,
    segments: Option<Array4<u8>>,
}

/// Windows of clips and the segments in them.
#[derive(Clone, Copy)]
struct SegmentTargets<'a> {
    /// `[batch, time, height, width, rgb]`
    frames: &'a Array5<u8>,
    /// `[batch, time, height, width]`; 0 is background.
    segments: &'a Array4<u8>,
}

impl SlotsObjective<'_> {
    /// The frames at the decoder's resolution, `[batch·time, rgb, height, width]`.
    fn target(&self, frames: Tensor<5>) -> Tensor<4> {
        let [batch, time, rgb, height, width] = frames.dims();
        let frames = frames.reshape([batch * time, rgb, height, width]);
        shrunk(frames, self.decoder.resolution)
    }

    /// KL divergence of the slots' posterior from its prior, where the encoder has both.
    fn kl(&self, encoded: &Encoded) -> Option<(&'static str, f64, Tensor<1>)> {
        let InitialConfig::Stochastic(posterior) = &self.encoder.config.initial else {
            return None;
        };
        let loss = kl_loss(encoded.posterior.clone()?, posterior.prior_variance?);
        Some(("kl", self.config.kl, loss))
    }

    fn encode(model: &SlotAutoencoder, frames: Tensor<5>, noise: &mut SeededRng) -> Encoded {
        let [batch, time, ..] = frames.dims();
        let device = frames.device();
        let shape = model.encoder.noise_shape(batch, time, true);
        let noise = shape.map(|shape| noise.normal(shape, &device));
        model.encoder.encode(frames, None, noise.as_ref())
    }

    /// Losses on segments: of attention, of the decoder's masks, and of the appearance probe.
    fn segment_losses(
        &self,
        model: &SlotAutoencoder,
        encoded: Encoded,
        drawn: Tensor<4>,
        targets: SegmentTargets<'_>,
        step: &StepContext<'_>,
    ) -> Vec<(&'static str, f64, Tensor<1>)> {
        let SegmentTargets { frames, segments } = targets;
        let config = &self.config;
        let (pull, balance) = (
            self.pull(step),
            config.segment_loss.balance_at(step.progress()),
        );
        let [clips, time, slots, dim] = encoded.slots.dims();
        let owners = owners(&encoded.attention, segments.view());
        let [height, width] = self.decoder.resolution;
        let drawn = drawn.reshape([clips, time, slots, height, width]);
        let mut parts = Vec::new();
        for (name, weight, masks) in [
            ("segments", config.segments * pull, encoded.attention),
            ("drawn-segments", config.drawn_segments * pull, drawn),
        ] {
            if weight > 0.0 {
                let loss = segment_loss(masks, segments.view(), &owners, balance);
                parts.push((name, weight, loss));
            }
        }
        if let Some(told) = model.probed(encoded.slots.reshape([clips * time * slots, dim])) {
            let (frames, segments) = (frames.view(), segments.view());
            let asked = ProbeTargets::new(frames, segments, &owners, slots, &config.appearance);
            parts.push((
                "appearance-probe",
                config.appearance_probe,
                asked.loss(told),
            ));
        }
        parts
    }

    /// How strong the pull towards segments still is, 0..1.
    fn pull(&self, step: &StepContext<'_>) -> f64 {
        let left = 1.0 - step.progress() / self.config.segments_until.max(1e-9);
        left.clamp(0.0, 1.0)
    }
}

impl Objective for SlotsObjective<'_> {
    type Model = SlotAutoencoder;
    type Batch = SlotsBatch;

    fn init(&self, init: &mut Init) -> SlotAutoencoder {
        let dim = self.encoder.config.dim;
        let asked = self.config.appearance_probe > 0.0;
        let appearance = &self.config.appearance;
        let (linear, hidden) = match appearance.hidden {
            Some(hidden) => (PLACE_WIDTH, asked.then_some(hidden)),
            None => (PLACE_WIDTH + appearance.width(), None),
        };
        SlotAutoencoder {
            encoder: self.encoder.init(init),
            decoder: self.decoder.init(init),
            probe: asked.then(|| Linear::new(init, dim, linear)),
            appearance: hidden
                .map(|hidden| ClassifierHead::new(init, dim, hidden, appearance.width())),
        }
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<SlotsBatch, TrainError> {
        let config = &self.config;
        let windows = self.train.draw_windows(config.batch, config.window, noise);
        let frames = self.train.windows(&windows, config.window)?;
        let (batch, time, height, width, _) = frames.dim();
        let taught = config.segments + config.drawn_segments + config.appearance_probe > 0.0;
        let weighted = config.foreground_weight > 0.0;
        let scenes = if taught || weighted {
            ClipDataset::scenes(&self.background, &windows)?
        } else {
            Vec::new()
        };
        let weights = weighted.then(|| window_weights(&frames, &scenes, config.foreground_weight));
        let segments = taught.then(|| {
            let mut found = Array4::zeros((batch, time, height, width));
            let each = found.outer_iter_mut().zip(frames.outer_iter());
            for ((mut out, clip), scene) in each.zip(&scenes) {
                out.assign(&segments(clip, scene.view(), &config.segment));
            }
            found
        });
        Ok(SlotsBatch {
            frames,
            weights,
            segments,
        })
    }

    fn losses(
        &self,
        model: &SlotAutoencoder,
        batch: &SlotsBatch,
        step: &StepContext<'_>,
    ) -> Losses {
        let frames = batch_from_clips(batch.frames.view(), step.device);
        let target = self.target(frames.clone());
        let encoded = Self::encode(model, frames, &mut step.noise("slots"));
        let [clips, time, slots, dim] = encoded.slots.dims();
        let drawn =
            model
                .decoder
                .forward(encoded.slots.clone().reshape([clips * time, slots, dim]));
        let squared = (drawn.frames - target).powi_scalar(2);
        let squared = match &batch.weights {
            Some(weights) => {
                let (frames, height, width) = weights.dim();
                let values = TensorData::new(
                    weights.iter().copied().collect(),
                    [frames, 1, height, width],
                );
                squared
                    * shrunk(
                        Tensor::from_data(values, step.device),
                        self.decoder.resolution,
                    )
            }
            None => squared,
        };
        let mut parts = vec![("pixels", 1.0, squared.mean())];
        parts.extend(self.kl(&encoded));
        if let Some(segments) = &batch.segments {
            let targets = SegmentTargets {
                frames: &batch.frames,
                segments,
            };
            parts.extend(self.segment_losses(model, encoded, drawn.masks, targets, step));
        }
        Losses::weighted(parts)
    }

    fn rate(&self, path: &str) -> f64 {
        if path.starts_with("decoder.") {
            self.config.decoder_rate
        } else {
            1.0
        }
    }

    fn validate(&self, model: &SlotAutoencoder, device: &Device) -> Result<Figures, TrainError> {
        let mut figures = Vec::new();
        for index in 0..self.held_out.clips().min(24) {
            let clip = self.held_out.clip(index)?;
            let frames = batch_from_clips(clip.view().insert_axis(Axis(0)), device);
            let target = self.target(frames.clone());
            let encoded = Self::encode(
                model,
                frames,
                &mut SeededRng::new(index as u64, &["validate"]),
            );
            let masks =
                masks_from_attention(encoded.attention.clone(), self.encoder.config.resolution);
            let [_, time, slots, dim] = encoded.slots.dims();
            let drawn = model
                .decoder
                .forward(encoded.slots.reshape([time, slots, dim]));
            let squared = f64::from(floats((drawn.frames - target).powi_scalar(2).mean())[0]);
            let mut row = vec![("squared", squared)];
            if let Some(truth) = self.held_out.masks(index)? {
                let guess = masks.index_axis(Axis(0), 0);
                let pair = MaskPair::new(truth.view(), guess);
                if let Ok(found) = measure(SegProfile::ExactVideo, pair) {
                    let found = &found[0];
                    let miou = found.miou.unwrap_or(0.0);
                    row.extend([("miou", miou), ("ari", found.ari), ("fg-ari", found.fg_ari)]);
                }
            }
            figures.push(row);
        }
        Ok(mean_figures(&figures))
    }

    fn preview(
        &self,
        model: &SlotAutoencoder,
        device: &Device,
        folder: &Path,
        stem: &str,
    ) -> Result<(), TrainError> {
        for index in 0..self.held_out.clips().min(3) {
            let clip = self
                .held_out
                .frames(index, 0..self.held_out.time().min(12))?;
            let encoded = Self::encode(
                model,
                batch_from_clips(clip.view().insert_axis(Axis(0)), device),
                &mut SeededRng::new(index as u64, &["validate"]),
            );
            let masks =
                masks_from_attention(encoded.attention.clone(), self.encoder.config.resolution);
            let [_, time, slots, dim] = encoded.slots.dims();
            let drawn = model
                .decoder
                .forward(encoded.slots.reshape([time, slots, dim]));
            let drawn = enlarged(
                clip_from_frames(drawn.frames).view(),
                self.encoder.config.resolution,
            );
            let rows = [clip, drawn, painted(masks.index_axis(Axis(0), 0))];
            write_contact_sheet(&rows, &folder.join(format!("{stem}-{index}.png")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
