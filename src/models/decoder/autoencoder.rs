//! The convolutional halves of latent diffusion's auto-encoder (Rombach et al. 2022, Esser et al. 2021).
//! Reference: SlotDiffusion `video_based/models/vqvae/modules.py`. The VQ-VAE has a codebook between them, Stable Diffusion's
//! auto-encoder a normal distribution.
//!
//! Fields are named as in the reference's checkpoints.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::kernels;
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, GroupNorm, Pointwise};
use crate::models::decoder::resample::{Downsample, Upsample};
use crate::rng::Init;

const EPSILON: f64 = 1e-6;

/// Sizes that an [`Encoder`] and its [`Decoder`] share.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoencoderSizes {
    /// Channels of a frame.
    pub rgb: usize,
    /// Channels at full resolution.
    pub channels: usize,
    /// Channels per resolution, as multiples of `channels`; each but the last halves the image.
    pub multipliers: Vec<usize>,
    /// Residual blocks per resolution of the encoder; the decoder has one more.
    pub residual_blocks: usize,
    /// Groups of every norm.
    pub norm_groups: usize,
    /// Attention at the lowest resolution.
    pub mid_attention: bool,
    /// Whether the layers of that attention are stored as matrices, and not as 1×1 convolutions.
    pub linear_projection: bool,
}

impl AutoencoderSizes {
    /// Channels of each resolution, the highest first.
    fn widths(&self) -> Vec<usize> {
        let widths = self.multipliers.iter();
        widths
            .map(|multiplier| self.channels * multiplier)
            .collect()
    }

    /// How many times wider and higher a frame is than its latents.
    pub fn down_factor(&self) -> usize {
        1 << (self.multipliers.len() - 1)
    }
}

/// Pixels → features on the latent grid.
#[derive(Module, Debug)]
pub struct Encoder {
    conv_in: Conv2d,
    down: Vec<Down>,
    mid: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    /// An encoder of these sizes that gives `output` channels.
    pub fn new(init: &mut Init, config: &AutoencoderSizes, output: usize) -> Self {
        let widths = config.widths();
        let deepest = widths.len() - 1;
        let mut before = config.channels;
        let mut level = |init: &mut Init, index: usize| {
            let block =
                ResidualBlock::stack(init, config, before, widths[index], config.residual_blocks);
            before = widths[index];
            let downsample = (index < deepest).then(|| Downsample::new(init, before));
            Down { block, downsample }
        };
        let conv_in = Conv2d::new(init, config.rgb, config.channels, Kernel::same(3));
        let down = (0..widths.len()).map(|index| level(init, index)).collect();
        let top = widths[deepest];
        Self {
            conv_in,
            down,
            mid: Middle::new(init, config, top),
            norm_out: GroupNorm::new(init, config.norm_groups, top, EPSILON),
            conv_out: Conv2d::new(init, top, output, Kernel::same(3)),
        }
    }

    /// `[batch, rgb, height, width]` → `[batch, output, height/f, width/f]`
    pub fn forward(&self, frames: Tensor<4>) -> Tensor<4> {
        let mut h = self.conv_in.forward(frames);
        for level in &self.down {
            h = level.block.iter().fold(h, |h, block| block.forward(h));
            h = match &level.downsample {
                Some(downsample) => downsample.forward(h),
                None => h,
            };
        }
        let h = self.mid.forward(h);
        self.conv_out.forward(self.norm_out.forward_silu(h))
    }
}

/// One resolution of the encoder.
#[derive(Module, Debug)]
struct Down {
    block: Vec<ResidualBlock>,
    downsample: Option<Downsample>,
}

/// Features on the latent grid → pixels.
#[derive(Module, Debug)]
pub struct Decoder {
    conv_in: Conv2d,
    mid: Middle,
    /// Highest resolution first, as in the reference; run from the last.
    up: Vec<Up>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    /// A decoder of these sizes that takes `input` channels.
    pub fn new(init: &mut Init, config: &AutoencoderSizes, input: usize) -> Self {
        let widths = config.widths();
        let top = widths[widths.len() - 1];
        let level = |init: &mut Init, index: usize| {
            let before = *widths.get(index + 1).unwrap_or(&top);
            let block = ResidualBlock::stack(
                init,
                config,
                before,
                widths[index],
                config.residual_blocks + 1,
            );
            let upsample = (index > 0).then(|| Upsample::new(init, widths[index]));
            Up { block, upsample }
        };
        Self {
            conv_in: Conv2d::new(init, input, top, Kernel::same(3)),
            mid: Middle::new(init, config, top),
            up: (0..widths.len()).map(|index| level(init, index)).collect(),
            norm_out: GroupNorm::new(init, config.norm_groups, widths[0], EPSILON),
            conv_out: Conv2d::new(init, widths[0], config.rgb, Kernel::same(3)),
        }
    }

