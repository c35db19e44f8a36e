//! Stable Diffusion 1 and 2: diffusion in the latents of an auto-encoder, towards what a sequence of tokens says
//! (Rombach et al. 2022).
//! Reference: diffusers `UNet2DConditionModel`, `AutoencoderKL`.
//!
//! The U-Net is the one of [`latent_diffusion`](crate::models::decoder::latent_diffusion) at other sizes. The tokens are text in what was
//! published; a text encoder is no part of this model.
//! [`slots_as_text`](crate::models::decoder::stable_diffusion::slots_as_text) makes them from slots.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::decoder::autoencoder_kl::{AutoencoderKl, AutoencoderKlConfig};
use crate::models::decoder::diffusion::{DiffusionConfig, NoiseSchedule};
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::decoder::unet::{TrainedPart, UNet, UNetConfig};
use crate::rng::Init;

/// Tokens from slots in place of text.
pub mod slots_as_text;

/// Sizes of a [`StableDiffusion`]; the default is Stable Diffusion 1.5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct StableDiffusionConfig {
    /// Height and width of the frames that it was trained on, pixels.
    pub resolution: [usize; 2],
    /// Frames ↔ latents.
    pub vae: AutoencoderKlConfig,
    /// The denoising U-Net.
    pub unet: UNetConfig,
    /// The process.
    pub diffusion: DiffusionConfig,
}

impl Default for StableDiffusionConfig {
    fn default() -> Self {
        Self {
            resolution: [512, 512],
            vae: AutoencoderKlConfig::default(),
            unet: UNetConfig {
                latent_channels: 4,
                channels: 320,
                multipliers: vec![1, 2, 4, 4],
                attention_factors: vec![1, 2, 4],
                heads: Some(vec![8; 4]),
                context: 768,
                dropout: 0.0,
                ..UNetConfig::default()
            },
            diffusion: DiffusionConfig {
                linear_start: 8.5e-4,
                linear_end: 1.2e-2,
                ..DiffusionConfig::default()
            },
        }
    }
}

/// Tokens → frames by diffusion in the latents of an auto-encoder.
#[derive(Module, Debug)]
pub struct StableDiffusion {
    /// Frames ↔ latents; used without gradients.
    pub vae: AutoencoderKl,
    /// The denoising U-Net.
    pub unet: UNet,
    #[module(skip)]
    schedule: NoiseSchedule,
    #[module(skip)]
    scaling_factor: f64,
    #[module(skip)]
    latent_shape: [usize; 3],
}

impl StableDiffusionConfig {
    /// A model of these sizes.
    pub fn init(&self, init: &mut Init) -> StableDiffusion {
        let vae = self.vae.init(init);
        self.with_vae(vae, init)
    }

    /// A model of these sizes around an auto-encoder that was trained before.
    pub fn with_vae(&self, vae: AutoencoderKl, init: &mut Init) -> StableDiffusion {
        let factor = self.vae.autoencoder().down_factor();
        let [height, width] = self.resolution;
        StableDiffusion {
            vae: vae.freeze(),
            unet: self.unet.init(init),
            schedule: self.diffusion.schedule(),
            scaling_factor: self.vae.scaling_factor,
            latent_shape: [self.vae.latent_channels, height / factor, width / factor],
        }
    }
}

impl StableDiffusion {
    /// Scaled latents of frames, drawn from their distribution, without gradients; [`LatentDecoder::encode`] gives its mean.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`, −1..1
    /// - `noise`: standard normal, as the result
    /// - result: `[batch, latent channels, height/f, width/f]`
    pub fn draw_latents(&self, frames: Tensor<4>, noise: Tensor<4>) -> Tensor<4> {
        let posterior = self.vae.valid().encode(frames.inner());
        posterior.sample(noise.inner()) * self.scaling_factor
    }

    /// The model of which only some parameters learn.
    #[must_use]
    pub fn learning(self, part: TrainedPart) -> Self {
        Self {
            unet: self.unet.learning(part),
            ..self
        }
    }
}

impl LatentDecoder for StableDiffusion {
    fn unet(&self) -> &UNet {
        &self.unet
    }

    fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    fn latent_shape(&self) -> [usize; 3] {
        self.latent_shape
    }

    /// The mean of the latents' distribution, scaled.
    fn encode(&self, frames: Tensor<4>) -> Tensor<4> {
        self.vae.valid().encode(frames.inner()).mean * self.scaling_factor
    }

    fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        self.vae
            .valid()
            .decode(latents.inner() / self.scaling_factor)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::autoencoder_kl::tests::tiny as tiny_vae;
    use crate::models::decoder::sampler::{Method, SamplerConfig};
    use crate::rng::SeededRng;

    pub(crate) fn tiny() -> StableDiffusionConfig {
        StableDiffusionConfig {
            resolution: [16, 16],
            vae: tiny_vae(),
            unet: UNetConfig {
                latent_channels: 4,
                heads: Some(vec![2, 4]),
                ..crate::models::decoder::unet::tests::tiny()
            },
            ..StableDiffusionConfig::default()
        }
    }

    fn normal<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
        SeededRng::new(3, &[name]).normal(shape, device)
    }

    #[test]
    fn the_published_u_nets_have_the_published_number_of_parameters() {
        let device = Device::flex();
        let first = StableDiffusionConfig::default().unet;
        let count = |unet: &UNetConfig| unet.init(&mut Init::blank(&device)).num_params();
        assert_eq!(count(&first), 859_520_964);
        let second = UNetConfig {
            context: 1024,
            heads: Some(vec![5, 10, 20, 20]),
            linear_projection: true,
            ..first
        };
        assert_eq!(count(&second), 865_910_724);
    }

    #[test]
    fn a_loss_trains_the_network_and_the_tokens_but_not_the_vae() {
        let device = Device::flex().autodiff();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let frames = normal("frames", [2, 3, 16, 16], &device);
        let context = normal("context", [2, 5, 6], &device).require_grad();
        let latents = model.draw_latents(frames, normal("draw", [2, 4, 8, 8], &device));
        let latents = Tensor::from_data(latents.into_data(), &device);
        let noise = normal("noise", [2, 4, 8, 8], &device);
        let loss = model.loss_of_latents(latents, &context, &[10, 900], noise);
        let gradients = loss.backward();
        let last = model.unet.last_weight().grad(&gradients).unwrap();
        assert!(last.abs().sum().into_scalar::<f32>() > 0.0);
        assert!(context.grad(&gradients).is_some());
        let trained = crate::weights::collect_gradients(&model, &gradients);
        assert!(trained.entries.keys().all(|key| key.starts_with("unet.")));
    }

    #[test]
    fn tokens_become_frames_of_any_size_that_the_latents_have() {
        let device = Device::flex();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let sampler = SamplerConfig {
            method: Method::Multistep,
            steps: 2,
            ..SamplerConfig::default()
        };
        let context = normal("context", [2, 5, 6], &device);
        let start = normal("start", [1, 4, 5, 7], &device);
        let latents = model.sample(&context, start, &sampler, &mut SeededRng::new(1, &[]));
        assert_eq!(latents.dims(), [2, 4, 5, 7]);
        assert_eq!(model.decode(latents).dims(), [2, 3, 10, 14]);
    }
}
