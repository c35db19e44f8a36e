//! Sizes of the VQ-VAE.

use serde::{Deserialize, Serialize};

use crate::models::decoder::autoencoder::AutoencoderSizes;

/// Sizes of a [`VqVae`](super::VqVae).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaeConfig {
    /// Channels of a frame.
    pub rgb: usize,
    /// Channels at full resolution.
    pub channels: usize,
    /// Channels per resolution, as multiples of `channels`; each but the last halves the image.
    pub multipliers: Vec<usize>,
    /// Residual blocks per resolution of the encoder; the decoder has one more.
    pub residual_blocks: usize,
    /// Channels of the encoder's result.
    pub latent_channels: usize,
    /// Channels of a code.
    pub code_channels: usize,
    /// How many codes there are.
    pub codes: usize,
    /// Groups of every norm.
    pub norm_groups: usize,
    /// Attention at the lowest resolution; always there in the reference.
    pub mid_attention: bool,
}

impl Default for VqVaeConfig {
    fn default() -> Self {
        Self {
            rgb: 3,
            channels: 64,
            multipliers: vec![1, 2, 4],
            residual_blocks: 2,
            latent_channels: 3,
            code_channels: 3,
            codes: 4096,
            norm_groups: 32,
            mid_attention: true,
        }
    }
}

impl VqVaeConfig {
    /// Sizes of the halves around the codes.
    pub fn autoencoder(&self) -> AutoencoderSizes {
        AutoencoderSizes {
            rgb: self.rgb,
            channels: self.channels,
            multipliers: self.multipliers.clone(),
            residual_blocks: self.residual_blocks,
            norm_groups: self.norm_groups,
            mid_attention: self.mid_attention,
            linear_projection: false,
        }
    }

    /// How many times wider and higher a frame is than its latents.
    pub fn down_factor(&self) -> usize {
        self.autoencoder().down_factor()
    }
}