    /// `[batch, input, height, width]` → `[batch, rgb, f·height, f·width]`
    pub fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut h = self.mid.forward(self.conv_in.forward(latents));
        for level in self.up.iter().rev() {
            h = level.block.iter().fold(h, |h, block| block.forward(h));
            h = match &level.upsample {
                Some(upsample) => upsample.forward(h),
                None => h,
            };
        }
        self.conv_out.forward(self.norm_out.forward_silu(h))
    }
}

/// One resolution of the decoder.
#[derive(Module, Debug)]
struct Up {
    block: Vec<ResidualBlock>,
    upsample: Option<Upsample>,
}

/// The lowest resolution: two residual blocks and attention between them.
#[derive(Module, Debug)]
struct Middle {
    block_1: ResidualBlock,
    attn_1: Option<AttentionBlock>,
    block_2: ResidualBlock,
}

impl Middle {
    fn new(init: &mut Init, config: &AutoencoderSizes, channels: usize) -> Self {
        let attention = |init: &mut Init| AttentionBlock::new(init, config, channels);
        Self {
            block_1: ResidualBlock::new(init, config.norm_groups, channels, channels),
            attn_1: config.mid_attention.then(|| attention(init)),
            block_2: ResidualBlock::new(init, config.norm_groups, channels, channels),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.block_1.forward(x);
        let h = match &self.attn_1 {
            Some(attention) => attention.forward(h),
            None => h,
        };
        self.block_2.forward(h)
    }
}

/// Two convolutions around a shortcut, each after norm and `SiLU`.
#[derive(Module, Debug)]
struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    nin_shortcut: Option<Conv2d>,
}

impl ResidualBlock {
    fn new(init: &mut Init, groups: usize, input: usize, output: usize) -> Self {
        let shortcut = |init: &mut Init| Conv2d::new(init, input, output, Kernel::same(1));
        Self {
            norm1: GroupNorm::new(init, groups, input, EPSILON),
            conv1: Conv2d::new(init, input, output, Kernel::same(3)),
            norm2: GroupNorm::new(init, groups, output, EPSILON),
            conv2: Conv2d::new(init, output, output, Kernel::same(3)),
            nin_shortcut: (input != output).then(|| shortcut(init)),
        }
    }

    /// `count` blocks in a row, of which the first changes the number of channels.
    fn stack(
        init: &mut Init,
        config: &AutoencoderSizes,
        input: usize,
        output: usize,
        count: usize,
    ) -> Vec<Self> {
        let mut block = |index| {
            let input = if index == 0 { input } else { output };
            Self::new(init, config.norm_groups, input, output)
        };
        (0..count).map(&mut block).collect()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.conv1.forward(self.norm1.forward_silu(x.clone()));
        let h = self.conv2.forward(self.norm2.forward_silu(h));
        match &self.nin_shortcut {
            Some(shortcut) => shortcut.forward(x) + h,
            None => x + h,
        }
    }
}

/// Attention with one head over all pixels.
#[derive(Module, Debug)]
struct AttentionBlock {
    norm: GroupNorm,
    q: Pointwise,
    k: Pointwise,
    v: Pointwise,
    proj_out: Pointwise,
}

impl AttentionBlock {
    fn new(init: &mut Init, config: &AutoencoderSizes, channels: usize) -> Self {
        let mut layer = || Pointwise::new(init, channels, channels, config.linear_projection);
        let (q, k, v, proj_out) = (layer(), layer(), layer(), layer());
        let norm = GroupNorm::new(init, config.norm_groups, channels, EPSILON);
        Self {
            norm,
            q,
            k,
            v,
            proj_out,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let tokens = |x: Tensor<4>| {
            x.reshape([batch, 1, channels, height * width])
                .swap_dims(2, 3)
        };
        let h = self.norm.forward(x.clone());
        let (q, k, v) = (
            self.q.on_map(h.clone()),
            self.k.on_map(h.clone()),
            self.v.on_map(h),
        );
        let scale = (channels as f64).powf(-0.5);
        let h = kernels::attention(tokens(q), tokens(k), tokens(v), None, scale);
        let h = h.swap_dims(2, 3).reshape([batch, channels, height, width]);
        x + self.proj_out.on_map(h)
    }
}
