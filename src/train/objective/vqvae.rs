//! A VQ-VAE learns to give frames back (van den Oord et al. 2017; SlotDiffusion §3.1, without its perceptual part).

use burn::module::Module;
use burn::tensor::Device;
use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};

use super::reconstruct::{Errors, Reconstruct};
use crate::layout::{clip_from_frames, floats, frames_from_clip};
use crate::models::decoder::vqvae::codebook::CodeUse;
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig, VqVaeLossConfig};
use crate::noise::{Init, Noise};
use crate::train::{Losses, Objective, Step};

/// `[objective]` of a VQ-VAE's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaeObjectiveConfig {
    /// Frames a step.
    pub batch: usize,
    /// How the parts of the loss are weighed.
    pub loss: VqVaeLossConfig,
    /// How much more pixels count that differ from the empty scene.
    ///
    /// Differs: zero in the reference.
    pub salience: f32,
    /// Steps between two searches for codes that nothing uses; unset = codes are never moved.
    ///
    /// Differs: unset in the reference.
    pub restart_every: Option<u64>,
}

impl Default for VqVaeObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            loss: VqVaeLossConfig::default(),
            salience: 0.0,
            restart_every: None,
        }
    }
}

/// A VQ-VAE learns to give frames back.
pub type VqVaeObjective<'a> = Reconstruct<'a, VqVaeConfig, VqVaeObjectiveConfig>;

impl Objective for VqVaeObjective<'_> {
    type Model = VqVae;
    type Batch = Array4<u8>;

    fn init(&self, init: &mut Init) -> VqVae {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut Noise) -> Array4<u8> {
        self.train.draw_frames(self.config.batch, noise)
    }

    fn losses(&self, model: &VqVae, batch: &Array4<u8>, step: &Step<'_>) -> Losses {
        let frames = frames_from_clip(batch.view(), step.device);
        let weights = self.weights(batch, self.config.salience, step.device);
        let losses =
            self.config
                .loss
                .losses(model.forward(frames.clone()), frames, weights.as_ref());
        let parts = vec![
            ("absolute", losses.absolute.detach()),
            ("quantise", losses.quantise.detach()),
        ];
        Losses {
            total: losses.total,
            parts,
        }
    }

    fn tend(&self, model: &VqVae, batch: &Array4<u8>, step: &Step<'_>) -> Option<VqVae> {
        let every = self.config.restart_every?;
        // At first often, while the encoder still moves; never in the last third, so that codes settle.
        let due = step.done.is_multiple_of(every) && step.progress() < 0.67;
        if !due {
            return None;
        }
        let frames = frames_from_clip(batch.view(), &step.device.clone().inner());
        let seen = model.valid().forward(frames);
        let mut noise = step.noise("restart");
        if step.done == 0 {
            let all: Vec<usize> = (0..model.quantize.size()).collect();
            return Some(model.clone().restart_codes(&all, seen.latents, &mut noise));
        }
        let mut uses = CodeUse::new(model.quantize.size());
        uses.observe(&seen.codes);
        let dead = uses.dead(1);
        (!dead.is_empty()).then(|| model.clone().restart_codes(&dead, seen.latents, &mut noise))
    }

    fn validate(&self, model: &VqVae, device: &Device) -> Vec<(&'static str, f64)> {
        let mut uses = CodeUse::new(model.quantize.size());
        let mut errors = Errors::default();
        let sample = self.held_out.spread(128);
        for part in sample.axis_chunks_iter(Axis(0), 16) {
            let seen = model.forward(frames_from_clip(part, device));
            uses.observe(&seen.codes);
            let drawn = clip_from_frames(seen.frames);
            errors.observe(part, drawn.view(), &self.background);
        }
        let mut figures = errors.figures().to_vec();
        figures.push(("code-perplexity", uses.perplexity()));
        figures
    }

    fn sheet(&self, model: &VqVae, device: &Device) -> Vec<Array4<u8>> {
        let sample = self.held_out.spread(10);
        let seen = model.forward(frames_from_clip(sample.view(), device));
        vec![sample, clip_from_frames(seen.frames)]
    }
}

/// Mean and deviation of every channel of a VQ-VAE's latents over frames: what diffusion is normalised by.
///
/// # Shape
/// - `frames`: `[batch, height, width, rgb]`
pub fn latent_statistics(
    model: &VqVae,
    frames: &Array4<u8>,
    device: &Device,
) -> (Vec<f64>, Vec<f64>) {
    let (mut sums, mut squares, mut count) = (Vec::new(), Vec::new(), 0.0);
    for part in frames.axis_chunks_iter(Axis(0), 16) {
        let latents = model.encode(frames_from_clip(part, device));
        let [batch, channels, height, width] = latents.dims();
        sums.resize(channels, 0.0);
        squares.resize(channels, 0.0);
        let values = floats(latents);
        for (index, value) in values.iter().enumerate() {
            let channel = index / (height * width) % channels;
            sums[channel] += f64::from(*value);
            squares[channel] += f64::from(*value).powi(2);
        }
        count += (batch * height * width) as f64;
    }
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let spread = squares
        .iter()
        .zip(&mean)
        .map(|(square, mean)| (square / count - mean * mean).max(1e-12).sqrt());
    (mean.clone(), spread.collect())
}
