//! Matrix products: rows times a matrix, and what a linear layer's backward step needs.

use rayon::prelude::*;

use crate::kernels::cpu::scratch::{Shared, unwritten, with_scratch};
use crate::kernels::cpu::simd::{Isa, Lanes, Work};
use crate::kernels::cpu::tile::{self, Accumulate, PANEL, SLACK, Tile, VECTORS};
use crate::kernels::cpu::transpose::transpose;

/// Sizes of a linear layer and its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the input.
    pub rows: usize,
    /// Numbers in a row of the input.
    pub inputs: usize,
    /// Numbers in a row of the output.
    pub outputs: usize,
}

/// `x · weightᵀ + bias`; `weight` is `[outputs][inputs]`.
pub fn linear(isa: Isa, x: &[f32], weight: &[f32], bias: Option<&[f32]>, sizes: Sizes) -> Vec<f32> {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let right = Right::transposed(isa, weight, inputs, outputs);
    matmul(isa, x, &right, bias, rows)
}

/// `gradient · weight`: the gradient of a linear layer's input.
pub fn input_gradient(isa: Isa, gradient: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let right = Right::rows(isa, weight, outputs, inputs);
    matmul(isa, gradient, &right, None, rows)
}

/// The right operand of a product, `[depth][columns]`, in blocks of columns that a tile takes.
struct Right {
    depth: usize,
    columns: usize,
    /// Columns of a block.
    block: usize,
    /// `[columns / block][depth][block]`
    packed: Vec<f32>,
}

impl Right {
    /// Of `numbers`, `[depth][columns]`.
    fn rows(isa: Isa, numbers: &[f32], depth: usize, columns: usize) -> Self {
        let fill = |first: usize, count: usize, block: usize, packed: &mut [f32]| {
            for (to, from) in packed
                .chunks_exact_mut(block)
                .zip(numbers.chunks_exact(columns))
            {
                to[..count].copy_from_slice(&from[first..first + count]);
            }
        };
        Self::pack(isa, depth, columns, fill)
    }

    /// Of `numbers`, `[columns][depth]`.
    fn transposed(isa: Isa, numbers: &[f32], depth: usize, columns: usize) -> Self {
        let fill = |first: usize, count: usize, block: usize, packed: &mut [f32]| {
            transpose(
                isa,
                (&numbers[first * depth..], depth),
                [count, depth],
                (packed, block),
            );
        };
        Self::pack(isa, depth, columns, fill)
    }

    /// `fill` writes a block, given its first column, how many it has, and its width.
    fn pack(
        isa: Isa,
        depth: usize,
        columns: usize,
        fill: impl Fn(usize, usize, usize, &mut [f32]) + Sync,
    ) -> Self {
        let block = VECTORS * isa.width();
        let mut packed = vec![0.0; columns.div_ceil(block) * depth * block];
        packed
            .par_chunks_mut((depth * block).max(1))
            .enumerate()
            .for_each(|(index, packed)| {
                let first = index * block;
                fill(first, block.min(columns - first), block, packed);
            });
        Self {
            depth,
            columns,
            block,
            packed,
        }
    }
}

/// `x · right + bias`, `x` of `rows` rows.
fn matmul(isa: Isa, x: &[f32], right: &Right, bias: Option<&[f32]>, rows: usize) -> Vec<f32> {
    const CACHED: usize = 64 * 1024;
    let mut y = vec![0.0; 0];
    let size = rows * right.columns;
    if right.depth == 0 {
        let bias = |index: usize| bias.map_or(0.0, |bias| bias[index % right.columns]);
        return (0..size).map(bias).collect();
    }
    if size == 0 {
        return y;
    }
    y = unwritten(size);
    let threads = rayon::current_num_threads();
    let shared = rows.div_ceil(4 * threads).clamp(4 * PANEL, 16 * PANEL);
    let height = shared
        .min(CACHED / right.depth)
        .max(PANEL)
        .next_multiple_of(PANEL);
    let bands = rows.div_ceil(height);
    let blocks = right.columns.div_ceil(right.block);
    let parts = (2 * threads).div_ceil(bands).clamp(1, blocks);
    let offsets: Vec<u32> = (0..right.depth)
        .map(|step| (step * right.block) as u32)
        .collect();
    let target = Shared::new(&mut y);
    (0..bands * parts).into_par_iter().for_each(|task| {
        let (band, part) = (task / parts, task % parts);
        let count = height.min(rows - band * height);
        let x = &x[band * height * right.depth..][..count * right.depth];
        let blocks = [blocks * part / parts, blocks * (part + 1) / parts];
        let target = target.at(band * height * right.columns);
        with_scratch(count.next_multiple_of(PANEL) * right.depth, |left| {
            pack_left(isa, x, right.depth, left);
            isa.run(Band {
                left,
                right,
                bias,
                offsets: &offsets,
                rows: count,
                blocks,
                target,
            });
        });
    });
    y
}

