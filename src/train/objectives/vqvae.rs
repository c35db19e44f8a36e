//! A VQ-VAE learns to reconstruct frames (van den Oord et al. 2017; SlotDiffusion §3.1).

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::Device;
use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};

use crate::models::decoder::vqvae::codebook::CodeUse;
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig, VqVaeLossConfig};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{clip_from_frames, floats, frames_from_clip};
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::reconstruct::{Errors, FrameBatch, Reconstruct};

/// `[objective]` of a VQ-VAE's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaeObjectiveConfig {
    /// Frames a step.
    pub batch: usize,
    /// How the parts of the loss are weighed.
    pub loss: VqVaeLossConfig,
    /// Weight of LPIPS with VGG-16 (Zhang et al. 2018), whose weights `pipeline weights` keeps.
    ///
    /// Differs: one in the reference, which also drops features out of the distance's heads while it trains.
    pub perceptual: f64,
    /// Additional weight of pixels that differ from the empty scene.
    ///
    /// Differs: zero in the reference.
    #[serde(alias = "salience")]
    pub foreground_weight: f32,
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
            perceptual: 0.0,
            foreground_weight: 0.0,
            restart_every: None,
        }
    }
}

/// A VQ-VAE learns to reconstruct frames.
pub type VqVaeObjective<'a> = Reconstruct<'a, VqVaeConfig, VqVaeObjectiveConfig>;

