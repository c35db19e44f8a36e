//! An auto-encoder learns to reconstruct frames from normal distributions of latents (Kingma & Welling 2014; Rombach et al.
//! 2022 §3.1, "KL-reg.").
//!
//! Differs: there is no adversarial loss; LPIPS is added where its weights are kept.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::decoder::autoencoder_kl::{AutoencoderKl, AutoencoderKlConfig};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{clip_from_frames, floats, frames_from_clip};
use crate::train::error::TrainError;
use crate::train::interface::{Figures, Losses, Objective, StepContext};
use crate::train::objectives::parts::reconstruct::{Errors, FrameBatch, Reconstruct};

/// `[autoencoder-kl.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AutoencoderKlObjectiveConfig {
    /// Frames a step.
    pub batch: usize,
    /// Weight of the mean absolute difference of pixels.
    pub absolute: f64,
    /// Weight of the mean squared difference of pixels; zero in the reference.
    pub squared: f64,
    /// Weight of the divergence of the latents from the standard normal distribution: their sum over the frame's latents, a
    /// number of the frame.
    pub divergence: f64,
    /// Weight of LPIPS with VGG-16 (Zhang et al. 2018), whose weights `pipeline weights` keeps; one in the reference.
    pub perceptual: f64,
    /// Additional weight of pixels that differ from the empty scene; zero in the reference.
    pub foreground_weight: f32,
}

impl Default for AutoencoderKlObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            absolute: 1.0,
            squared: 0.0,
            divergence: 1e-6,
            perceptual: 0.0,
            foreground_weight: 0.0,
        }
    }
}

/// An auto-encoder learns to reconstruct frames from normal distributions of latents.
pub type AutoencoderKlObjective<'a> =
    Reconstruct<'a, AutoencoderKlConfig, AutoencoderKlObjectiveConfig>;

impl AutoencoderKlObjective<'_> {
    /// What brings the latents of training frames to a deviation of one: the `scaling-factor` of Stable Diffusion.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn scaling_factor(
        &self,
        model: &AutoencoderKl,
        seed: u64,
        device: &Device,
    ) -> Result<f64, DataError> {
        let frames = self.draw(256, 0.0, &mut SeededRng::new(seed, &["latents"]))?;
        let mut latents = Vec::new();
        for part in frames.frames.axis_chunks_iter(Axis(0), 16) {
            latents.extend(floats(model.encode(frames_from_clip(part, device)).mean));
        }
        let count = latents.len() as f64;
        let centre = latents.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let squares = latents.iter().map(|x| (f64::from(*x) - centre).powi(2));
        Ok((count / squares.sum::<f64>()).sqrt())
    }
}