/// Packs rows of `depth` numbers in panels; rows past the last are zero.
fn pack_left(isa: Isa, rows: &[f32], depth: usize, left: &mut [f32]) {
    let panels = left.chunks_exact_mut(depth * PANEL);
    for (left, rows) in panels.zip(rows.chunks(depth * PANEL)) {
        let count = rows.len() / depth;
        if count < PANEL {
            left.fill(0.0);
        }
        transpose(isa, (rows, depth), [count, depth], (left, PANEL));
    }
}

/// Some rows, some blocks of columns.
struct Band<'a> {
    left: &'a [f32],
    right: &'a Right,
    bias: Option<&'a [f32]>,
    offsets: &'a [u32],
    rows: usize,
    blocks: [usize; 2],
    target: *mut f32,
}

impl Work for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Right {
            depth,
            columns,
            block,
            ref packed,
        } = *self.right;
        for index in self.blocks[0]..self.blocks[1] {
            let first = index * block;
            let start = packed[index * depth * block..].as_ptr();
            let bias = self.bias.map(|bias| bias[first..].as_ptr());
            for row in (0..self.rows).step_by(PANEL) {
                let mut right = [start; VECTORS];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = right.wrapping_add(v * L::WIDTH);
                }
                let tile = Tile {
                    depth,
                    left: self.left[row * depth..].as_ptr(),
                    right,
                    offsets: self.offsets.as_ptr(),
                    target: self.target.wrapping_add(row * columns + first),
                    pitch: columns,
                    rows: PANEL.min(self.rows - row),
                    columns: block.min(columns - first),
                    start: bias.map_or(Accumulate::Zero, Accumulate::Columns),
                };
                // SAFETY: panels and blocks are `depth` steps long and whole registers wide; the
                // target's rows and columns belong to this task alone; the bias has one number per
                // column.
                unsafe { tile::compute::<L>(&tile) };
            }
        }
    }
}

/// Gradients of weight and bias of a linear layer, from its input and the gradient of its output.
pub fn weight_gradient(isa: Isa, x: &[f32], gradient: &[f32], sizes: Sizes) -> [Vec<f32>; 2] {
    const CACHED: usize = 128 * 1024;
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let size = outputs.next_multiple_of(PANEL) * inputs;
    if rows * size == 0 {
        return [vec![0.0; outputs * inputs], column_sums(gradient, outputs)];
    }
    let height = (CACHED / (inputs + outputs)).clamp(16, 1024).min(rows);
    let units = rows.div_ceil(height);
    // Partial sums: their number hangs on the sizes alone, never on the number of threads.
    let partials = ((1 << 19) / size).clamp(4, 16).min(units);
    let panels = outputs.div_ceil(PANEL);
    let parts = (2 * rayon::current_num_threads())
        .div_ceil(partials)
        .clamp(1, panels.div_ceil(4));
    let mut sums = vec![0.0; partials * size];
    let target = Shared::new(&mut sums);
    (0..partials * parts).into_par_iter().for_each(|task| {
        let (partial, part) = (task / parts, task % parts);
        let units = units * partial / partials..units * (partial + 1) / partials;
        let panels = [panels * part / parts, panels * (part + 1) / parts];
        for unit in units {
            let rows = [unit * height, ((unit + 1) * height).min(rows)];
            let target = target.at(partial * size);
            Unit {
                x,
                gradient,
                sizes,
                rows,
                panels,
                target,
            }
            .run(isa);
        }
    });
    tile::add_up(&mut sums, size, partials);
    sums.truncate(outputs * inputs);
    [sums, column_sums(gradient, outputs)]
}

