//! Sizes of the U-Net.

use serde::{Deserialize, Serialize};

/// Sizes of a [`UNet`](super::UNet).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct UNetConfig {
    /// Channels of a latent, and of the result.
    pub latent_channels: usize,
    /// Channels at full resolution.
    pub channels: usize,
    /// Channels per resolution, as multiples of `channels`; each but the last halves the image.
    pub multipliers: Vec<usize>,
    /// Residual blocks per resolution on the way down; one more on the way up.
    pub residual_blocks: usize,
    /// Where attention stands, as factors by which the image is smaller there; the middle always has it.
    pub attention_factors: Vec<usize>,
    /// Channels of one head of attention.
    pub head_width: usize,
    /// Heads of attention per resolution, in place of `head-width`; the middle has those of the lowest.
    ///
    /// Differs: the reference knows only the width; Stable Diffusion 1 has eight heads everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<Vec<usize>>,
    /// Whether the layers around attention are stored as matrices, as in Stable Diffusion 2, and not as 1×1 convolutions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub linear_projection: bool,
    /// Groups of every group norm.
    pub norm_groups: usize,
    /// Width of a slot, or of a token of text.
    pub context: usize,
    /// Share of values dropped within residual blocks in training.
    pub dropout: f64,
    /// Whether position codes are added to the features behind the first layer.
    ///
    /// Differs: the reference leaves place to the convolutions' edges, which takes far longer to learn.
    pub position: bool,
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self {
            latent_channels: 3,
            channels: 128,
            multipliers: vec![1, 2, 3, 4],
            residual_blocks: 2,
            attention_factors: vec![2, 4, 8],
            head_width: 32,
            heads: None,
            linear_projection: false,
            norm_groups: 32,
            context: 192,
            dropout: 0.1,
            position: false,
        }
    }
}

impl UNetConfig {
    /// Heads of the attention at a resolution, 0 the highest.
    ///
    /// # Panics
    /// When the channels do not split into them, or no heads are given for that resolution.
    pub fn heads_at(&self, level: usize) -> usize {
        let channels = self.channels * self.multipliers[level];
        let Some(heads) = &self.heads else {
            let width = self.head_width;
            assert_eq!(
                channels % width,
                0,
                "{channels} channels do not split into heads of {width}"
            );
            return channels / width;
        };
        let heads = heads[level];
        assert_eq!(
            channels % heads,
            0,
            "{channels} channels do not split into {heads} heads"
        );
        heads
    }
}

/// Which parameters of a U-Net learn; the others stay as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainedPart {
    /// Keys and values of every cross-attention: how tokens are read (CODA's choice; Kumari et al. 2023).
    KeysValues,
    /// All four matrices of every cross-attention.
    CrossAttention,
    /// Everything.
    #[serde(rename = "unet")]
    UNet,
}
