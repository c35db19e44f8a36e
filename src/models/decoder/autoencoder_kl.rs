//! Auto-encoder of Stable Diffusion: frames ↔ a grid of latents, an eighth as wide and high, each a normal distribution
//! (Kingma & Welling 2014; Rombach et al. 2022 §3.1, "KL-reg.").
//! Reference: diffusers `models/autoencoders/autoencoder_kl.py`, class `AutoencoderKL`.
//!
//! Its halves are the VQ-VAE's; in place of codes stand a mean and a log-variance.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::blocks::Conv2d;
use crate::models::blocks::layers::Kernel;
use crate::models::decoder::autoencoder::{AutoencoderSizes, Decoder, Encoder};
use crate::rng::Init;

/// Sizes of an [`AutoencoderKl`]; the default is that of Stable Diffusion 1 and 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AutoencoderKlConfig {
    /// Channels of a frame.
    pub rgb: usize,
    /// Channels at full resolution.
    pub channels: usize,
    /// Channels per resolution, as multiples of `channels`; each but the last halves the image.
    pub multipliers: Vec<usize>,
    /// Residual blocks per resolution of the encoder; the decoder has one more.
    pub residual_blocks: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Groups of every norm.
    pub norm_groups: usize,
    /// Whether the layers of attention are stored as matrices, and not as 1×1 convolutions.
    pub linear_projection: bool,
    /// What latents are multiplied by for the U-Net, so that their deviation is about one.
    pub scaling_factor: f64,
}

impl Default for AutoencoderKlConfig {
    fn default() -> Self {
        Self {
            rgb: 3,
            channels: 128,
            multipliers: vec![1, 2, 4, 4],
            residual_blocks: 2,
            latent_channels: 4,
            norm_groups: 32,
            linear_projection: true,
            scaling_factor: 0.18215,
        }
    }
}

impl AutoencoderKlConfig {
    /// Sizes of the halves around the latents.
    pub fn autoencoder(&self) -> AutoencoderSizes {
        AutoencoderSizes {
            rgb: self.rgb,
            channels: self.channels,
            multipliers: self.multipliers.clone(),
            residual_blocks: self.residual_blocks,
            norm_groups: self.norm_groups,
            mid_attention: true,
            linear_projection: self.linear_projection,
        }
    }

    /// A model of these sizes.
    pub fn init(&self, init: &mut Init) -> AutoencoderKl {
        let (sizes, latent) = (self.autoencoder(), self.latent_channels);
        AutoencoderKl {
            encoder: Encoder::new(init, &sizes, 2 * latent),
            decoder: Decoder::new(init, &sizes, latent),
            quant_conv: Conv2d::new(init, 2 * latent, 2 * latent, Kernel::same(1)),
            post_quant_conv: Conv2d::new(init, latent, latent, Kernel::same(1)),
        }
    }
}

/// Frames ↔ normal distributions of latents. Nothing is scaled here.
#[derive(Module, Debug)]
pub struct AutoencoderKl {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
}

/// Smallest and largest log-variance of a latent.
const LOG_VARIANCES: [f64; 2] = [-30.0, 20.0];

/// A normal distribution for every number of the latents, `[batch, latent channels, height/f, width/f]` each.
#[derive(Debug, Clone)]
pub struct Posterior {
    /// Mean, which is the most likely value too.
    pub mean: Tensor<4>,
    /// Logarithm of the variance.
    pub log_variance: Tensor<4>,
}

impl Posterior {
    /// Latents drawn from it.
    ///
    /// # Shape
    /// - `noise`: standard normal, as the mean
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        self.mean.clone() + (self.log_variance.clone() * 0.5).exp() * noise
    }

    /// Divergence of each latent from the standard normal distribution (Kullback & Leibler), in the shape of the mean.
    pub fn divergence(&self) -> Tensor<4> {
        let variance = self.log_variance.clone().exp();
        (self.mean.clone().square() + variance - 1.0 - self.log_variance.clone()) * 0.5
    }
}

impl AutoencoderKl {
    /// The distribution of a frame's latents.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`, −1..1
    pub fn encode(&self, frames: Tensor<4>) -> Posterior {
        let moments = self.quant_conv.forward(self.encoder.forward(frames));
        let [mean, log_variance] = halves(moments);
        let [least, most] = LOG_VARIANCES;
        Posterior {
            mean,
            log_variance: log_variance.clamp(least, most),
        }
    }

    /// The frames that latents stand for.
    ///
    /// # Shape
    /// - `latents`: `[batch, latent channels, height, width]`
    /// - result: `[batch, rgb, f·height, f·width]`
    pub fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        self.decoder.forward(self.post_quant_conv.forward(latents))
    }
}

/// The first and the second half of the channels.
fn halves(x: Tensor<4>) -> [Tensor<4>; 2] {
    let half = x.dims()[1] / 2;
    [x.clone().narrow(1, 0, half), x.narrow(1, half, half)]
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    pub(crate) fn tiny() -> AutoencoderKlConfig {
        AutoencoderKlConfig {
            channels: 8,
            multipliers: vec![1, 2],
            residual_blocks: 1,
            norm_groups: 4,
            ..AutoencoderKlConfig::default()
        }
    }

    #[test]
    fn the_published_sizes_have_the_published_number_of_parameters() {
        let model = AutoencoderKlConfig::default().init(&mut Init::blank(&Device::flex()));
        assert_eq!(model.num_params(), 83_653_863);
    }

    #[test]
    fn frames_come_back_in_their_own_size_and_noise_moves_latents_by_the_deviation() {
        let device = Device::flex();
        let model = tiny().init(&mut Init::seeded(1, &device));
        let frames = SeededRng::new(5, &["frames"]).normal([2, 3, 8, 6], &device);
        let posterior = model.encode(frames);
        assert_eq!(posterior.mean.dims(), [2, 4, 4, 3]);
        assert_eq!(model.decode(posterior.mean.clone()).dims(), [2, 3, 8, 6]);
        let drawn = posterior.sample(Tensor::ones([2, 4, 4, 3], &device));
        let moved = (drawn - posterior.mean).powi_scalar(2).log();
        let apart = (moved - posterior.log_variance).abs().max();
        assert!(apart.into_scalar::<f32>() < 1e-3);
    }
}
