//! The Transformer encoder of PyTorch (Vaswani et al. 2017), with the norm before each branch.
//! Reference: `torch/nn/modules/transformer.py`, `TransformerEncoderLayer` with `norm_first` and ReLU.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

use super::{Dropout, LayerNorm, Linear};
use crate::kernels;
use crate::rng::Init;

/// Sizes of a [`Transformer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TransformerConfig {
    /// Width of a token.
    pub dim: usize,
    /// Layers one behind the other.
    pub layers: usize,
    /// Heads of the attention; divides `dim`.
    pub heads: usize,
    /// Width between the two dense layers.
    pub feed_forward: usize,
    /// Share of values dropped in training.
    pub dropout: f64,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            layers: 4,
            heads: 8,
            feed_forward: 512,
            dropout: 0.1,
        }
    }
}

impl TransformerConfig {
    /// Initial parameters: every layer begins with the same ones, because PyTorch copies one layer.
    pub fn init(&self, init: &mut Init) -> Transformer {
        let start = init.clone();
        let layers = (0..self.layers).map(|_| {
            *init = start.clone();
            TransformerLayer::new(init, self)
        });
        Transformer {
            layers: layers.collect(),
        }
    }
}

/// Layers one behind the other, without a norm at the end.
#[derive(Module, Debug)]
pub struct Transformer {
    /// In order.
    pub layers: Vec<TransformerLayer>,
}

impl Transformer {
    /// Every token after all layers.
    ///
    /// # Shape
    /// - `tokens`: `[batch, tokens, dim]`
    /// - `key_padding_mask`: `[batch, tokens]`, true for tokens that none may look at
    pub fn forward(
        &self,
        tokens: Tensor<3>,
        key_padding_mask: Option<Tensor<2, Bool>>,
    ) -> Tensor<3> {
        let bias = key_padding_mask.map(bias_of_padding);
        self.layers.iter().fold(tokens, |tokens, layer| {
            let all = tokens.dims()[1];
            layer.forward(tokens, all, bias.clone())
        })
    }

    /// The last `count` tokens after all layers: the same numbers, without computing the others in the
    /// last layer. `key_padding_mask` as in [`forward`](Self::forward).
    pub fn forward_last(
        &self,
        tokens: Tensor<3>,
        count: usize,
        key_padding_mask: Option<Tensor<2, Bool>>,
    ) -> Tensor<3> {
        let bias = key_padding_mask.map(bias_of_padding);
        let last = self.layers.len();
        self.layers
            .iter()
            .enumerate()
            .fold(tokens, |tokens, (index, layer)| {
                let wanted = if index + 1 == last {
                    count
                } else {
                    tokens.dims()[1]
                };
                layer.forward(tokens, wanted, bias.clone())
            })
    }
}

/// −∞ where a token is padding, broadcastable to attention scores.
fn bias_of_padding(key_padding_mask: Tensor<2, Bool>) -> Tensor<4> {
    let [batch, tokens] = key_padding_mask.dims();
    let device = key_padding_mask.device();
    let open = Tensor::<2>::zeros([batch, tokens], &device);
    open.mask_fill(key_padding_mask, f32::NEG_INFINITY)
        .reshape([batch, 1, 1, tokens])
}

/// Attention, then two dense layers, each added to what came in.
#[derive(Module, Debug)]
pub struct TransformerLayer {
    /// Multi-head self-attention.
    pub self_attn: SelfAttention,
    /// `[feed forward, dim]`
    pub linear1: Linear,
    /// `[dim, feed forward]`
    pub linear2: Linear,
    /// Before the attention.
    pub norm1: LayerNorm,
    /// Before the dense layers.
    pub norm2: LayerNorm,
    dropout: Dropout,
}

