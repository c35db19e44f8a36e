//! Slots → frames by diffusion in the latents of a VQ-VAE (Wu et al. 2023, SlotDiffusion §3.2).
//! Reference: SlotDiffusion `video_based/models/ddpm/ldm.py`.
//!
//! The VQ-VAE is trained before and stays as it is: it is used without gradients.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::decoder::diffusion::{DiffusionConfig, NoiseSchedule};
use crate::models::decoder::latent_decoder::{LatentDecoder, Projection};
use crate::models::decoder::unet::{UNet, UNetConfig};
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig};
use crate::rng::Init;

/// Sizes of a [`LatentDiffusion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LatentDiffusionConfig {
    /// Height and width of a frame, pixels.
    pub resolution: [usize; 2],
    /// Frames ↔ latents.
    pub vae: VqVaeConfig,
    /// The denoising U-Net.
    pub unet: UNetConfig,
    /// The process.
    pub diffusion: DiffusionConfig,
    /// What latents are divided by; one in every published configuration.
    pub z_scale: f64,
    /// Mean and deviation of each channel of the latents, taken in place of `z-scale`.
    ///
    /// Differs: the reference knows only `z-scale`.
    pub latent_stats: Option<LatentStats>,
}

impl Default for LatentDiffusionConfig {
    fn default() -> Self {
        Self {
            resolution: [128, 128],
            vae: VqVaeConfig::default(),
            unet: UNetConfig::default(),
            diffusion: DiffusionConfig::default(),
            z_scale: 1.0,
            latent_stats: None,
        }
    }
}

/// Mean and deviation of latents, per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatentStats {
    /// One mean for each channel.
    pub mean: Vec<f32>,
    /// One deviation for each channel.
    pub std: Vec<f32>,
}

impl LatentStats {
    /// The statistics of latents as [`VqVae::encode`] gives them.
    ///
    /// # Shape
    /// - `latents`: `[batch, channels, height, width]`
    pub fn measure(latents: &Tensor<4>) -> Self {
        let [_, channels, height, width] = latents.dims();
        let values: Vec<f32> = latents.to_data().iter::<f32>().collect();
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let planes = values
                .chunks(height * width)
                .skip(channel)
                .step_by(channels);
            let of_channel: Vec<f64> = planes.flatten().map(|value| f64::from(*value)).collect();
            let count = of_channel.len() as f64;
            let centre = of_channel.iter().sum::<f64>() / count;
            let variance = of_channel
                .iter()
                .map(|value| (value - centre).powi(2))
                .sum::<f64>()
                / count;
            mean.push(centre as f32);
            std.push(variance.sqrt() as f32);
        }
        Self { mean, std }
    }
}

/// Slots → frames by diffusion in the latents of a VQ-VAE.
#[derive(Module, Debug)]
pub struct LatentDiffusion {
    /// Frames ↔ latents.
    pub vae: VqVae,
    /// The denoising U-Net.
    pub unet: UNet,
    #[module(skip)]
    schedule: NoiseSchedule,
    #[module(skip)]
    scaling: Scaling,
    #[module(skip)]
    latent_shape: [usize; 3],
}

impl LatentDiffusionConfig {
    /// A decoder of these sizes.
    pub fn init(&self, init: &mut Init) -> LatentDiffusion {
        let vae = self.vae.init(init);
        self.with_vae(vae, init)
    }

    /// A decoder of these sizes around a VQ-VAE that was trained before.
    pub fn with_vae(&self, vae: VqVae, init: &mut Init) -> LatentDiffusion {
        let factor = self.vae.down_factor();
        let [height, width] = self.resolution;
        LatentDiffusion {
            vae: vae.freeze(),
            unet: self.unet.init(init),
            schedule: self.diffusion.schedule(),
            scaling: Scaling::new(self),
            latent_shape: [self.vae.code_channels, height / factor, width / factor],
        }
    }
}

impl LatentDecoder for LatentDiffusion {
    fn unet(&self) -> &UNet {
        &self.unet
    }

    fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    fn latent_shape(&self) -> [usize; 3] {
        self.latent_shape
    }

    /// Scaled, not quantised.
    fn encode(&self, frames: Tensor<4>) -> Tensor<4> {
        self.scaling.shrink(self.vae.valid().encode(frames.inner()))
    }

    /// Latents are moved onto codes first.
    fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        let vae = self.vae.valid();
        vae.decode(vae.quantize.project(self.scaling.grow(latents.inner())))
    }

    /// Onto the VQ-VAE's codes.
    fn projection(&self) -> Option<Projection<'_>> {
        Some(Box::new(|latents| {
            self.scaling
                .shrink(self.vae.quantize.project(self.scaling.grow(latents)))
        }))
    }
}

