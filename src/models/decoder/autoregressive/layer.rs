//! One decoder layer: causal self-attention, cross-attention to the slots, feed-forward.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Tensor};

use super::config::AutoregressiveConfig;
use crate::kernels;
use crate::models::blocks::{Dropout, LayerNorm, Linear};
use crate::rng::Init;

/// Three branches, each added to what came in.
#[derive(Module, Debug)]
pub struct TokenLayer {
    /// Norm before the causal self-attention.
    pub norm_self: LayerNorm,
    /// Causal self-attention.
    pub attention: MultiHeadAttention,
    /// Norm before the cross-attention.
    pub norm_cross: LayerNorm,
    /// Cross-attention to the slots.
    pub cross: MultiHeadAttention,
    /// Before the dense layers.
    pub norm_feed: LayerNorm,
    /// `[4 · width, width]`
    pub widen: Linear,
    /// `[width, 4 · width]`
    pub narrow: Linear,
    dropout: Dropout,
    #[module(skip)]
    first: bool,
}

/// Keys and values of earlier tokens and of the slots, `[batch, heads, tokens, head width]` each (KV cache).
pub struct Cache {
    keys: Tensor<4>,
    values: Tensor<4>,
    slot_keys: Tensor<4>,
    slot_values: Tensor<4>,
}

impl TokenLayer {
    /// First values of the layer number `index`.
    pub fn new(init: &mut Init, config: &AutoregressiveConfig, index: usize) -> Self {
        let width = config.width;
        // Residual branches start smaller the more there are.
        let gain = 1.0 / (3.0 * config.layers as f64).sqrt();
        let mut widen = Linear::new(init, width, 4 * width);
        widen.weight = init.uniform([4 * width, width], (6.0 / width as f64).sqrt());
        let mut narrow = Linear::new(init, 4 * width, width);
        narrow.weight = init.uniform([width, 4 * width], gain * (6.0 / (5 * width) as f64).sqrt());
        Self {
            norm_self: LayerNorm::new(init, width),
            attention: MultiHeadAttention::new(init, config, gain),
            norm_cross: LayerNorm::new(init, width),
            cross: MultiHeadAttention::new(init, config, gain),
            norm_feed: LayerNorm::new(init, width),
            widen,
            narrow,
            dropout: Dropout::new(config.dropout),
            first: index == 0,
        }
    }

    /// All tokens at once; `slots` are projected already.
    pub fn forward(&self, tokens: Tensor<3>, slots: &Tensor<3>) -> Tensor<3> {
        let [_, count, _] = tokens.dims();
        let (tokens, normed) = self.enter(tokens);
        let later = Tensor::<2, Bool>::tril_mask([count, count], 0, &tokens.device());
        let bias = Tensor::<2>::zeros([count, count], &tokens.device())
            .mask_fill(later, f32::NEG_INFINITY);
        let memory = self.attention.memory(normed.clone());
        let seen = self
            .attention
            .look(normed, memory, Some(bias.reshape([1, 1, count, count])));
        self.leave(tokens, seen, self.cross.memory(slots.clone()))
    }

    /// What is kept while writing `count` tokens.
    pub fn cache(&self, slots: &Tensor<3>, count: usize) -> Cache {
        let [batch, _, width] = slots.dims();
        let heads = self.attention.heads;
        let empty = Tensor::zeros([batch, heads, count, width / heads], &slots.device());
        let (slot_keys, slot_values) = self.cross.memory(slots.clone());
        Cache {
            keys: empty.clone(),
            values: empty,
            slot_keys,
            slot_values,
        }
    }

    /// The token at place `at` alone, given what is kept of those before it.
    pub fn step(&self, token: Tensor<3>, cache: &mut Cache, at: usize) -> Tensor<3> {
        let (token, normed) = self.enter(token);
        let (key, value) = self.attention.memory(normed.clone());
        put(&mut cache.keys, key, at);
        put(&mut cache.values, value, at);
        let seen_so_far = (
            cache.keys.clone().narrow(2, 0, at + 1),
            cache.values.clone().narrow(2, 0, at + 1),
        );
        let seen = self.attention.look(normed, seen_so_far, None);
        self.leave(
            token,
            seen,
            (cache.slot_keys.clone(), cache.slot_values.clone()),
        )
    }

    /// The residual stream and what the first branch reads.
    fn enter(&self, tokens: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let normed = self.norm_self.forward(tokens.clone());
        // The first layer adds to the normed tokens, as the released weights were trained.
        if self.first {
            (normed.clone(), normed)
        } else {
            (tokens, normed)
        }
    }

    /// The other two branches.
    fn leave(
        &self,
        tokens: Tensor<3>,
        seen: Tensor<3>,
        slots: (Tensor<4>, Tensor<4>),
    ) -> Tensor<3> {
        let tokens = tokens + self.dropout.forward(seen);
        let asked = self.norm_cross.forward(tokens.clone());
        let tokens = tokens + self.dropout.forward(self.cross.look(asked, slots, None));
        let inner = relu(self.widen.forward(self.norm_feed.forward(tokens.clone())));
        tokens + self.dropout.forward(self.narrow.forward(inner))
    }
}

/// Writes one token's part into what is kept.
fn put(kept: &mut Tensor<4>, new: Tensor<4>, at: usize) {
    let [batch, heads, _, dim] = kept.dims();
    kept.inplace(|kept| kept.slice_assign([0..batch, 0..heads, at..at + 1, 0..dim], new));
}

/// Attention with several heads and without biases.
#[derive(Module, Debug)]
pub struct MultiHeadAttention {
    /// `[width, width]`
    pub query: Linear,
    /// `[width, width]`
    pub key: Linear,
    /// `[width, width]`
    pub value: Linear,
    /// `[width, width]`
    pub output: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

impl MultiHeadAttention {
    fn new(init: &mut Init, config: &AutoregressiveConfig, gain: f64) -> Self {
        let width = config.width;
        let bound = (3.0 / width as f64).sqrt(); // Glorot & Bengio 2010
        let mut square = |gain: f64| Linear {
            weight: init.uniform([width, width], gain * bound),
            bias: None,
        };
        let (query, key, value) = (square(1.0), square(1.0), square(1.0));
        let output = square(gain);
        Self {
            query,
            key,
            value,
            output,
            dropout: Dropout::new(config.dropout),
            heads: config.heads,
        }
    }

    /// Keys and values of what is looked at, `[batch, heads, sources, dim]`.
    fn memory(&self, sources: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        (
            self.split(self.key.forward(sources.clone())),
            self.split(self.value.forward(sources)),
        )
    }

    fn look(
        &self,
        tokens: Tensor<3>,
        (keys, values): (Tensor<4>, Tensor<4>),
        bias: Option<Tensor<4>>,
    ) -> Tensor<3> {
        let [batch, count, width] = tokens.dims();
        let queries = self.split(self.query.forward(tokens));
        let scale = 1.0 / ((width / self.heads) as f64).sqrt();
        let seen = if self.dropout.is_active(&queries.device()) {
            // Weights are dropped too, so they must be seen.
            let scores = queries.matmul(keys.transpose()) * scale;
            let scores = match bias {
                Some(bias) => scores + bias,
                None => scores,
            };
            self.dropout
                .forward(kernels::softmax(scores, 3))
                .matmul(values)
        } else {
            kernels::attention(queries, keys, values, bias, scale)
        };
        self.output
            .forward(seen.swap_dims(1, 2).reshape([batch, count, width]))
    }

    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, count, width] = x.dims();
        x.reshape([batch, count, self.heads, width / self.heads])
            .swap_dims(1, 2)
    }
}
