//! Functions of single numbers, over tensors.

use rayon::prelude::*;

use super::math;
use super::scratch::unwritten;
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// Numbers in a task.
const CHUNK: usize = 16 * 1024;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `x · sigmoid(x)`.
    Silu,
    /// `x · Φ(x)`.
    Gelu,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// `function` of every number.
pub fn map(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = unwritten(x.len());
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(y, x)| isa.run(Map { function, x, y }));
    y
}

/// `gradient` times the slope of `function`, at every number.
pub fn map_backward(isa: Isa, function: Function, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut y = unwritten(x.len());
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK).zip(gradient.par_chunks(CHUNK)))
        .for_each(|(y, (x, gradient))| {
            isa.run(MapBackward {
                function,
                x,
                gradient,
                y,
            });
        });
    y
}

/// First half times GELU of the second, in rows of `2 · half`.
pub fn geglu(isa: Isa, x: &[f32], half: usize) -> Vec<f32> {
    let mut y = unwritten(x.len() / 2);
    let rows = (CHUNK / half.max(1)).max(1);
    y.par_chunks_mut((rows * half).max(1))
        .zip(x.par_chunks((rows * 2 * half).max(1)))
        .for_each(|(y, x)| isa.run(Geglu { half, x, y }));
    y
}

/// The gradient of [`geglu`]'s input.
pub fn geglu_backward(isa: Isa, x: &[f32], half: usize, gradient: &[f32]) -> Vec<f32> {
    let mut dx = unwritten(x.len());
    let rows = (CHUNK / half.max(1)).max(1);
    dx.par_chunks_mut((rows * 2 * half).max(1))
        .zip(x.par_chunks((rows * 2 * half).max(1)))
        .zip(gradient.par_chunks((rows * half).max(1)))
        .for_each(|((dx, x), gradient)| {
            isa.run(GegluBackward {
                half,
                x,
                gradient,
                dx,
            });
        });
    dx
}

struct Map<'a> {
    function: Function,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Work for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let pairs = self.y.iter_mut().zip(self.x);
        match self.function {
            Function::Silu => pairs.for_each(|(y, &x)| *y = x * math::sigmoid::<L>(x)),
            Function::Gelu => pairs.for_each(|(y, &x)| *y = x * math::normal::<L>(x)),
            Function::Sigmoid => pairs.for_each(|(y, &x)| *y = math::sigmoid::<L>(x)),
            Function::Tanh => pairs.for_each(|(y, &x)| *y = math::tanh::<L>(x)),
        }
    }
}

struct MapBackward<'a> {
    function: Function,
    x: &'a [f32],
    gradient: &'a [f32],
    y: &'a mut [f32],
}

impl Work for MapBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let triples = self.y.iter_mut().zip(self.x.iter().zip(self.gradient));
        match self.function {
            Function::Silu => triples.for_each(|(y, (&x, &g))| *y = g * math::silu_slope::<L>(x)),
            Function::Gelu => triples.for_each(|(y, (&x, &g))| *y = g * math::gelu_slope::<L>(x)),
            Function::Sigmoid => triples.for_each(|(y, (&x, &g))| {
                let s = math::sigmoid::<L>(x);
                *y = g * s * (1.0 - s);
            }),
            Function::Tanh => triples.for_each(|(y, (&x, &g))| {
                let t = math::tanh::<L>(x);
                *y = g * (1.0 - t) * (1.0 + t);
            }),
        }
    }
}

struct Geglu<'a> {
    half: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Work for Geglu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let half = self.half.max(1);
        for (y, x) in self
            .y
            .chunks_exact_mut(half)
            .zip(self.x.chunks_exact(2 * half))
        {
            let (value, gate) = x.split_at(half);
            for (y, (&value, &gate)) in y.iter_mut().zip(value.iter().zip(gate)) {
                *y = value * gate * math::normal::<L>(gate);
            }
        }
    }
}

struct GegluBackward<'a> {
    half: usize,
    x: &'a [f32],
    gradient: &'a [f32],
    dx: &'a mut [f32],
}

impl Work for GegluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let half = self.half.max(1);
        let rows = self
            .dx
            .chunks_exact_mut(2 * half)
            .zip(self.x.chunks_exact(2 * half));
        for ((dx, x), gradient) in rows.zip(self.gradient.chunks_exact(half)) {
            let (value, gate) = x.split_at(half);
            let (dvalue, dgate) = dx.split_at_mut(half);
            for (index, &g) in gradient.iter().enumerate() {
                dvalue[index] = g * gate[index] * math::normal::<L>(gate[index]);
                dgate[index] = g * value[index] * math::gelu_slope::<L>(gate[index]);
            }
        }
    }
}
