//! Attention, forward and backward, one head at a time, without the matrix of shares in memory.
//!
//! Scores are held transposed, a block of queries side by side: softmax then runs down columns, and
//! a block is at once the right operand of the next product. Only queries, keys and values are
//! kept for the backward step, which computes the shares again.

use rayon::prelude::*;

use super::lanes::{Isa, Lanes, Work};
use super::math;
use super::scratch::{Shared, unwritten, with_scratch};
use super::tile::{self, PANEL, SLACK, Start, Tile, VECTORS};
use super::transpose::transpose;

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
    /// Of `[batch, tokens, heads, dim]`, which is how results are laid out.
    fn interleaved(numbers: &'a [f32], heads: usize, tokens: usize, dim: usize) -> Self {
        Self {
            numbers,
            strides: [tokens * heads * dim, dim, heads * dim],
        }
    }

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
            head,
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
            head: task % heads,
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

#[derive(Clone, Copy)]
struct Targets {
    queries: Shared,
    keys: Shared,
    values: Shared,
    scores: Option<Shared>,
}

/// One head of one batch.
#[derive(Clone, Copy)]
struct Head<'a> {
    isa: Isa,
    inputs: Inputs<'a>,
    shape: Shape,
    batch: usize,
    head: usize,
}

/// Rows packed as left operands, `[rows / PANEL][dim][PANEL]`.
fn pack_rows(
    isa: Isa,
    rows: (&[f32], usize),
    [count, dim]: [usize; 2],
    scale: f32,
    packed: &mut [f32],
) {
    for (index, packed) in packed.chunks_exact_mut((dim * PANEL).max(1)).enumerate() {
        let first = index * PANEL;
        let here = PANEL.min(count - first);
        if here < PANEL {
            packed.fill(0.0);
        }
        transpose(
            isa,
            (&rows.0[first * rows.1..], rows.1),
            [here, dim],
            (packed, PANEL),
        );
        if scale != 1.0 {
            packed.iter_mut().for_each(|x| *x *= scale);
        }
    }
}

/// Rows packed as the transposed left operand, `[dim / PANEL][rows][PANEL]`.
fn pack_columns(rows: (&[f32], usize), [count, dim]: [usize; 2], packed: &mut [f32]) {
    for (index, packed) in packed.chunks_exact_mut((count * PANEL).max(1)).enumerate() {
        let first = index * PANEL;
        let here = PANEL.min(dim - first);
        for (row, to) in packed.chunks_exact_mut(PANEL).enumerate() {
            let from = &rows.0[row * rows.1 + first..][..here];
            to[..here].copy_from_slice(from);
            to[here..].fill(0.0);
        }
    }
}

/// Splits memory into parts of these lengths.
fn split<const N: usize>(mut memory: &mut [f32], lengths: [usize; N]) -> [&mut [f32]; N] {
    lengths.map(|length| {
        let (part, rest) = std::mem::take(&mut memory).split_at_mut(length);
        memory = rest;
        part
    })
}

