//! VQ-VAE: frames ↔ a grid of latents, a quarter as wide and high, with a table of codes between
//! (Esser et al. 2021; Rombach et al. 2022 §3.1).
//! Reference: SlotDiffusion `video_based/models/vqvae/VQVAE.py`.
//!
//! Latents for diffusion are taken before they are quantised; decoding quantises first.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::models::blocks::Conv2d;
use crate::models::blocks::layers::Kernel;
use crate::models::decoder::autoencoder::{Decoder, Encoder};
use crate::rng::{Init, SeededRng};

/// The table of codes.
pub mod codebook;

/// Sizes.
mod config;

pub use codebook::{CodeUse, Codebook, Quantised};
pub use config::VqVaeConfig;

impl VqVaeConfig {
    /// A model of these sizes.
    pub fn init(&self, init: &mut Init) -> VqVae {
        let sizes = self.autoencoder();
        VqVae {
            encoder: Encoder::new(init, &sizes, self.latent_channels),
            decoder: Decoder::new(init, &sizes, self.latent_channels),
            quantize: Codebook::new(init, self.codes, self.code_channels),
            quant_conv: Conv2d::new(
                init,
                self.latent_channels,
                self.code_channels,
                Kernel::same(1),
            ),
            post_quant_conv: Conv2d::new(
                init,
                self.code_channels,
                self.latent_channels,
                Kernel::same(1),
            ),
        }
    }
}

/// How the parts of a VQ-VAE's loss are weighed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaeLossConfig {
    /// Weight of the mean absolute difference of pixels.
    pub absolute: f64,
    /// Weight of the mean squared difference of pixels.
    ///
    /// Differs: zero in the reference.
    pub squared: f64,
    /// Weight of the distance between latents and codes.
    pub quantise: f64,
    /// Within that distance, the pull of codes on latents relative to that of latents on codes.
    pub commitment: f64,
    /// The reference's orientation, in which latents are pulled fully and codes by `commitment`.
    ///
    /// Differs: off by default; van den Oord et al. 2017, eq. 3 has it the other way round.
    pub legacy_loss: bool,
}

impl Default for VqVaeLossConfig {
    fn default() -> Self {
        Self {
            absolute: 1.0,
            squared: 0.0,
            quantise: 1.0,
            commitment: 0.25,
            legacy_loss: false,
        }
    }
}

/// The parts of a VQ-VAE's loss, each a single number.
#[derive(Debug, Clone)]
pub struct VqVaeLosses {
    /// What to minimise.
    pub total: Tensor<1>,
    /// Mean absolute difference of pixels.
    pub absolute: Tensor<1>,
    /// Mean squared difference of pixels.
    pub squared: Tensor<1>,
    /// Distance between latents and codes.
    pub quantise: Tensor<1>,
}

/// Reconstructed frames, and the latents and codes behind them.
#[derive(Debug, Clone)]
pub struct Reconstructed {
    /// `[batch, rgb, height, width]`
    pub frames: Tensor<4>,
    /// Latents before they are quantised, `[batch, code channels, height/f, width/f]`.
    pub latents: Tensor<4>,
    /// The chosen codes' values, in the shape of the latents.
    pub chosen: Tensor<4>,
    /// Which codes, `[batch, height/f·width/f]`.
    pub codes: Tensor<2, Int>,
}

/// Frames ↔ codes.
#[derive(Module, Debug)]
pub struct VqVae {
    /// Frames → features on the latent grid.
    pub encoder: Encoder,
    decoder: Decoder,
    /// The table of codes.
    pub quantize: Codebook,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
}

impl VqVae {
    /// Latents of frames, not quantised.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    /// - result: `[batch, code channels, height/f, width/f]`
    pub fn encode(&self, frames: Tensor<4>) -> Tensor<4> {
        self.quant_conv.forward(self.encoder.forward(frames))
    }

    /// Latents and their nearest codes.
    pub fn quantise(&self, latents: Tensor<4>) -> Quantised {
        self.quantize.quantise(latents)
    }

    /// The frames that quantised latents stand for; they are not quantised here.
    pub fn decode(&self, quantised: Tensor<4>) -> Tensor<4> {
        self.decoder
            .forward(self.post_quant_conv.forward(quantised))
    }

    /// Frames through encoder, codes and decoder; gradients pass straight through the codes.
    pub fn forward(&self, frames: Tensor<4>) -> Reconstructed {
        let latents = self.encode(frames);
        let Quantised {
            latents: quantised,
            chosen,
            codes,
        } = self.quantise(latents.clone());
        Reconstructed {
            frames: self.decode(quantised),
            latents,
            chosen,
            codes,
        }
    }

    /// The same model with codes drawn from the latents of `frames`.
    #[must_use]
    pub fn init_codes(mut self, frames: Tensor<4>, noise: &mut SeededRng) -> Self {
        let latents = self.encode(frames);
        self.quantize = self.quantize.from_latents(latents, noise);
        self
    }