impl Objective for AutoencoderKlObjective<'_> {
    type Model = AutoencoderKl;
    type Batch = FrameBatch;

    fn init(&self, init: &mut Init) -> AutoencoderKl {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<FrameBatch, TrainError> {
        let config = &self.config;
        Ok(self.draw(config.batch, config.foreground_weight, noise)?)
    }

    fn losses(&self, model: &AutoencoderKl, batch: &FrameBatch, step: &StepContext<'_>) -> Losses {
        let config = &self.config;
        let frames = frames_from_clip(batch.frames.view(), step.device);
        let posterior = model.encode(frames.clone());
        let noise = step
            .noise("latents")
            .normal(posterior.mean.dims(), step.device);
        let drawn = model.decode(posterior.sample(noise));
        let numbers: usize = frames.dims().iter().product();
        let divergence = posterior.divergence().sum() / numbers as f64;
        let difference = drawn.clone() - frames.clone();
        let weights = batch.weights(step.device);
        let weigh = |cost: Tensor<4>| match &weights {
            Some(weights) => (cost * weights.clone()).mean(),
            None => cost.mean(),
        };
        let mut parts = vec![
            ("absolute", config.absolute, weigh(difference.clone().abs())),
            ("squared", config.squared, weigh(difference.square())),
            ("divergence", config.divergence, divergence),
        ];
        if let Some(lpips) = &self.lpips {
            let apart = lpips.forward(frames, drawn).mean();
            parts.push(("lpips", config.perceptual, apart));
        }
        Losses::weighted(parts)
    }

    fn validate(&self, model: &AutoencoderKl, device: &Device) -> Result<Figures, TrainError> {
        let mut errors = Errors::default();
        let (mut perceptual, mut divergence) = (0.0, 0.0);
        let (sample, scenes) = self.held_out_frames(128)?;
        let lpips = self.lpips.as_ref().map(Module::valid);
        for (part, scenes) in sample.axis_chunks_iter(Axis(0), 16).zip(scenes.chunks(16)) {
            let frames = frames_from_clip(part, device);
            let posterior = model.encode(frames.clone());
            divergence += f64::from(floats(posterior.divergence().sum())[0]);
            let drawn = model.decode(posterior.mean);
            if let Some(lpips) = &lpips {
                let apart = lpips.forward(frames, drawn.clone());
                perceptual += floats(apart).into_iter().map(f64::from).sum::<f64>();
            }
            errors.observe(part, clip_from_frames(drawn).view(), scenes);
        }
        let count = sample.dim().0.max(1) as f64;
        let mut figures = errors.figures();
        figures.push(("divergence", divergence / count));
        if lpips.is_some() {
            figures.push(("lpips", perceptual / count));
        }
        Ok(figures)
    }

    fn sheet(&self, model: &AutoencoderKl, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        let (sample, _) = self.held_out_frames(10)?;
        let posterior = model.encode(frames_from_clip(sample.view(), device));
        let drawn = model.decode(posterior.mean);
        Ok(vec![sample, clip_from_frames(drawn)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::decoder::autoencoder_kl::tests::tiny;
    use crate::train::data::clip_dataset::ClipDataset;
    use crate::train::data::source::Splits;
    use crate::weights::collect_gradients;

    #[test]
    fn pixels_and_divergence_pull_both_halves_and_the_factor_makes_latents_one_wide() {
        let clips = ClipDataset::in_memory(
            ndarray::Array5::from_shape_fn((2, 2, 8, 8, 3), |(clip, t, y, x, c)| {
                (90 * clip + 20 * t + 5 * y + 3 * x + 11 * c) as u8
            }),
            None,
        );
        let splits = Splits::both(clips);
        let objective = AutoencoderKlObjective {
            model: tiny(),
            config: AutoencoderKlObjectiveConfig {
                batch: 2,
                squared: 2.0,
                divergence: 0.1,
                ..AutoencoderKlObjectiveConfig::default()
            },
            lpips: None,
            train: &splits.train,
            held_out: &splits.held_out,
            backgrounds: splits.backgrounds().unwrap(),
        };
        let device = Device::flex().autodiff();
        let model = objective.init(&mut Init::seeded(2, &device));
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let losses = objective.losses(&model, &batch, &StepContext::of_test(0, &device));
        let parts = losses.parts.iter().map(|part| floats(part.1.clone())[0]);
        let parts: Vec<f32> = parts.collect();
        let total = floats(losses.total.clone())[0];
        assert!((total - parts[0] - 2.0 * parts[1] - 0.1 * parts[2]).abs() < 1e-4 * total);
        let gradients = collect_gradients(&model, &losses.total.backward());
        for start in ["encoder.", "quant_conv.", "post_quant_conv.", "decoder."] {
            assert!(
                gradients.entries.keys().any(|key| key.starts_with(start)),
                "{start}"
            );
        }
        let flex = Device::flex();
        let model = model.valid();
        let factor = objective.scaling_factor(&model, 0, &flex).unwrap();
        let frames = objective.draw(256, 0.0, &mut SeededRng::new(0, &["latents"]));
        let frames = frames_from_clip(frames.unwrap().frames.view(), &flex);
        let scaled = model.encode(frames).mean * factor;
        let centred = scaled.clone() - scaled.mean().reshape([1, 1, 1, 1]);
        let variance = centred.square().mean().into_scalar::<f32>();
        assert!((variance - 1.0).abs() < 1e-3, "{variance}");
        let figures = objective.validate(&model, &flex).unwrap();
        assert!(
            figures
                .iter()
                .any(|(name, value)| *name == "divergence" && *value > 0.0)
        );
    }
}