impl Head<'_> {
    fn block(&self) -> usize {
        VECTORS * self.isa.width()
    }

    fn queries(&self) -> (&[f32], usize) {
        self.inputs.queries.head(self.batch, self.head)
    }

    fn keys(&self) -> (&[f32], usize) {
        self.inputs.keys.head(self.batch, self.head)
    }

    fn values(&self) -> (&[f32], usize) {
        self.inputs.values.head(self.batch, self.head)
    }

    /// Writes transposed rows `[dim][block]` to rows of `[batch, tokens, heads, dim]`, by way of
    /// `rows`.
    fn put(&self, from: &[f32], [first, count, dim]: [usize; 3], rows: &mut [f32], target: Shared) {
        let Shape { heads, tokens, .. } = self.shape;
        transpose(self.isa, (from, self.block()), [dim, count], (rows, dim));
        for (token, from) in rows.chunks_exact(dim.max(1)).take(count).enumerate() {
            let row = (self.batch * tokens + first + token) * heads + self.head;
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
            let (from, pitch) = self.queries();
            for first in (blocks[0] * block..blocks[1] * block).step_by(block) {
                let count = block.min(tokens.saturating_sub(first));
                transpose(
                    self.isa,
                    (&from[first * pitch..], pitch),
                    [count, dim],
                    (queries, block),
                );
                self.start_scores(scores, first, count);
                let start = if self.inputs.bias.is_some() {
                    Start::Target
                } else {
                    Start::Zero
                };
                let scored = Product {
                    left: keys,
                    right: queries,
                    rows: sources,
                    depth: dim,
                };
                self.isa.run(Multiply {
                    product: scored,
                    steps,
                    target: scores,
                    start,
                });
                let scale_by = self.isa.run(Shares {
                    scores,
                    block,
                    normalise: false,
                });
                let summed = Product {
                    left: values,
                    right: scores,
                    rows: value_dim,
                    depth: sources,
                };
                self.isa.run(Multiply {
                    product: summed,
                    steps,
                    target: result,
                    start: Start::Zero,
                });
                for line in result.chunks_exact_mut(block) {
                    line.iter_mut()
                        .zip(&scale_by)
                        .for_each(|(x, scale)| *x *= scale);
                }
                self.put(result, [first, count, value_dim], rows, target);
            }
        });
    }

    /// The bias of a block of queries, transposed, if there is one.
    fn start_scores(&self, scores: &mut [f32], first: usize, count: usize) {
        let Some((bias, [batch, head, token, source])) = self.inputs.bias else {
            return;
        };
        let start = self.batch * batch + self.head * head + first * token;
        for (index, line) in scores.chunks_exact_mut(self.block()).enumerate() {
            for (position, to) in line[..count].iter_mut().enumerate() {
                *to = bias[start + position * token + index * source];
            }
            line[count..].fill(0.0);
        }
    }

    fn backward(&self, gradient: Rows<'_>, targets: Targets) {
        let Shape {
            tokens,
            sources,
            dim,
            value_dim,
            scale,
            ..
        } = self.shape;
        let block = self.block();
        let [wide, deep] = [
            dim.max(value_dim),
            dim.max(value_dim).next_multiple_of(PANEL),
        ];
        let padded = sources.next_multiple_of(PANEL);
        let lengths = [
            padded * dim,           // keys in rows, scaled
            padded * value_dim,     // values in rows
            deep * sources,         // keys in columns
            wide * block,           // queries or gradients, transposed
            sources * block,        // shares
            sources * block,        // gradients of scores
            padded * block,         // one of the two, as a left operand
            block * (wide + block), // queries or gradients, a row each
            padded * dim,           // gradients of keys
            padded * value_dim,     // gradients of values
            SLACK,
        ];
        with_scratch(lengths.iter().sum(), |memory| {
            let [
                keys,
                values,
                key_columns,
                side,
                shares,
                slopes,
                left,
                rows,
                dkeys,
                dvalues,
                _,
            ] = split(memory, lengths);
            pack_rows(self.isa, self.keys(), [sources, dim], scale, keys);
            pack_rows(self.isa, self.values(), [sources, value_dim], 1.0, values);
            let key_columns = &mut key_columns[..dim.next_multiple_of(PANEL) * sources];
            pack_columns(self.keys(), [sources, dim], key_columns);
            dkeys.fill(0.0);
            dvalues.fill(0.0);
            let steps = &offsets(dim.max(sources).max(value_dim).max(block), block);
            let (from, pitch) = self.queries();
            let (grads, grad_pitch) = gradient.head(self.batch, self.head);
            for first in (0..tokens).step_by(block) {
                let count = block.min(tokens - first);
                let from = (&from[first * pitch..], pitch);
                let grads = (&grads[first * grad_pitch..], grad_pitch);
                // The shares again, and the gradients of the scores.
                transpose(self.isa, from, [count, dim], (side, block));
                self.start_scores(shares, first, count);
                let start = if self.inputs.bias.is_some() {
                    Start::Target
                } else {
                    Start::Zero
                };
                let product = Product {
                    left: keys,
                    right: side,
                    rows: sources,
                    depth: dim,
                };
                self.isa.run(Multiply {
                    product,
                    steps,
                    target: shares,
                    start,
                });
                self.isa.run(Shares {
                    scores: shares,
                    block,
                    normalise: true,
                });
                transpose(self.isa, grads, [count, value_dim], (side, block));
                let product = Product {
                    left: values,
                    right: side,
                    rows: sources,
                    depth: value_dim,
                };
                self.isa.run(Multiply {
                    product,
                    steps,
                    target: slopes,
                    start: Start::Zero,
                });
                self.isa.run(Slopes {
                    shares,
                    slopes,
                    block,
                });
                if let Some(target) = targets.scores {
                    self.put_scores(slopes, first, count, target);
                }
                slopes.iter_mut().for_each(|slope| *slope *= scale);
                // What they mean for queries, keys and values.
                let product = Product {
                    left: key_columns,
                    right: slopes,
                    rows: dim,
                    depth: sources,
                };
                self.isa.run(Multiply {
                    product,
                    steps,
                    target: side,
                    start: Start::Zero,
                });
                self.put(side, [first, count, dim], rows, targets.queries);
                self.add_outer(slopes, from, [count, dim], [left, rows, dkeys]);
                self.add_outer(shares, grads, [count, value_dim], [left, rows, dvalues]);
            }
            self.put_rows(dkeys, dim, targets.keys);
            self.put_rows(dvalues, value_dim, targets.values);
        });
    }

    /// Adds `weights`, `[sources][block]`, times rows of a block of queries, to `sums`, which has
    /// a row of whole blocks per source.
    fn add_outer(
        &self,
        weights: &[f32],
        (rows, pitch): (&[f32], usize),
        [count, dim]: [usize; 2],
        [left, right, sums]: [&mut [f32]; 3],
    ) {
        let block = self.block();
        for (index, left) in left.chunks_exact_mut(count * PANEL).enumerate() {
            let first = index * PANEL;
            if first >= self.shape.sources {
                break;
            }
            let here = PANEL.min(self.shape.sources - first);
            if here < PANEL {
                left.fill(0.0);
            }
            transpose(
                self.isa,
                (&weights[first * block..], block),
                [here, count],
                (left, PANEL),
            );
        }
        let wide = dim + block;
        for (to, from) in right
            .chunks_exact_mut(wide)
            .zip(rows.chunks(pitch.max(1)))
            .take(count)
        {
            to[..dim].copy_from_slice(&from[..dim]);
        }
        let steps: Vec<u32> = (0..count).map(|step| (step * wide) as u32).collect();
        for first in (0..dim).step_by(block) {
            let columns = block.min(dim - first);
            self.isa.run(Add {
                product: Product {
                    left,
                    right: &right[first..],
                    rows: self.shape.sources,
                    depth: count,
                },
                steps: &steps,
                target: &mut sums[first..],
                pitch: dim,
                columns,
            });
        }
    }

    /// Writes rows of numbers to `[batch, sources, heads, dim]`.
    fn put_rows(&self, from: &[f32], dim: usize, target: Shared) {
        let Shape { heads, sources, .. } = self.shape;
        for (source, from) in from.chunks_exact(dim.max(1)).take(sources).enumerate() {
            let row = (self.batch * sources + source) * heads + self.head;
            // SAFETY: this source's numbers of this head belong to this task alone.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), target.at(row * dim), dim) };
        }
    }

    /// Writes the transposed gradients of a block's scores.
    fn put_scores(&self, slopes: &[f32], first: usize, count: usize, target: Shared) {
        let Shape {
            heads,
            tokens,
            sources,
            ..
        } = self.shape;
        let start = ((self.batch * heads + self.head) * tokens + first) * sources;
        for (source, line) in slopes.chunks_exact(self.block()).enumerate() {
            for (token, &slope) in line[..count].iter().enumerate() {
                // SAFETY: this head's scores belong to this task alone.
                unsafe { target.at(start + token * sources + source).write(slope) };
            }
        }
    }
}

