//! What is done to a block of queries: packing, products, softmax down columns.

use super::super::math;
use super::super::tile::{self, Accumulate, PANEL, Tile, VECTORS};
use super::super::transpose::transpose;
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// Rows packed as left operands, `[rows / PANEL][dim][PANEL]`.
pub fn pack_rows(
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
        for x in packed.iter_mut() {
            *x *= scale;
        }
    }
}

/// Rows packed as the transposed left operand, `[dim / PANEL][rows][PANEL]`.
pub fn pack_columns(rows: (&[f32], usize), [count, dim]: [usize; 2], packed: &mut [f32]) {
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
pub fn split<const N: usize>(mut memory: &mut [f32], lengths: [usize; N]) -> [&mut [f32]; N] {
    lengths.map(|length| {
        let (part, rest) = std::mem::take(&mut memory).split_at_mut(length);
        memory = rest;
        part
    })
}

/// Where each step of a right operand of blocks lies.
pub fn offsets(steps: usize, block: usize) -> Vec<u32> {
    (0..steps).map(|step| (step * block) as u32).collect()
}

/// A packed left operand of `rows` rows times a right one.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    left: &'a [f32],
    right: &'a [f32],
    rows: usize,
    depth: usize,
}

impl<'a> Product<'a> {
    /// Of left and right operand; with the rows of the left one, and the numbers in each.
    pub fn new([left, right]: [&'a [f32]; 2], [rows, depth]: [usize; 2]) -> Self {
        Self {
            left,
            right,
            rows,
            depth,
        }
    }
}

/// A product of one block of columns, to a target `[rows][block]`.
pub struct Multiply<'a> {
    pub product: Product<'a>,
    pub steps: &'a [u32],
    pub target: &'a mut [f32],
    pub start: Accumulate,
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
pub struct Add<'a> {
    pub product: Product<'a>,
    pub steps: &'a [u32],
    pub target: &'a mut [f32],
    pub pitch: usize,
    pub columns: usize,
}

impl Work for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let sizes = [self.pitch, self.columns];
        multiply::<L>(
            self.product,
            self.steps,
            self.target,
            sizes,
            Accumulate::Target,
        );
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
    start: Accumulate,
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
pub struct Shares<'a> {
    scores: &'a mut [f32],
    block: usize,
    normalise: bool,
}

impl<'a> Shares<'a> {
    /// Of scores, `[sources][block]`.
    pub fn new(scores: &'a mut [f32], block: usize, normalise: bool) -> Self {
        Self {
            scores,
            block,
            normalise,
        }
    }
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
pub struct Slopes<'a> {
    shares: &'a [f32],
    gradient: &'a mut [f32],
    block: usize,
}

impl<'a> Slopes<'a> {
    /// Of shares and their gradient, both `[sources][block]`.
    pub fn new(shares: &'a [f32], gradient: &'a mut [f32], block: usize) -> Self {
        Self {
            shares,
            gradient,
            block,
        }
    }
}

impl Work for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut means = [0.0; 48];
        let lines = self
            .shares
            .chunks_exact(self.block)
            .zip(self.gradient.chunks_exact(self.block));
        for (shares, slopes) in lines {
            for ((mean, &share), &slope) in means.iter_mut().zip(shares).zip(slopes) {
                *mean = L::fused(share, slope, *mean);
            }
        }
        let lines = self.gradient.chunks_exact_mut(self.block);
        for (slopes, shares) in lines.zip(self.shares.chunks_exact(self.block)) {
            for ((slope, share), mean) in slopes.iter_mut().zip(shares).zip(&means) {
                *slope = share * (*slope - mean);
            }
        }
    }
}
