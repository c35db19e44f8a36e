//! Where the image meets the slots: self-attention over pixels, cross-attention to slots, a gated layer
//! (Rombach et al. 2022, §3.3).
//! Reference: SlotDiffusion `video_based/models/unet/attention.py`.

use burn::module::Module;
use burn::tensor::Tensor;

use super::config::{TrainedPart, UNetConfig};
use crate::kernels;
use crate::models::blocks::{GroupNorm, LayerNorm, Linear, Pointwise};
use crate::rng::Init;

const EPSILON: f64 = 1e-6;

/// Keys and values of one cross-attention, `[batch, heads, slots, head width]` each.
#[derive(Debug, Clone)]
pub struct KeysValues {
    keys: Tensor<4>,
    values: Tensor<4>,
}

/// Self-attention over pixels and cross-attention from pixels to slots.
#[derive(Module, Debug)]
pub struct SpatialTransformer {
    norm: GroupNorm,
    proj_in: Pointwise,
    block: TransformerBlock,
    proj_out: Pointwise,
}

impl SpatialTransformer {
    /// A transformer for a resolution, 0 the highest, that starts without an effect.
    pub fn new(init: &mut Init, config: &UNetConfig, level: usize) -> Self {
        let channels = config.channels * config.multipliers[level];
        let linear = config.linear_projection;
        Self {
            norm: GroupNorm::new(init, config.norm_groups, channels, EPSILON),
            proj_in: Pointwise::new(init, channels, channels, linear),
            block: TransformerBlock::new(init, config, channels, config.heads_at(level)),
            proj_out: Pointwise::zeroed(init, channels, channels, linear),
        }
    }

    /// The same with gradients for a part of the cross-attention.
    pub(super) fn learning(mut self, part: TrainedPart) -> Self {
        let attention = self.block.attn2;
        self.block.attn2 = match part {
            TrainedPart::KeysValues => UNetAttention {
                to_k: attention.to_k.set_require_grad(true),
                to_v: attention.to_v.set_require_grad(true),
                ..attention
            },
            TrainedPart::CrossAttention | TrainedPart::UNet => attention.set_require_grad(true),
        };
        self
    }

    /// What the slots say to this layer; the same for every step of a sampler.
    ///
    /// # Shape
    /// - `context`: `[batch, slots, dim]`
    pub fn prepare(&self, context: Tensor<3>) -> KeysValues {
        self.block.attn2.keys_values(context)
    }

    /// `[batch, channels, height, width]` → the same shape.
    pub fn forward(&self, x: Tensor<4>, context: &KeysValues) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let tokens = self.norm.forward(x.clone());
        let tokens = tokens
            .reshape([batch, channels, height * width])
            .swap_dims(1, 2);
        let tokens = self.block.forward(self.proj_in.on_tokens(tokens), context);
        let h = self.proj_out.on_tokens(tokens).swap_dims(1, 2);
        x + h.reshape([batch, channels, height, width])
    }
}

#[cfg(test)]
impl SpatialTransformer {
    /// Gives the last layer values, so that a test sees the attention.
    pub(crate) fn stir(&mut self, init: &mut Init) {
        self.proj_out.stir(init);
    }
}

/// Self-attention, cross-attention and a gated layer, each after a norm and around a shortcut.
#[derive(Module, Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: UNetAttention,
    norm2: LayerNorm,
    attn2: UNetAttention,
    norm3: LayerNorm,
    gate: Linear,
    shrink: Linear,
}

impl TransformerBlock {
    fn new(init: &mut Init, config: &UNetConfig, channels: usize, heads: usize) -> Self {
        Self {
            norm1: LayerNorm::new(init, channels),
            attn1: UNetAttention::new(init, channels, channels, heads),
            norm2: LayerNorm::new(init, channels),
            attn2: UNetAttention::new(init, channels, config.context, heads),
            norm3: LayerNorm::new(init, channels),
            gate: Linear::new(init, channels, 8 * channels),
            shrink: Linear::new(init, 4 * channels, channels),
        }
    }

    fn forward(&self, x: Tensor<3>, context: &KeysValues) -> Tensor<3> {
        let h = self.norm1.forward(x.clone());
        let among = self.attn1.keys_values(h.clone());
        let x = x + self.attn1.forward(h, &among);
        let x = x.clone() + self.attn2.forward(self.norm2.forward(x), context);
        let h = self.gate.forward(self.norm3.forward(x.clone()));
        x + self.shrink.forward(kernels::geglu(h))
    }
}

/// Attention with several heads; queries, keys and values without a bias.
#[derive(Module, Debug)]
struct UNetAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    #[module(skip)]
    heads: usize,
}

impl UNetAttention {
    fn new(init: &mut Init, channels: usize, source: usize, heads: usize) -> Self {
        Self {
            to_q: Linear::without_bias(init, channels, channels),
            to_k: Linear::without_bias(init, source, channels),
            to_v: Linear::without_bias(init, source, channels),
            to_out: Linear::new(init, channels, channels),
            heads,
        }
    }

    /// `[batch, sources, dim]` → keys and values.
    fn keys_values(&self, sources: Tensor<3>) -> KeysValues {
        let keys = self.split(self.to_k.forward(sources.clone()));
        KeysValues {
            keys,
            values: self.split(self.to_v.forward(sources)),
        }
    }

    /// `[batch, tokens, channels]` → the same shape.
    fn forward(&self, x: Tensor<3>, sources: &KeysValues) -> Tensor<3> {
        let [batch, tokens, channels] = x.dims();
        let queries = self.split(self.to_q.forward(x));
        let scale = ((channels / self.heads) as f64).powf(-0.5);
        let KeysValues { keys, values } = sources.clone();
        let h = kernels::attention(queries, keys, values, None, scale);
        self.to_out
            .forward(h.swap_dims(1, 2).reshape([batch, tokens, channels]))
    }

    /// `[batch, tokens, channels]` → `[batch, heads, tokens, head width]`
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, tokens, channels] = x.dims();
        x.reshape([batch, tokens, self.heads, channels / self.heads])
            .swap_dims(1, 2)
    }
}