/// Where each step of a right operand of blocks lies.
fn offsets(steps: usize, block: usize) -> Vec<u32> {
    (0..steps).map(|step| (step * block) as u32).collect()
}

/// A packed left operand of `rows` rows times a right one.
#[derive(Clone, Copy)]
struct Product<'a> {
    left: &'a [f32],
    right: &'a [f32],
    rows: usize,
    depth: usize,
}

/// A product of one block of columns, to a target `[rows][block]`.
struct Multiply<'a> {
    product: Product<'a>,
    steps: &'a [u32],
    target: &'a mut [f32],
    start: Start,
}

impl Work for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let block = VECTORS * L::WIDTH;
        let target = &mut self.target[..self.product.rows * block];
        multiply::<L>(self.product, self.steps, target, [block, block], self.start);
    }
}

/// A product added to some columns of a target.
struct Add<'a> {
    product: Product<'a>,
    steps: &'a [u32],
    target: &'a mut [f32],
    pitch: usize,
    columns: usize,
}

impl Work for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let sizes = [self.pitch, self.columns];
        multiply::<L>(self.product, self.steps, self.target, sizes, Start::Target);
    }
}

#[inline(always)]
fn multiply<L: Lanes>(
    Product {
        left,
        right,
        rows,
        depth,
    }: Product<'_>,
    steps: &[u32],
    target: &mut [f32],
    [pitch, columns]: [usize; 2],
    start: Start,
) {
    assert!(steps.len() >= depth && left.len() >= rows.next_multiple_of(PANEL) * depth);
    assert!(rows == 0 || target.len() >= (rows - 1) * pitch + columns);
    let mut starts = [right.as_ptr(); VECTORS];
    for (v, right) in starts.iter_mut().enumerate() {
        *right = right.wrapping_add(v * L::WIDTH);
    }
    for row in (0..rows).step_by(PANEL) {
        let tile = Tile {
            depth,
            left: left[row * depth..].as_ptr(),
            right: starts,
            offsets: steps.as_ptr(),
            target: target[row * pitch..].as_mut_ptr(),
            pitch,
            rows: PANEL.min(rows - row),
            columns,
            start,
        };
        // SAFETY: the lengths of left operand, steps and target were looked at above; every caller
        // gives right operands with a whole block, or its slack, at every step.
        unsafe { tile::compute::<L>(&tile) };
    }
}

