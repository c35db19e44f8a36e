//! A dVAE learns to reconstruct frames through random tokens (Ramesh et al. 2021; Singh et al. 2022, SLATE §3.1).
//! Reference: SlotDiffusion `img_based/models/slate/dVAE.py`, `method.py`.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};

use crate::models::decoder::dvae::{Dvae, DvaeConfig, Gumbel, PATCH};
use crate::models::decoder::vqvae::codebook::CodeUse;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{clip_from_frames, frames_from_clip};
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::reconstruct::{Errors, FrameBatch, Reconstruct};

/// `[dvae.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DvaeObjectiveConfig {
    /// Frames a step.
    pub batch: usize,
    /// Temperature of the random tokens at the first step, and from the end of `cooling` on.
    pub temperature: [f64; 2],
    /// Share of the training over which the temperature falls, as half a cosine.
    pub cooling: f64,
    /// Additional weight of pixels that differ from the empty scene.
    ///
    /// Differs: zero in the reference.
    #[serde(alias = "salience")]
    pub foreground_weight: f32,
}

impl Default for DvaeObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            temperature: [1.0, 0.1],
            cooling: 0.15,
            foreground_weight: 0.0,
        }
    }
}

impl DvaeObjectiveConfig {
    /// The temperature at a share of the training, 0..1.
    pub fn at(&self, progress: f64) -> f64 {
        let [first, last] = self.temperature;
        let share = (progress / self.cooling.max(1e-9)).clamp(0.0, 1.0);
        last + (first - last) * f64::midpoint(1.0, (std::f64::consts::PI * share).cos())
    }
}

/// A dVAE learns to reconstruct frames.
pub type DvaeObjective<'a> = Reconstruct<'a, DvaeConfig, DvaeObjectiveConfig>;

impl DvaeObjective<'_> {
    fn gumbel(&self, frames: &Tensor<4>, step: &StepContext<'_>) -> Gumbel {
        let [batch, _, height, width] = frames.dims();
        let shape = [batch, self.model.vocabulary, height / PATCH, width / PATCH];
        let mut noise = step.noise("tokens");
        let draws = (0..shape.iter().product())
            .map(|_| -(1.0 - noise.uniform()).ln())
            .collect();
        Gumbel {
            draws: Tensor::from_data(TensorData::new(draws, shape), step.device),
            temperature: self.config.at(step.progress()),
        }
    }

    /// Frames through their likeliest tokens, and how many tokens are truly in use.
    fn through_tokens(
        &self,
        model: &Dvae,
        frames: &Array4<u8>,
        device: &Device,
    ) -> (Array4<u8>, f64) {
        let mut uses = CodeUse::new(self.model.vocabulary);
        let mut out = Array4::zeros(frames.dim());
        let (_, height, width, _) = frames.dim();
        let parts = frames.axis_chunks_iter(Axis(0), 16);
        for (part, mut out) in parts.zip(out.axis_chunks_iter_mut(Axis(0), 16)) {
            let tokens = model.tokens(frames_from_clip(part, device));
            let grid = [height / PATCH, width / PATCH];
            uses.observe(&tokens);
            out.assign(&clip_from_frames(model.decode_tokens(tokens, grid)));
        }
        (out, uses.perplexity())
    }
}

impl Objective for DvaeObjective<'_> {
    type Model = Dvae;
    type Batch = FrameBatch;

    fn init(&self, init: &mut Init) -> Dvae {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<FrameBatch, TrainError> {
        let config = &self.config;
        Ok(self.draw(config.batch, config.foreground_weight, noise)?)
    }

    fn losses(&self, model: &Dvae, batch: &FrameBatch, step: &StepContext<'_>) -> Losses {
        let frames = frames_from_clip(batch.frames.view(), step.device);
        let drawn = model.reconstruct(frames.clone(), &self.gumbel(&frames, step));
        let squared = (drawn - frames).square();
        let squared = match batch.weights(step.device) {
            Some(weights) => squared * weights,
            None => squared,
        };
        Losses::single("squared", squared.mean())
    }

    fn validate(&self, model: &Dvae, device: &Device) -> Result<Figures, TrainError> {
        let (truth, scenes) = self.held_out_frames(128)?;
        let (drawn, perplexity) = self.through_tokens(model, &truth, device);
        let mut errors = Errors::default();
        errors.observe(truth.view(), drawn.view(), &scenes);
        let mut figures = errors.figures();
        figures.push(("token-perplexity", perplexity));
        Ok(figures)
    }

    fn sheet(&self, model: &Dvae, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        let (truth, _) = self.held_out_frames(10)?;
        let (drawn, _) = self.through_tokens(model, &truth, device);
        Ok(vec![truth, drawn])
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array5;

    use super::*;
    use crate::tensor_conversion::floats;
    use crate::train::data::clip_dataset::ClipDataset;
    use crate::train::data::source::Splits;

    #[test]
    fn the_temperature_falls_along_the_reference_s_half_cosine() {
        let config = DvaeObjectiveConfig::default();
        assert!((config.at(0.0) - 1.0).abs() < 1e-12);
        assert!((config.at(0.075) - 0.55).abs() < 1e-12);
        assert!((config.at(0.15) - 0.1).abs() < 1e-12 && (config.at(0.9) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_step_s_loss_reaches_encoder_and_decoder() {
        let frames = Array5::from_shape_fn((1, 2, 8, 8, 3), |(_, t, y, x, c)| {
            (40 * t + 7 * y + 5 * x + c) as u8
        });
        let clips = ClipDataset::in_memory(frames, None);
        let splits = Splits::both(clips.clone());
        let objective = DvaeObjective {
            model: DvaeConfig {
                channels: 4,
                vocabulary: 6,
                ..DvaeConfig::default()
            },
            config: DvaeObjectiveConfig {
                batch: 2,
                foreground_weight: 2.0,
                ..DvaeObjectiveConfig::default()
            },
            backgrounds: splits.backgrounds().unwrap(),
            lpips: None,
            train: &clips,
            held_out: &clips,
        };
        let device = Device::flex().autodiff();
        let model = objective.init(&mut Init::seeded(1, &device));
        let step = StepContext::of_test(0, &device);
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let losses = objective.losses(&model, &batch, &step);
        let gradients = losses.total.backward();
        for conv in [&model.logits, &model.output] {
            let gradient = conv.weight.val().grad(&gradients).unwrap();
            assert!(floats(gradient.abs().sum())[0] > 0.0);
        }
        let flex = Device::flex();
        let figures = objective.validate(&objective.init(&mut Init::seeded(1, &flex)), &flex);
        let names: Vec<&str> = figures.unwrap().iter().map(|(name, _)| *name).collect();
        // No pixel stands out among frames that differ as a whole.
        assert_eq!(names, ["squared", "psnr", "token-perplexity"]);
    }
}