impl TransformerLayer {
    fn new(init: &mut Init, config: &TransformerConfig) -> Self {
        let TransformerConfig {
            dim, feed_forward, ..
        } = *config;
        Self {
            self_attn: SelfAttention::new(init, config),
            linear1: Linear::new(init, dim, feed_forward),
            linear2: Linear::new(init, feed_forward, dim),
            norm1: LayerNorm::new(init, dim),
            norm2: LayerNorm::new(init, dim),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// The last `wanted` tokens.
    fn forward(&self, tokens: Tensor<3>, wanted: usize, bias: Option<Tensor<4>>) -> Tensor<3> {
        let before = tokens.dims()[1] - wanted;
        let kept = if before == 0 {
            tokens.clone()
        } else {
            tokens.clone().narrow(1, before, wanted)
        };
        let attended = self
            .self_attn
            .forward(self.norm1.forward(tokens), wanted, bias);
        let tokens = kept + self.dropout.forward(attended);
        let inner = relu(self.linear1.forward(self.norm2.forward(tokens.clone())));
        let outer = self.linear2.forward(self.dropout.forward(inner));
        tokens + self.dropout.forward(outer)
    }
}

/// Attention with several heads; queries, keys and values come from one packed layer.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// `[3 · dim, dim]`: queries, keys, values.
    pub in_proj_weight: Param<Tensor<2>>,
    /// `[3 · dim]`
    pub in_proj_bias: Param<Tensor<1>>,
    /// `[dim, dim]`
    pub out_proj: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

impl SelfAttention {
    fn new(init: &mut Init, config: &TransformerConfig) -> Self {
        let TransformerConfig {
            dim,
            heads,
            dropout,
            ..
        } = *config;
        assert_eq!(
            dim % heads,
            0,
            "a width of {dim} does not split into {heads} heads"
        );
        let packed = (6.0 / (4 * dim) as f64).sqrt(); // Glorot & Bengio 2010, over the packed shape
        let weight = init.uniform([3 * dim, dim], packed);
        let out = init.uniform([dim, dim], 1.0 / (dim as f64).sqrt());
        Self {
            in_proj_weight: weight,
            in_proj_bias: init.constant([3 * dim], 0.0),
            out_proj: Linear {
                weight: out,
                bias: Some(init.constant([dim], 0.0)),
            },
            dropout: Dropout::new(dropout),
            heads,
        }
    }

    /// What the last `wanted` tokens saw.
    fn forward(&self, tokens: Tensor<3>, wanted: usize, bias: Option<Tensor<4>>) -> Tensor<3> {
        let [batch, count, dim] = tokens.dims();
        let (weight, packed_bias) = (self.in_proj_weight.val(), self.in_proj_bias.val());
        let part = |tokens: Tensor<3>, first: usize, parts: usize| {
            let (first, size) = (first * dim, parts * dim);
            let bias = packed_bias.clone().narrow(0, first, size);
            kernels::linear(tokens, weight.clone().narrow(0, first, size), Some(bias))
        };
        let (queries, memory) = if wanted == count {
            let packed = part(tokens, 0, 3);
            (
                packed.clone().narrow(2, 0, dim),
                packed.narrow(2, dim, 2 * dim),
            )
        } else {
            (
                part(tokens.clone().narrow(1, count - wanted, wanted), 0, 1),
                part(tokens, 1, 2),
            )
        };
        let (keys, values) = (memory.clone().narrow(2, 0, dim), memory.narrow(2, dim, dim));
        let split = |x: Tensor<3>, count| {
            x.reshape([batch, count, self.heads, dim / self.heads])
                .swap_dims(1, 2)
        };
        let attended = self.attend(
            split(queries, wanted),
            split(keys, count),
            split(values, count),
            bias,
        );
        self.out_proj
            .forward(attended.swap_dims(1, 2).reshape([batch, wanted, dim]))
    }

    fn attend(
        &self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        bias: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let scale = 1.0 / (q.dims()[3] as f64).sqrt();
        if !self.dropout.is_active(&q.device()) {
            return kernels::attention(q, k, v, bias, scale);
        }
        // Weights are dropped too, so they must be seen.
        let scores = q.matmul(k.transpose()) * scale;
        let scores = match bias {
            Some(bias) => scores + bias,
            None => scores,
        };
        self.dropout.forward(kernels::softmax(scores, 3)).matmul(v)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    fn small(device: &Device) -> Transformer {
        let config = TransformerConfig {
            dim: 8,
            layers: 2,
            heads: 2,
            feed_forward: 16,
            dropout: 0.1,
        };
        config.init(&mut Init::seeded(3, device))
    }

    #[test]
    fn the_last_tokens_alone_are_the_last_of_all() {
        let device = Device::flex();
        let tokens = SeededRng::new(1, &[]).normal([2, 6, 8], &device);
        let all = small(&device).forward(tokens.clone(), None).narrow(1, 4, 2);
        let last = small(&device).forward_last(tokens, 2, None);
        last.into_data()
            .assert_approx_eq::<f32>(&all.into_data(), Tolerance::default());
    }

    #[test]
    fn a_hidden_token_has_no_influence_on_the_others() {
        let device = Device::flex();
        let tokens = SeededRng::new(1, &[]).normal([1, 4, 8], &device);
        let hidden = Tensor::<2, Bool>::from_data([[false, false, false, true]], &device);
        let seen = small(&device).forward(tokens.clone().narrow(1, 0, 3), None);
        let masked = small(&device).forward(tokens, Some(hidden)).narrow(1, 0, 3);
        masked
            .into_data()
            .assert_approx_eq::<f32>(&seen.into_data(), Tolerance::default());
    }

    #[test]
    fn the_order_of_tokens_does_not_matter() {
        let device = Device::flex();
        let tokens = SeededRng::new(1, &[]).normal([1, 5, 8], &device);
        let flipped = small(&device)
            .forward(tokens.clone().flip([1]), None)
            .flip([1]);
        let straight = small(&device).forward(tokens, None);
        flipped
            .into_data()
            .assert_approx_eq::<f32>(&straight.into_data(), Tolerance::default());
    }
}