/// Normalisation of the VQ-VAE's latents for the U-Net.
#[derive(Debug, Clone, PartialEq)]
struct Scaling {
    /// Mean and deviation per channel, or zero and `z-scale`; absent where nothing changes.
    channels: Option<(Vec<f32>, Vec<f32>)>,
}

impl Scaling {
    fn new(config: &LatentDiffusionConfig) -> Self {
        let all = config.vae.code_channels;
        let channels = match &config.latent_stats {
            Some(LatentStats { mean, std }) => Some((mean.clone(), std.clone())),
            None if (config.z_scale - 1.0).abs() < f64::EPSILON => None,
            None => Some((vec![0.0; all], vec![config.z_scale as f32; all])),
        };
        Self { channels }
    }

    fn shrink(&self, latents: Tensor<4>) -> Tensor<4> {
        match self.tables(&latents) {
            Some((mean, std)) => (latents - mean) / std,
            None => latents,
        }
    }

    fn grow(&self, latents: Tensor<4>) -> Tensor<4> {
        match self.tables(&latents) {
            Some((mean, std)) => latents * std + mean,
            None => latents,
        }
    }

    fn tables(&self, like: &Tensor<4>) -> Option<(Tensor<4>, Tensor<4>)> {
        let table = |values: &[f32]| {
            Tensor::<1>::from_floats(values, &like.device()).reshape([1, values.len(), 1, 1])
        };
        self.channels
            .as_ref()
            .map(|(mean, std)| (table(mean), table(std)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::sampler::{Method, SamplerConfig, TimestepSpacing};
    use crate::rng::SeededRng;

    pub(crate) fn tiny() -> LatentDiffusionConfig {
        LatentDiffusionConfig {
            resolution: [16, 16],
            vae: VqVaeConfig {
                channels: 8,
                multipliers: vec![1, 2],
                residual_blocks: 1,
                codes: 16,
                norm_groups: 4,
                ..VqVaeConfig::default()
            },
            unet: crate::models::decoder::unet::tests::tiny(),
            ..LatentDiffusionConfig::default()
        }
    }

    fn normal<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
        SeededRng::new(3, &[name]).normal(shape, device)
    }

    #[test]
    fn the_same_slots_give_the_same_frame() {
        let device = Device::flex();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let slots = normal("slots", [1, 4, 6], &device).repeat_dim(0, 3);
        for method in Method::ALL {
            let sampler = SamplerConfig {
                method,
                steps: 4,
                spacing: TimestepSpacing::Trailing,
                ..SamplerConfig::default()
            };
            let frames = model.render(&slots, &SeededRng::new(1, &["render"]), &sampler, None);
            assert_eq!(frames.dims(), [3, 3, 16, 16]);
            let frames: Vec<f32> = frames.into_data().iter::<f32>().collect();
            let (first, rest) = frames.split_at(3 * 16 * 16);
            assert!(
                rest.chunks(first.len()).all(|frame| frame == first),
                "{method:?}"
            );
        }
    }

    #[test]
    fn a_loss_trains_the_network_and_the_slots_but_not_the_vae() {
        let device = Device::flex().autodiff();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let slots = normal("slots", [2, 4, 6], &device).require_grad();
        let frames = normal("frames", [2, 3, 16, 16], &device);
        let latents = Tensor::from_data(model.encode(frames).into_data(), &device);
        let noise = normal("noise", [2, 3, 8, 8], &device);
        let loss = model.loss_of_latents(latents, &slots, &[10, 900], noise);
        assert!((loss.clone().into_scalar::<f32>() - 1.0).abs() < 0.3);
        let gradients = loss.backward();
        // The last convolution starts at zero: it alone has a gradient that is not zero.
        assert!(
            model
                .unet
                .last_weight()
                .grad(&gradients)
                .unwrap()
                .abs()
                .sum()
                .into_scalar::<f32>()
                > 0.0
        );
        assert!(slots.grad(&gradients).is_some());
        assert!(
            model
                .vae
                .quantize
                .embedding
                .weight
                .val()
                .grad(&gradients)
                .is_none()
        );
    }

    #[test]
    fn scaled_latents_have_mean_zero_and_deviation_one_and_come_back() {
        let latents = normal("latents", [4, 3, 8, 8], &Device::flex()) * 2.5 + 1.0;
        let stats = LatentStats::measure(&latents);
        let scaling = Scaling::new(&LatentDiffusionConfig {
            latent_stats: Some(stats),
            ..tiny()
        });
        let scaled = scaling.shrink(latents.clone());
        let LatentStats { mean, std } = LatentStats::measure(&scaled);
        assert!(mean.iter().all(|mean| mean.abs() < 1e-5), "{mean:?}");
        assert!(std.iter().all(|std| (std - 1.0).abs() < 1e-5), "{std:?}");
        let error = (scaling.grow(scaled) - latents)
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(error < 1e-5, "{error}");
    }
}