/// The sum over rows of `columns` numbers, in chunks that hang on the sizes alone.
fn column_sums(numbers: &[f32], columns: usize) -> Vec<f32> {
    let rows = numbers.len() / columns.max(1);
    let chunk = rows.div_ceil(32).max(64) * columns.max(1);
    let parts: Vec<Vec<f32>> = numbers
        .par_chunks(chunk)
        .map(|rows| {
            let mut sums = vec![0.0; columns];
            for row in rows.chunks_exact(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; columns];
    for part in parts {
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, part)| *sum += part);
    }
    sums
}

/// Some rows' share in the gradient of some panels of outputs.
struct Unit<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    sizes: Sizes,
    rows: [usize; 2],
    panels: [usize; 2],
    target: *mut f32,
}

impl Unit<'_> {
    fn run(&self, isa: Isa) {
        let Sizes {
            inputs, outputs, ..
        } = self.sizes;
        let block = VECTORS * isa.width();
        let depth = self.rows[1] - self.rows[0];
        let blocks = inputs.div_ceil(block);
        let left = (self.panels[1] - self.panels[0]) * depth * PANEL;
        with_scratch(blocks * depth * block + left + SLACK, |memory| {
            let (right, left) = memory.split_at_mut(blocks * depth * block);
            let x = &self.x[self.rows[0] * inputs..self.rows[1] * inputs];
            for (index, right) in right.chunks_exact_mut(depth * block).enumerate() {
                let columns = index * block..inputs.min((index + 1) * block);
                for (to, x) in right.chunks_exact_mut(block).zip(x.chunks_exact(inputs)) {
                    to[..columns.len()].copy_from_slice(&x[columns.clone()]);
                }
            }
            let gradient = &self.gradient[self.rows[0] * outputs..self.rows[1] * outputs];
            let panels = left.chunks_exact_mut(depth * PANEL);
            for (left, panel) in panels.zip(self.panels[0]..self.panels[1]) {
                let columns = panel * PANEL..outputs.min((panel + 1) * PANEL);
                for (to, g) in left
                    .chunks_exact_mut(PANEL)
                    .zip(gradient.chunks_exact(outputs))
                {
                    to.fill(0.0);
                    to[..columns.len()].copy_from_slice(&g[columns.clone()]);
                }
            }
            let offsets: Vec<u32> = (0..depth).map(|step| (step * block) as u32).collect();
            isa.run(Sums {
                unit: self,
                left,
                right,
                offsets: &offsets,
            });
        });
    }
}

struct Sums<'a> {
    unit: &'a Unit<'a>,
    left: &'a [f32],
    right: &'a [f32],
    offsets: &'a [u32],
}

impl Work for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let inputs = self.unit.sizes.inputs;
        let depth = self.offsets.len();
        let block = VECTORS * L::WIDTH;
        for (index, first) in (0..inputs).step_by(block).enumerate() {
            for (left, panel) in (self.unit.panels[0]..self.unit.panels[1]).enumerate() {
                let mut right = [self.right[index * depth * block..].as_ptr(); VECTORS];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = right.wrapping_add(v * L::WIDTH);
                }
                let tile = Tile {
                    depth,
                    left: self.left[left * depth * PANEL..].as_ptr(),
                    right,
                    offsets: self.offsets.as_ptr(),
                    target: self
                        .unit
                        .target
                        .wrapping_add(panel * PANEL * inputs + first),
                    pitch: inputs,
                    rows: PANEL,
                    columns: block.min(inputs - first),
                    start: Accumulate::Target,
                };
                // SAFETY: panels and blocks are `depth` steps long and whole registers wide; these
                // outputs of this partial sum belong to this task alone.
                unsafe { tile::compute::<L>(&tile) };
            }
        }
    }
}
