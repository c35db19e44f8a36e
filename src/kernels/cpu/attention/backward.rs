//! The backward step of one head.

use super::super::scratch::{Shared, with_scratch};
use super::super::tile::{Accumulate, PANEL, SLACK};
use super::super::transpose::transpose;
use super::block::{Add, Product, Shares, Slopes, offsets, pack_columns, pack_rows, split};
use super::head::{AttentionHead, Rows, Shape};

/// Where gradients go.
#[derive(Clone, Copy)]
pub struct Targets {
    pub queries: Shared,
    pub keys: Shared,
    pub values: Shared,
    pub scores: Option<Shared>,
}

/// Memory of a backward step.
struct Memory<'a> {
    /// Keys in rows, scaled.
    keys: &'a mut [f32],
    /// Values in rows.
    values: &'a mut [f32],
    /// Keys in columns.
    key_columns: &'a mut [f32],
    /// Queries or gradients of a block, transposed.
    side: &'a mut [f32],
    /// Shares of a block.
    shares: &'a mut [f32],
    /// Gradients of a block's scores.
    slopes: &'a mut [f32],
    /// Either of the two, as a left operand.
    left: &'a mut [f32],
    /// Queries or gradients, a row each.
    rows: &'a mut [f32],
    /// Gradients of the keys.
    dkeys: &'a mut [f32],
    /// Gradients of the values.
    dvalues: &'a mut [f32],
}

impl<'a> Memory<'a> {
    fn lengths(shape: Shape, block: usize) -> [usize; 11] {
        let Shape {
            sources,
            dim,
            value_dim,
            ..
        } = shape;
        let wide = dim.max(value_dim);
        let padded = sources.next_multiple_of(PANEL);
        [
            padded * dim,
            padded * value_dim,
            dim.next_multiple_of(PANEL) * sources,
            wide * block,
            sources * block,
            sources * block,
            padded * block,
            block * (wide + block),
            padded * dim,
            padded * value_dim,
            SLACK,
        ]
    }

    fn of(memory: &'a mut [f32], shape: Shape, block: usize) -> Self {
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
        ] = split(memory, Self::lengths(shape, block));
        Self {
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
        }
    }
}

impl AttentionHead<'_> {
    /// Writes the gradients of this head's inputs.
    pub fn backward(&self, gradient: Rows<'_>, targets: Targets) {
        let Shape {
            tokens,
            sources,
            dim,
            value_dim,
            scale,
            ..
        } = self.shape;
        let block = self.block();
        let length = Memory::lengths(self.shape, block).iter().sum();
        with_scratch(length, |memory| {
            let mut memory = Memory::of(memory, self.shape, block);
            pack_rows(self.isa, self.keys(), [sources, dim], scale, memory.keys);
            pack_rows(
                self.isa,
                self.values(),
                [sources, value_dim],
                1.0,
                memory.values,
            );
            pack_columns(self.keys(), [sources, dim], memory.key_columns);
            memory.dkeys.fill(0.0);
            memory.dvalues.fill(0.0);
            let steps = offsets(dim.max(sources).max(value_dim), block);
            let gradient = gradient.head(self.batch, self.index);
            for first in (0..tokens).step_by(block) {
                let range = [first, block.min(tokens - first)];
                self.backward_block(range, gradient, &steps, &mut memory, targets);
            }
            self.put_rows(memory.dkeys, dim, targets.keys);
            self.put_rows(memory.dvalues, value_dim, targets.values);
        });
    }

    /// A block of queries: its shares again, the gradients of its scores, and what these mean for
    /// queries, keys and values.
    fn backward_block(
        &self,
        [first, count]: [usize; 2],
        (gradient, pitch): (&[f32], usize),
        steps: &[u32],
        memory: &mut Memory<'_>,
        targets: Targets,
    ) {
        let Shape {
            sources,
            dim,
            value_dim,
            scale,
            ..
        } = self.shape;
        let Memory {
            keys,
            values,
            key_columns,
            side,
            shares,
            slopes,
            left,
            rows,
            ..
        } = memory;
        let block = self.block();
        let gradient = (&gradient[first * pitch..], pitch);
        self.score([first, count], [keys, side, shares], steps);
        self.isa.run(Shares::new(shares, block, true));
        transpose(self.isa, gradient, [count, value_dim], (side, block));
        let product = Product::new([values, side], [sources, value_dim]);
        self.multiply(product, steps, slopes, Accumulate::Zero);
        self.isa.run(Slopes::new(shares, slopes, block));
        if let Some(target) = targets.scores {
            self.put_scores(slopes, first, count, target);
        }
        slopes.iter_mut().for_each(|slope| *slope *= scale);
        let product = Product::new([key_columns, slopes], [dim, sources]);
        self.multiply(product, steps, side, Accumulate::Zero);
        self.put(side, [first, count, dim], rows, targets.queries);
        let (queries, pitch) = self.queries();
        let queries = (&queries[first * pitch..], pitch);
        self.add_outer(slopes, queries, [count, dim], [left, rows, memory.dkeys]);
        self.add_outer(
            shares,
            gradient,
            [count, value_dim],
            [left, rows, memory.dvalues],
        );
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
                product: Product::new([left, &right[first..]], [self.shape.sources, count]),
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
            let row = (self.batch * sources + source) * heads + self.index;
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
        let start = ((self.batch * heads + self.index) * tokens + first) * sources;
        for (source, line) in slopes.chunks_exact(self.block()).enumerate() {
            for (token, &slope) in line[..count].iter().enumerate() {
                // SAFETY: this head's scores belong to this task alone.
                unsafe { target.at(start + token * sources + source).write(slope) };
            }
        }
    }
}
