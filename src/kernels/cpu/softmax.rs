//! Softmax over one dimension of `[outer, count, inner]`.

use rayon::prelude::*;

use super::math;
use super::scratch::{Shared, unwritten};
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// Sizes before, of, and after the dimension that sums to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Before.
    pub outer: usize,
    /// Of it.
    pub count: usize,
    /// After.
    pub inner: usize,
}

/// Columns that a task takes side by side where the dimension is not the last.
const COLUMNS: usize = 64;

/// Shares that sum to 1.
pub fn forward(isa: Isa, x: &[f32], shape: Shape) -> Vec<f32> {
    let mut y = unwritten(x.len());
    run(isa, shape, [x, x], &mut y, false);
    y
}

/// The gradient of the input, from the forward result `y` and its gradient.
pub fn backward(isa: Isa, y: &[f32], gradient: &[f32], shape: Shape) -> Vec<f32> {
    let mut dx = unwritten(y.len());
    run(isa, shape, [y, gradient], &mut dx, true);
    dx
}

fn run(isa: Isa, shape: Shape, from: [&[f32]; 2], to: &mut [f32], back: bool) {
    let Shape {
        outer,
        count,
        inner,
    } = shape;
    if outer * count * inner == 0 {
        return;
    }
    if inner == 1 {
        let rows = ((8 * 1024) / count).max(1) * count;
        let from = from[0].par_chunks(rows).zip(from[1].par_chunks(rows));
        to.par_chunks_mut(rows).zip(from).for_each(|(to, (a, b))| {
            isa.run(Rows {
                count,
                from: [a, b],
                to,
                back,
            });
        });
        return;
    }
    let blocks = inner.div_ceil(COLUMNS);
    let to = Shared::new(to);
    (0..outer * blocks)
        .into_par_iter()
        .with_min_len(((8 * 1024) / (COLUMNS * count)).max(1))
        .for_each(|task| {
            let (block, image) = (task % blocks, task / blocks * count * inner);
            let columns = COLUMNS.min(inner - block * COLUMNS);
            let start = image + block * COLUMNS;
            let from = from.map(|from| &from[start..]);
            isa.run(Columns {
                shape,
                width: columns,
                from,
                to: to.at(start),
                back,
            });
        });
}

struct Rows<'a> {
    count: usize,
    from: [&'a [f32]; 2],
    to: &'a mut [f32],
    back: bool,
}

impl Work for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let count = self.count;
        let rows = self.from[0]
            .chunks_exact(count)
            .zip(self.from[1].chunks_exact(count));
        for (to, (a, b)) in self.to.chunks_exact_mut(count).zip(rows) {
            if self.back {
                backward_row::<L>(a, b, to);
            } else {
                to.copy_from_slice(a);
                forward_row::<L>(to);
            }
        }
    }
}

/// Turns scores into shares.
#[inline(always)]
pub fn forward_row<L: Lanes>(row: &mut [f32]) {
    let most = math::greatest(row);
    for x in row.iter_mut() {
        *x = math::exp::<L>(*x - most);
    }
    let scale = 1.0 / math::sum::<L>(row);
    for x in row.iter_mut() {
        *x *= scale;
    }
}

/// The gradient of scores from shares and their gradient.
#[inline(always)]
pub fn backward_row<L: Lanes>(shares: &[f32], gradient: &[f32], to: &mut [f32]) {
    let mean = math::dot::<L>(shares, gradient, [0.0, 0.0]);
    for ((to, share), gradient) in to.iter_mut().zip(shares).zip(gradient) {
        *to = share * (gradient - mean);
    }
}

struct Columns<'a> {
    shape: Shape,
    width: usize,
    from: [&'a [f32]; 2],
    to: *mut f32,
    back: bool,
}

impl Work for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Shape { count, inner, .. } = self.shape;
        let line = |from: &'_ [f32], index: usize| -> *const f32 { from[index * inner..].as_ptr() };
        let mut sums = [0.0; COLUMNS];
        let sums = &mut sums[..self.width];
        // SAFETY of all lines below: each is `columns` numbers long within its slice; those of the
        // target belong to this task alone.
        let read = |from: *const f32| unsafe { std::slice::from_raw_parts(from, self.width) };
        let write = |index: usize| unsafe {
            std::slice::from_raw_parts_mut(self.to.wrapping_add(index * inner), self.width)
        };
        if self.back {
            for index in 0..count {
                let (y, g) = (
                    read(line(self.from[0], index)),
                    read(line(self.from[1], index)),
                );
                for (sum, (y, g)) in sums.iter_mut().zip(y.iter().zip(g)) {
                    *sum += y * g;
                }
            }
            for index in 0..count {
                let (y, g) = (
                    read(line(self.from[0], index)),
                    read(line(self.from[1], index)),
                );
                for ((to, &mut sum), (y, g)) in write(index)
                    .iter_mut()
                    .zip(sums.iter_mut())
                    .zip(y.iter().zip(g))
                {
                    *to = y * (g - sum);
                }
            }
            return;
        }
        let mut most = [f32::NEG_INFINITY; COLUMNS];
        for index in 0..count {
            for (most, &x) in most.iter_mut().zip(read(line(self.from[0], index))) {
                *most = if x > *most { x } else { *most };
            }
        }
        for index in 0..count {
            let x = read(line(self.from[0], index));
            for ((to, x), (most, sum)) in write(index)
                .iter_mut()
                .zip(x)
                .zip(most.iter().zip(sums.iter_mut()))
            {
                *to = math::exp::<L>(x - most);
                *sum += *to;
            }
        }
        for index in 0..count {
            for (to, sum) in write(index).iter_mut().zip(sums.iter()) {
                *to /= sum;
            }
        }
    }
}
