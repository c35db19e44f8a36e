//! Attention, forward and backward, one head at a time, without the matrix of shares in memory.
//!
//! Scores are held transposed, a block of queries side by side: softmax then runs down columns, and
//! a block is at once the right operand of the next product. Only queries, keys and values are
//! kept for the backward step, which computes the shares again.

use rayon::prelude::*;

use backward::Targets;
use block::{Multiply, Product, Shares, offsets, pack_columns, pack_rows, split};

use super::scratch::{Shared, unwritten, with_scratch};
use super::tile::{Accumulate, PANEL, SLACK, VECTORS};
use super::transpose::transpose;
use crate::kernels::cpu::simd::Isa;

mod backward;
mod block;

/// Sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Batch.
    pub batch: usize,
    /// Heads.
    pub heads: usize,
    /// Queries of a head.
    pub tokens: usize,
    /// Keys of a head.
    pub sources: usize,
    /// Numbers of a query and of a key.
    pub dim: usize,
    /// Numbers of a value.
    pub value_dim: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

/// Rows of numbers, `[batch, heads, tokens]`, each contiguous, wherever they start.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// All numbers.
    pub numbers: &'a [f32],
    /// From one batch, head and token to the next.
    pub strides: [usize; 3],
}

impl<'a> Rows<'a> {
    /// The numbers from the first row of a head on, and the distance between rows.
    fn head(&self, batch: usize, head: usize) -> (&'a [f32], usize) {
        let start = batch * self.strides[0] + head * self.strides[1];
        (
            self.numbers.get(start..).unwrap_or_default(),
            self.strides[2],
        )
    }
}

/// What attention reads.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Queries.
    pub queries: Rows<'a>,
    /// Keys.
    pub keys: Rows<'a>,
    /// Values.
    pub values: Rows<'a>,
    /// Added to the scores: numbers, and strides of batch, head, token and source.
    pub bias: Option<(&'a [f32], [usize; 4])>,
}

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
        let place = Head {
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
        let place = Head {
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

/// One head of one batch.
#[derive(Clone, Copy)]
struct Head<'a> {
    isa: Isa,
    inputs: Inputs<'a>,
    shape: Shape,
    batch: usize,
    index: usize,
}

impl Head<'_> {
    fn block(&self) -> usize {
        VECTORS * self.isa.width()
    }

    fn queries(&self) -> (&[f32], usize) {
        self.inputs.queries.head(self.batch, self.index)
    }

    fn keys(&self) -> (&[f32], usize) {
        self.inputs.keys.head(self.batch, self.index)
    }

    fn values(&self) -> (&[f32], usize) {
        self.inputs.values.head(self.batch, self.index)
    }

    /// Writes transposed rows `[dim][block]` to rows of `[batch, tokens, heads, dim]`, by way of
    /// `rows`.
    fn put(&self, from: &[f32], [first, count, dim]: [usize; 3], rows: &mut [f32], target: Shared) {
        let Shape { heads, tokens, .. } = self.shape;
        transpose(self.isa, (from, self.block()), [dim, count], (rows, dim));
        for (token, from) in rows.chunks_exact(dim.max(1)).take(count).enumerate() {
            let row = (self.batch * tokens + first + token) * heads + self.index;
            // SAFETY: this token's numbers of this head belong to this task alone.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), target.at(row * dim), dim) };
        }
    }

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

    fn multiply(&self, product: Product<'_>, steps: &[u32], target: &mut [f32], start: Accumulate) {
        self.isa.run(Multiply {
            product,
            steps,
            target,
            start,
        });
    }

    /// The scores of a block of queries, transposed, from packed and scaled keys.
    fn score(
        &self,
        [first, count]: [usize; 2],
        [keys, queries, scores]: [&mut [f32]; 3],
        steps: &[u32],
    ) {
        let Shape { sources, dim, .. } = self.shape;
        let (from, pitch) = self.queries();
        transpose(
            self.isa,
            (&from[first * pitch..], pitch),
            [count, dim],
            (queries, self.block()),
        );
        let start = self.start_scores(scores, first, count);
        let product = Product::new([keys, queries], [sources, dim]);
        self.multiply(product, steps, scores, start);
    }

    /// Puts the bias of a block of queries, transposed, where its scores go, if there is one.
    fn start_scores(&self, scores: &mut [f32], first: usize, count: usize) -> Accumulate {
        let Some((bias, [batch, head, token, source])) = self.inputs.bias else {
            return Accumulate::Zero;
        };
        let start = self.batch * batch + self.index * head + first * token;
        for (index, line) in scores.chunks_exact_mut(self.block()).enumerate() {
            for (position, to) in line[..count].iter_mut().enumerate() {
                *to = bias[start + position * token + index * source];
            }
            line[count..].fill(0.0);
        }
        Accumulate::Target
    }
}
