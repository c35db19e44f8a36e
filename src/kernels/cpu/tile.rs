//! The one inner loop of convolution and matrix product: eight rows by three registers of sums.
//!
//! `sums[row][column] += a[step][row] · b[offset[step] + column]`, over all steps. The left operand
//! is packed in panels of [`PANEL`] rows; the right one is read where it lies.

use rayon::prelude::*;

use crate::kernels::cpu::simd::Lanes;

/// Rows of a packed panel of the left operand.
pub const PANEL: usize = 8;
/// Registers in a row of sums.
pub const VECTORS: usize = 3;
/// Numbers that may be read, not used, past the end of the right operand.
pub const SLACK: usize = 64;

/// What sums start from.
#[derive(Clone, Copy)]
pub enum Accumulate {
    /// Nothing.
    Zero,
    /// One number per row.
    Rows(*const f32),
    /// One number per column.
    Columns(*const f32),
    /// What the target holds.
    Target,
}

/// One tile of work: at most [`PANEL`] rows and [`VECTORS`] registers.
pub struct Tile {
    /// How many products are summed.
    pub depth: usize,
    /// Packed panel, `[depth][PANEL]`.
    pub left: *const f32,
    /// Where each register of columns starts.
    pub right: [*const f32; VECTORS],
    /// Where each step lies from there, `[depth]`.
    pub offsets: *const u32,
    /// Where the tile goes.
    pub target: *mut f32,
    /// From one row of the target to the next.
    pub pitch: usize,
    /// Rows that are written.
    pub rows: usize,
    /// Columns that are written.
    pub columns: usize,
    /// What sums start from.
    pub start: Accumulate,
}

/// Computes one tile.
///
/// # Safety
/// `left` and `offsets` must be readable for `depth` steps; `right` of every register that holds
/// columns for a whole register at every offset; `target` readable and writable for `columns`
/// numbers in each of `rows` rows, and no other thread may touch these; `start` readable for as
/// many rows or columns.
#[inline(always)]
pub unsafe fn compute<L: Lanes>(tile: &Tile) {
    let vectors = tile.columns.div_ceil(L::WIDTH);
    // SAFETY: passed on.
    unsafe {
        // As many sums as registers hold beside one row of the right operand and one factor:
        // enough to hide the latency of a sum, and none that would be put in memory.
        match (L::ROWS, vectors) {
            (8, 1) if tile.rows > 4 => rows::<L, 1, 8>(tile, 0),
            (8, 2) if tile.rows > 4 => rows::<L, 2, 8>(tile, 0),
            (8, _) if tile.rows > 4 => rows::<L, 3, 8>(tile, 0),
            (8, 1) => rows::<L, 1, 4>(tile, 0),
            (8, 2) => rows::<L, 2, 4>(tile, 0),
            (8, _) => rows::<L, 3, 4>(tile, 0),
            (4, 1) => rows::<L, 1, 8>(tile, 0),
            (4, _) => rows::<L, 2, 4>(tile, 0),
            (_, 1) => rows::<L, 1, 4>(tile, 0),
            (_, _) => rows::<L, 2, 2>(tile, 0),
        }
        if vectors == VECTORS {
            match L::ROWS {
                8 => {}
                4 => rows::<L, 1, 8>(tile, 2),
                _ => rows::<L, 1, 4>(tile, 2),
            }
        }
    }
}

/// All rows, `R` at a time, of `V` registers of columns from register `vector` on.
#[expect(
    clippy::needless_range_loop,
    reason = "as iterators, sums go through memory: half the speed"
)]
#[inline(always)]
unsafe fn rows<L: Lanes, const V: usize, const R: usize>(tile: &Tile, vector: usize) {
    let mut first = 0;
    while first < tile.rows {
        let mut sums = [[L::splat(0.0); V]; R];
        // SAFETY: `step < depth` and `first + row < PANEL`, so all reads are within what the caller
        // vouched for.
        unsafe {
            let left = tile.left.add(first);
            for step in 0..tile.depth {
                let offset = *tile.offsets.add(step) as usize;
                let mut right = [L::splat(0.0); V];
                for v in 0..V {
                    right[v] = L::load(tile.right[vector + v].add(offset));
                }
                let left = left.add(step * PANEL);
                for row in 0..R {
                    let factor = L::splat(*left.add(row));
                    for v in 0..V {
                        sums[row][v] = factor.mul_add(right[v], sums[row][v]);
                    }
                }
            }
            for row in 0..R {
                if first + row >= tile.rows {
                    break;
                }
                write::<L, V>(tile, first + row, vector, &sums[row]);
            }
        }
        first += R;
    }
}

#[inline(always)]
unsafe fn write<L: Lanes, const V: usize>(tile: &Tile, row: usize, vector: usize, sums: &[L; V]) {
    for (v, &sum) in sums.iter().enumerate() {
        let column = (vector + v) * L::WIDTH;
        let count = tile.columns - column;
        // SAFETY: the row is below `rows`; whole registers are touched only where the target has
        // that many columns, else exactly `count` numbers.
        unsafe {
            let target = tile.target.add(row * tile.pitch + column);
            let whole = count >= L::WIDTH;
            let sum = match tile.start {
                Accumulate::Zero => sum,
                Accumulate::Rows(start) => sum.add(L::splat(*start.add(row))),
                Accumulate::Columns(start) => sum.add(read::<L>(start.add(column), count)),
                Accumulate::Target => sum.add(read::<L>(target, count)),
            };
            if whole {
                sum.store(target);
            } else {
                let mut buffer = [0.0; 16];
                sum.store(buffer.as_mut_ptr());
                std::ptr::copy_nonoverlapping(buffer.as_ptr(), target, count);
            }
        }
    }
}

/// The first `count` numbers at `from`, at most a register, zeros after them.
#[inline(always)]
unsafe fn read<L: Lanes>(from: *const f32, count: usize) -> L {
    // SAFETY: exactly the numbers that the caller vouched for are read.
    unsafe {
        if count >= L::WIDTH {
            return L::load(from);
        }
        let mut buffer = [0.0; 16];
        std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr(), count);
        L::load(buffer.as_ptr())
    }
}

/// Packs a left operand in panels `[rows / PANEL][depth][PANEL]`; `fill` writes a panel, which is
/// zero before, given its first row and how many it has.
pub fn pack(rows: usize, depth: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut packed = vec![0.0; rows.div_ceil(PANEL) * depth * PANEL];
    if depth == 0 {
        return packed;
    }
    packed
        .par_chunks_mut(depth * PANEL)
        .enumerate()
        .with_min_len((16 * 1024 / (depth * PANEL)).max(1))
        .for_each(|(panel, packed)| {
            let first = panel * PANEL;
            fill(first, PANEL.min(rows - first), packed);
        });
    packed
}

/// Adds all partial sums, each `size` numbers, to the first, always in the same order.
pub fn add_up(sums: &mut [f32], size: usize, partials: usize) {
    let (first, rest) = sums.split_at_mut(size);
    first
        .par_chunks_mut(4096)
        .enumerate()
        .for_each(|(chunk, first)| {
            for partial in 1..partials {
                let from = &rest[(partial - 1) * size + chunk * 4096..][..first.len()];
                first
                    .iter_mut()
                    .zip(from)
                    .for_each(|(sum, from)| *sum += from);
            }
        });
}