/// Turns columns of scores into shares; gives 1 over each column's sum, by which shares that are
/// not normalised are still to be multiplied.
struct Shares<'a> {
    scores: &'a mut [f32],
    block: usize,
    normalise: bool,
}

impl Work for Shares<'_> {
    type Output = [f32; 48];

    #[inline(always)]
    fn run<L: Lanes>(self) -> [f32; 48] {
        let mut most = [f32::NEG_INFINITY; 48];
        for line in self.scores.chunks_exact(self.block) {
            for (most, &x) in most.iter_mut().zip(line) {
                *most = if x > *most { x } else { *most };
            }
        }
        let mut sums = [0.0; 48];
        for line in self.scores.chunks_exact_mut(self.block) {
            for ((x, most), sum) in line.iter_mut().zip(&most).zip(&mut sums) {
                *x = math::exp::<L>(*x - most);
                *sum += *x;
            }
        }
        let scale = sums.map(|sum| 1.0 / sum);
        if self.normalise {
            for line in self.scores.chunks_exact_mut(self.block) {
                line.iter_mut()
                    .zip(&scale)
                    .for_each(|(x, scale)| *x *= scale);
            }
        }
        scale
    }
}

/// Turns gradients of shares into gradients of scores.
struct Slopes<'a> {
    shares: &'a [f32],
    slopes: &'a mut [f32],
    block: usize,
}

impl Work for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut means = [0.0; 48];
        let lines = self
            .shares
            .chunks_exact(self.block)
            .zip(self.slopes.chunks_exact(self.block));
        for (shares, slopes) in lines {
            for ((mean, &share), &slope) in means.iter_mut().zip(shares).zip(slopes) {
                *mean = L::fused(share, slope, *mean);
            }
        }
        let lines = self.slopes.chunks_exact_mut(self.block);
        for (slopes, shares) in lines.zip(self.shares.chunks_exact(self.block)) {
            for ((slope, share), mean) in slopes.iter_mut().zip(shares).zip(&means) {
                *slope = share * (*slope - mean);
            }
        }
    }
}
