//! What attention reads, and what the forward and the backward step of one head share.

use super::super::scratch::Shared;
use super::super::tile::{Accumulate, VECTORS};
use super::super::transpose::transpose;
use super::block::{Multiply, Product};
use crate::kernels::cpu::simd::Isa;

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
    pub fn head(&self, batch: usize, head: usize) -> (&'a [f32], usize) {
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

/// One head of one batch.
#[derive(Clone, Copy)]
pub struct AttentionHead<'a> {
    pub isa: Isa,
    pub inputs: Inputs<'a>,
    pub shape: Shape,
    pub batch: usize,
    pub index: usize,
}

impl AttentionHead<'_> {
    pub fn block(&self) -> usize {
        VECTORS * self.isa.width()
    }

    pub fn queries(&self) -> (&[f32], usize) {
        self.inputs.queries.head(self.batch, self.index)
    }

    pub fn keys(&self) -> (&[f32], usize) {
        self.inputs.keys.head(self.batch, self.index)
    }

    pub fn values(&self) -> (&[f32], usize) {
        self.inputs.values.head(self.batch, self.index)
    }

    /// Writes transposed rows `[dim][block]` to rows of `[batch, tokens, heads, dim]`, by way of
    /// `rows`.
    pub fn put(
        &self,
        from: &[f32],
        [first, count, dim]: [usize; 3],
        rows: &mut [f32],
        target: Shared,
    ) {
        let Shape { heads, tokens, .. } = self.shape;
        transpose(self.isa, (from, self.block()), [dim, count], (rows, dim));
        for (token, from) in rows.chunks_exact(dim.max(1)).take(count).enumerate() {
            let row = (self.batch * tokens + first + token) * heads + self.index;
            // SAFETY: this token's numbers of this head belong to this task alone.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), target.at(row * dim), dim) };
        }
    }

    pub fn multiply(
        &self,
        product: Product<'_>,
        steps: &[u32],
        target: &mut [f32],
        start: Accumulate,
    ) {
        self.isa.run(Multiply {
            product,
            steps,
            target,
            start,
        });
    }

    /// The scores of a block of queries, transposed, from packed and scaled keys.
    pub fn score(
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
    pub fn start_scores(&self, scores: &mut [f32], first: usize, count: usize) -> Accumulate {
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