impl Objective for VqVaeObjective<'_> {
    type Model = VqVae;
    type Batch = FrameBatch;

    fn init(&self, init: &mut Init) -> VqVae {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<FrameBatch, TrainError> {
        let config = &self.config;
        Ok(self.draw(config.batch, config.foreground_weight, noise)?)
    }

    fn losses(&self, model: &VqVae, batch: &FrameBatch, step: &StepContext<'_>) -> Losses {
        let frames = frames_from_clip(batch.frames.view(), step.device);
        let weights = batch.weights(step.device);
        let output = model.forward(frames.clone());
        let perceptual = self.lpips.as_ref();
        let perceptual =
            perceptual.map(|lpips| lpips.forward(frames.clone(), output.frames.clone()).mean());
        let losses = self.config.loss.losses(output, frames, weights.as_ref());
        let mut parts = vec![
            ("absolute", losses.absolute.detach()),
            ("quantise", losses.quantise.detach()),
        ];
        let mut total = losses.total;
        if let Some(perceptual) = perceptual {
            parts.push(("lpips", perceptual.clone().detach()));
            total = total + perceptual * self.config.perceptual;
        }
        Losses { total, parts }
    }

    fn before_step(
        &self,
        model: &VqVae,
        batch: &FrameBatch,
        step: &StepContext<'_>,
    ) -> Option<VqVae> {
        let every = self.config.restart_every?;
        // At first often, while the encoder still moves; never in the last third, so that codes settle.
        let due = step.done.is_multiple_of(every) && step.progress() < 0.67;
        if !due {
            return None;
        }
        let frames = frames_from_clip(batch.frames.view(), &step.device.clone().inner());
        let output = model.valid().forward(frames);
        let mut noise = step.noise("restart");
        if step.done == 0 {
            let all: Vec<usize> = (0..model.quantize.size()).collect();
            return Some(
                model
                    .clone()
                    .restart_codes(&all, output.latents, &mut noise),
            );
        }
        let mut uses = CodeUse::new(model.quantize.size());
        uses.observe(&output.codes);
        let dead = uses.dead(1);
        (!dead.is_empty()).then(|| {
            model
                .clone()
                .restart_codes(&dead, output.latents, &mut noise)
        })
    }

    fn validate(&self, model: &VqVae, device: &Device) -> Result<Figures, TrainError> {
        let mut uses = CodeUse::new(model.quantize.size());
        let mut errors = Errors::default();
        let mut perceptual = 0.0;
        let (sample, scenes) = self.held_out_frames(128)?;
        let lpips = self.lpips.as_ref().map(Module::valid);
        for (part, scenes) in sample.axis_chunks_iter(Axis(0), 16).zip(scenes.chunks(16)) {
            let frames = frames_from_clip(part, device);
            let output = model.forward(frames.clone());
            uses.observe(&output.codes);
            if let Some(lpips) = &lpips {
                let apart = lpips.forward(frames, output.frames.clone());
                perceptual += floats(apart).into_iter().map(f64::from).sum::<f64>();
            }
            let drawn = clip_from_frames(output.frames);
            errors.observe(part, drawn.view(), scenes);
        }
        let mut figures = errors.figures();
        figures.push(("code-perplexity", uses.perplexity()));
        if lpips.is_some() {
            figures.push(("lpips", perceptual / sample.dim().0.max(1) as f64));
        }
        Ok(figures)
    }

    fn sheet(&self, model: &VqVae, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        let (sample, _) = self.held_out_frames(10)?;
        let output = model.forward(frames_from_clip(sample.view(), device));
        Ok(vec![sample, clip_from_frames(output.frames)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::perceptual::lpips::{Backbone, Lpips};
    use crate::train::data::clip_dataset::ClipDataset;
    use crate::train::data::source::Splits;
    use crate::weights::{collect, collect_gradients, load_into};

    /// A distance with random weights, such that features are neither lost nor huge.
    fn lpips(device: &Device) -> Lpips {
        let blank = Lpips::new(Backbone::Squeeze, &mut Init::blank(device));
        let mut state = collect(&blank);
        for (key, value) in &mut state.entries {
            let inputs: usize = value.shape.iter().skip(1).product();
            let scale = (2.0 / inputs.max(1) as f32).sqrt();
            let drawn = SeededRng::new(4, &[key]).normal_vec(value.shape.iter().product());
            let drawn = drawn.into_iter().map(|x| match value.shape.len() {
                1 => 0.1 * x.abs(),
                _ => scale * x,
            });
            value.values = crate::weights::Values::F32(drawn.collect());
        }
        load_into(blank, state).unwrap().no_grad()
    }

    fn tiny_clips() -> ClipDataset {
        ClipDataset::in_memory(
            ndarray::Array5::from_shape_fn((2, 2, 32, 32, 3), |(clip, t, y, x, c)| {
                (90 * clip + 20 * t + 5 * y + 3 * x + 11 * c) as u8
            }),
            None,
        )
    }

    #[test]
    fn looks_pull_the_decoder_and_never_learn_themselves() {
        let splits = Splits::both(tiny_clips());
        let device = Device::flex().autodiff();
        let objective = |lpips: Option<Lpips>| VqVaeObjective {
            model: VqVaeConfig {
                channels: 4,
                multipliers: vec![1, 1],
                residual_blocks: 1,
                codes: 8,
                norm_groups: 2,
                ..VqVaeConfig::default()
            },
            config: VqVaeObjectiveConfig {
                batch: 2,
                perceptual: 3.0,
                ..VqVaeObjectiveConfig::default()
            },
            lpips,
            train: &splits.train,
            held_out: &splits.held_out,
            backgrounds: splits.backgrounds().unwrap(),
        };
        let step = StepContext::of_test(0, &device);
        let [blind, seeing] = [None, Some(lpips(&device))].map(|lpips| {
            let objective = objective(lpips);
            let model = objective.init(&mut Init::seeded(2, &device));
            let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
            let losses = objective.losses(&model, &batch, &step);
            let values: Vec<f32> = losses
                .parts
                .iter()
                .map(|(_, x)| floats(x.clone())[0])
                .collect();
            let total = floats(losses.total.clone())[0];
            let gradients = collect_gradients(&model, &losses.total.backward());
            let figures = objective.validate(&model.valid(), &Device::flex()).unwrap();
            (values, total, gradients, figures)
        });
        let (values, total, ..) = &seeing;
        assert!(values[2] > 1e-3, "{values:?}");
        assert!((total - blind.1 - 3.0 * values[2]).abs() < 1e-4 * total.abs());
        let of = |gradients: &crate::weights::StateDict| {
            let (_, value) = gradients
                .entries
                .iter()
                .find(|(key, _)| key.starts_with("decoder.conv_out.weight"))
                .unwrap();
            value.as_f32().unwrap().to_vec()
        };
        assert_ne!(of(&blind.2), of(&seeing.2));
        assert_eq!(blind.2.entries.len(), seeing.2.entries.len());
        let named =
            |figures: &[(&str, f64)]| figures.iter().any(|(name, x)| *name == "lpips" && *x > 0.0);
        assert!(named(&seeing.3) && !named(&blind.3));
    }
}