    /// The same model with `dead` codes moved onto latents, such as [`Reconstructed::latents`] of the last batch.
    #[must_use]
    pub fn restart_codes(
        mut self,
        dead: &[usize],
        latents: Tensor<4>,
        noise: &mut SeededRng,
    ) -> Self {
        self.quantize = self.quantize.restart(dead, latents, noise);
        self
    }
}

impl VqVaeLossConfig {
    /// Reconstruction and quantisation losses of reconstructed frames.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    /// - `weights`: how much each pixel counts, `[batch, 1, height, width]`; all the same if absent
    pub fn losses(
        &self,
        reconstructed: Reconstructed,
        frames: Tensor<4>,
        weights: Option<&Tensor<4>>,
    ) -> VqVaeLosses {
        let difference = reconstructed.frames - frames;
        let weigh = |cost: Tensor<4>| match weights {
            Some(weights) => (cost * weights.clone()).mean(),
            None => cost.mean(),
        };
        let absolute = weigh(difference.clone().abs());
        let squared = weigh(difference.powi_scalar(2));
        let distance = |a: Tensor<4>, b: Tensor<4>| (a - b).powi_scalar(2).mean();
        let pull_latents = distance(
            reconstructed.chosen.clone().detach(),
            reconstructed.latents.clone(),
        );
        let pull_codes = distance(reconstructed.chosen, reconstructed.latents.detach());
        let quantise = if self.legacy_loss {
            pull_latents + pull_codes * self.commitment
        } else {
            pull_codes + pull_latents * self.commitment
        };
        let pixels = absolute.clone() * self.absolute + squared.clone() * self.squared;
        VqVaeLosses {
            total: pixels + quantise.clone() * self.quantise,
            absolute,
            squared,
            quantise,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn tiny() -> VqVaeConfig {
        VqVaeConfig {
            channels: 8,
            multipliers: vec![1, 2],
            residual_blocks: 1,
            codes: 16,
            norm_groups: 4,
            ..VqVaeConfig::default()
        }
    }

    fn frames(device: &Device) -> Tensor<4> {
        SeededRng::new(5, &["frames"]).normal([2, 3, 8, 8], device)
    }

    #[test]
    fn the_paper_s_sizes_have_the_paper_s_number_of_parameters() {
        let model = VqVaeConfig::default().init(&mut Init::blank(&Device::flex()));
        assert_eq!(model.num_params(), 13_857_886);
    }

    #[test]
    fn frames_come_back_in_their_own_size() {
        let model = tiny().init(&mut Init::seeded(1, &Device::flex()));
        let reconstructed = model.forward(frames(&Device::flex()));
        assert_eq!(reconstructed.latents.dims(), [2, 3, 4, 4]);
        assert_eq!(reconstructed.codes.dims(), [2, 16]);
        assert_eq!(reconstructed.frames.dims(), [2, 3, 8, 8]);
    }

    #[test]
    fn a_frame_s_reconstruction_does_not_depend_on_its_neighbours() {
        let model = tiny().init(&mut Init::seeded(1, &Device::flex()));
        let frames = frames(&Device::flex());
        let together = model.forward(frames.clone()).frames.narrow(0, 1, 1);
        let alone = model.forward(frames.narrow(0, 1, 1)).frames;
        assert_eq!(
            together.into_data().try_to_vec::<f32>(),
            alone.into_data().try_to_vec::<f32>()
        );
    }

    #[test]
    fn gradients_pass_the_codes_and_reach_both_encoder_and_table() {
        let device = Device::flex().autodiff();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let model = model.init_codes(frames(&device), &mut SeededRng::new(1, &["codes"]));
        let seen = model.forward(frames(&device));
        let losses = VqVaeLossConfig::default().losses(seen, frames(&device), None);
        let gradients = losses.total.backward();
        let conv = model.quant_conv.weight.val().grad(&gradients).unwrap();
        let table = model
            .quantize
            .embedding
            .weight
            .val()
            .grad(&gradients)
            .unwrap();
        assert!(conv.abs().sum().into_scalar::<f32>() > 0.0);
        assert!(table.abs().sum().into_scalar::<f32>() > 0.0);
    }

    #[test]
    fn a_pixel_of_weight_zero_costs_nothing() {
        let device = Device::flex();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let losses = |weight: f32| {
            let weights = Tensor::ones([2, 1, 8, 8], &device) * weight;
            let losses = VqVaeLossConfig::default().losses(
                model.forward(frames(&device)),
                frames(&device),
                Some(&weights),
            );
            losses.absolute.into_scalar::<f32>()
        };
        assert!(losses(0.0).abs() < 1e-9 && losses(1.0) > 0.1);
    }
}
