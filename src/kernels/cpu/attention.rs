//! Attention, forward and backward, one head at a time, without the matrix of shares in memory.
//!
//! Scores are held transposed, a block of queries side by side: softmax then runs down columns, and
//! a block is at once the right operand of the next product. Only queries, keys and values are
//! kept for the backward step, which computes the shares again.

use rayon::prelude::*;

use backward::Targets;
use block::{Product, Shares, offsets, pack_columns, pack_rows, split};
use head::AttentionHead;

use super::scratch::{Shared, unwritten, with_scratch};
use super::tile::{Accumulate, PANEL, SLACK, VECTORS};
use crate::kernels::cpu::simd::Isa;

mod backward;
mod block;
mod head;

pub use head::{Inputs, Rows, Shape};

/// Gradients of queries, keys and values, laid out `[batch, tokens, heads, dim]`, and of the
/// scores, `[batch, heads, tokens, sources]`, if they were asked for.
pub struct Gradients {
    /// Of the queries.
    pub queries: Vec<f32>,
    /// Of the keys.
    pub keys: Vec<f32>,
    /// Of the values.
    pub values: Vec<f32>,
    /// Of the scores with their bias.
    pub scores: Option<Vec<f32>>,
}

/// The attended values, `[batch, tokens, heads, value_dim]`.
pub fn forward(isa: Isa, inputs: Inputs<'_>, shape: Shape) -> Vec<f32> {
    let Shape {
        batch,
        heads,
        tokens,
        sources,
        value_dim,
        ..
    } = shape;
    let mut y = vec![0.0; batch * tokens * heads * value_dim];
    if y.is_empty() || sources == 0 {
        return y;
    }
    let block = VECTORS * isa.width();
    let blocks = tokens.div_ceil(block);
    let parts = (2 * rayon::current_num_threads())
        .div_ceil(batch * heads)
        .clamp(1, blocks);
    let target = Shared::new(&mut y);
    (0..batch * heads * parts).into_par_iter().for_each(|task| {
        let (batch, head, part) = (task / parts / heads, task / parts % heads, task % parts);
        let place = AttentionHead {
            isa,
            inputs,
            shape,
            batch,
            index: head,
        };
        place.forward([blocks * part / parts, blocks * (part + 1) / parts], target);
    });
    y
}

/// The gradients of [`forward`]'s inputs, from the gradient of its result.
pub fn backward(
    isa: Isa,
    inputs: Inputs<'_>,
    gradient: Rows<'_>,
    shape: Shape,
    with_scores: bool,
) -> Gradients {
    let Shape {
        batch,
        heads,
        tokens,
        sources,
        dim,
        value_dim,
        ..
    } = shape;
    let mut queries = unwritten(batch * tokens * heads * dim);
    let mut keys = unwritten(batch * sources * heads * dim);
    let mut values = unwritten(batch * sources * heads * value_dim);
    let mut scores = with_scores.then(|| unwritten(batch * heads * tokens * sources));
    let targets = Targets {
        queries: Shared::new(&mut queries),
        keys: Shared::new(&mut keys),
        values: Shared::new(&mut values),
        scores: scores.as_mut().map(|scores| Shared::new(scores)),
    };
    (0..batch * heads).into_par_iter().for_each(|task| {
        let place = AttentionHead {
            isa,
            inputs,
            shape,
            batch: task / heads,
            index: task % heads,
        };
        place.backward(gradient, targets);
    });
    Gradients {
        queries,
        keys,
        values,
        scores,
    }
}

impl AttentionHead<'_> {
    /// Writes the attended values of some blocks of queries.
    fn forward(&self, blocks: [usize; 2], target: Shared) {
        let Shape {
            tokens,
            sources,
            dim,
            value_dim,
            scale,
            ..
        } = self.shape;
        let block = self.block();
        let lengths = [
            sources.next_multiple_of(PANEL) * dim,
            value_dim.next_multiple_of(PANEL) * sources,
            dim * block,
            sources * block,
            value_dim * block,
            value_dim * block,
            SLACK,
        ];
        with_scratch(lengths.iter().sum(), |memory| {
            let [keys, values, queries, scores, result, rows, _] = split(memory, lengths);
            pack_rows(self.isa, self.keys(), [sources, dim], scale, keys);
            pack_columns(self.values(), [sources, value_dim], values);
            let steps = &offsets(dim.max(sources), block);
            for first in (blocks[0] * block..blocks[1] * block).step_by(block) {
                let count = block.min(tokens.saturating_sub(first));
                self.score(
                    [first, count],
                    [&mut *keys, &mut *queries, &mut *scores],
                    steps,
                );
                let by = self.isa.run(Shares::new(scores, block, false));
                let product = Product::new([values, scores], [value_dim, sources]);
                self.multiply(product, steps, result, Accumulate::Zero);
                for line in result.chunks_exact_mut(block) {
                    line.iter_mut().zip(&by).for_each(|(x, by)| *x *= by);
                }
                self.put(result, [first, count, value_dim], rows, target);
            }
        });
    }
}
