//! Group and layer normalisation, forward and backward.

use rayon::prelude::*;

use super::math;
use super::scratch::unwritten;
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// Sizes of a group normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Groups {
    /// Channels of an image.
    pub channels: usize,
    /// Pixels of a channel.
    pub pixels: usize,
    /// Groups of channels.
    pub count: usize,
    /// Added to the variance.
    pub eps: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

impl Groups {
    /// Channels in a group.
    fn width(&self) -> usize {
        self.channels / self.count.max(1)
    }

    /// Numbers in a group.
    fn size(&self) -> usize {
        (self.width() * self.pixels).max(1)
    }
}

/// Gradients of the input, the scale and the shift.
pub struct Gradients {
    /// Of the input.
    pub x: Vec<f32>,
    /// Of the scale.
    pub gamma: Vec<f32>,
    /// Of the shift.
    pub beta: Vec<f32>,
}

/// Every group normalised, then scaled and shifted by channel, then perhaps SiLU.
pub fn group_forward(isa: Isa, x: &[f32], gamma: &[f32], beta: &[f32], sizes: Groups) -> Vec<f32> {
    let mut y = unwritten(x.len());
    let chunks = y
        .par_chunks_mut(sizes.size())
        .zip(x.par_chunks(sizes.size()));
    chunks
        .enumerate()
        .with_min_len(at_least(sizes.size()))
        .for_each(|(index, (y, x))| {
            let first = index % sizes.count * sizes.width();
            let gamma = &gamma[first..first + sizes.width()];
            let beta = &beta[first..first + sizes.width()];
            isa.run(Group {
                x,
                gamma,
                beta,
                sizes,
                y,
            });
        });
    y
}

/// The gradients of [`group_forward`].
pub fn group_backward(
    isa: Isa,
    x: &[f32],
    gradient: &[f32],
    [gamma, beta]: [&[f32]; 2],
    sizes: Groups,
) -> Gradients {
    let images = x.len() / (sizes.channels * sizes.pixels).max(1);
    let mut dx = unwritten(x.len());
    let mut dgamma = vec![0.0; images * sizes.channels];
    let mut dbeta = vec![0.0; images * sizes.channels];
    let (size, width) = (sizes.size(), sizes.width().max(1));
    let parameters = dgamma
        .par_chunks_mut(width)
        .zip(dbeta.par_chunks_mut(width));
    let chunks = dx
        .par_chunks_mut(size)
        .zip(x.par_chunks(size))
        .zip(gradient.par_chunks(size));
    chunks
        .zip(parameters)
        .enumerate()
        .with_min_len(at_least(size))
        .for_each(|(index, (((dx, x), gradient), (dgamma, dbeta)))| {
            let first = index % sizes.count * width;
            let gamma = &gamma[first..first + width];
            let beta = &beta[first..first + width];
            isa.run(GroupBackward {
                x,
                gradient,
                gamma,
                beta,
                sizes,
                dx,
                dgamma,
                dbeta,
            });
        });
    let add_up = |parts: &[f32]| {
        let sum = |channel: usize| parts.iter().skip(channel).step_by(sizes.channels).sum();
        (0..sizes.channels).map(sum).collect()
    };
    Gradients {
        x: dx,
        gamma: add_up(&dgamma),
        beta: add_up(&dbeta),
    }
}

/// Chunks that make a task worth starting.
fn at_least(size: usize) -> usize {
    (4096 / size).max(1)
}

/// Mean of `x`, and 1 over its standard deviation.
#[inline(always)]
fn moments<L: Lanes>(x: &[f32], eps: f32) -> [f32; 2] {
    let count = x.len() as f32;
    let mean = math::sum::<L>(x) / count;
    let variance = math::dot::<L>(x, x, [mean, mean]) / count;
    [mean, 1.0 / (variance + eps).sqrt()]
}

struct Group<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    sizes: Groups,
    y: &'a mut [f32],
}

impl Work for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let pixels = self.sizes.pixels.max(1);
        let [mean, scale] = moments::<L>(self.x, self.sizes.eps);
        let channels = self
            .y
            .chunks_exact_mut(pixels)
            .zip(self.x.chunks_exact(pixels));
        for ((y, x), (gamma, beta)) in channels.zip(self.gamma.iter().zip(self.beta)) {
            let factor = gamma * scale;
            let shift = L::fused(-mean, factor, *beta);
            if self.sizes.silu {
                for (y, &x) in y.iter_mut().zip(x) {
                    let z = L::fused(x, factor, shift);
                    *y = z * math::sigmoid::<L>(z);
                }
            } else {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = L::fused(x, factor, shift);
                }
            }
        }
    }
}

struct GroupBackward<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    sizes: Groups,
    dx: &'a mut [f32],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl Work for GroupBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let pixels = self.sizes.pixels.max(1);
        let [mean, scale] = moments::<L>(self.x, self.sizes.eps);
        let mut sums = [0.0, 0.0];
        for (channel, &gamma) in self.gamma.iter().enumerate() {
            let range = channel * pixels..(channel + 1) * pixels;
            let (x, g) = (&self.x[range.clone()], &self.gradient[range.clone()]);
            let dz = &mut self.dx[range];
            let factor = gamma * scale;
            let shift = L::fused(-mean, factor, self.beta[channel]);
            if self.sizes.silu {
                for (dz, (&x, g)) in dz.iter_mut().zip(x.iter().zip(g)) {
                    *dz = g * math::silu_slope::<L>(L::fused(x, factor, shift));
                }
            } else {
                dz.copy_from_slice(g);
            }
            let dbeta = math::sum::<L>(dz);
            let dgamma = scale * math::dot::<L>(dz, x, [0.0, mean]);
            self.dbeta[channel] = dbeta;
            self.dgamma[channel] = dgamma;
            sums[0] += gamma * dbeta;
            sums[1] += gamma * dgamma;
        }
        let [shift, slope] = sums.map(|sum| sum / self.x.len() as f32);
        let channels = self
            .dx
            .chunks_exact_mut(pixels)
            .zip(self.x.chunks_exact(pixels));
        for ((dx, x), gamma) in channels.zip(self.gamma) {
            for (dx, x) in dx.iter_mut().zip(x) {
                let normal = (x - mean) * scale;
                *dx = scale * (L::fused(*dx, *gamma, -shift) - normal * slope);
            }
        }
    }
}

/// Every row normalised, then scaled and shifted.
pub fn layer_forward(isa: Isa, x: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let mut y = unwritten(x.len());
    let dim = gamma.len().max(1);
    let chunk = (8192 / dim).max(1) * dim;
    y.par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk))
        .for_each(|(y, x)| {
            isa.run(Layer {
                x,
                gamma,
                beta,
                eps,
                y,
            });
        });
    y
}

/// The gradients of [`layer_forward`].
pub fn layer_backward(isa: Isa, x: &[f32], gradient: &[f32], gamma: &[f32], eps: f32) -> Gradients {
    let dim = gamma.len().max(1);
    let rows = x.len() / dim;
    // Chunks hang on the sizes alone, so that their sums do not change with the threads.
    let chunk = rows.div_ceil(64).max(16) * dim;
    let chunks = x.len().div_ceil(chunk);
    let mut dx = unwritten(x.len());
    let mut parts = vec![0.0; chunks * 2 * dim];
    dx.par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk))
        .zip(gradient.par_chunks(chunk))
        .zip(parts.par_chunks_mut(2 * dim))
        .for_each(|(((dx, x), gradient), parts)| {
            isa.run(LayerBackward {
                x,
                gradient,
                gamma,
                eps,
                dx,
                parts,
            });
        });
    let mut sums = vec![0.0; 2 * dim];
    for part in parts.chunks_exact(2 * dim) {
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, part)| *sum += part);
    }
    let beta = sums.split_off(dim);
    Gradients {
        x: dx,
        gamma: sums,
        beta,
    }
}

struct Layer<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    y: &'a mut [f32],
}

impl Work for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let dim = self.gamma.len();
        for (y, x) in self.y.chunks_exact_mut(dim).zip(self.x.chunks_exact(dim)) {
            let [mean, scale] = moments::<L>(x, self.eps);
            for index in 0..dim {
                y[index] = L::fused(
                    (x[index] - mean) * scale,
                    self.gamma[index],
                    self.beta[index],
                );
            }
        }
    }
}

struct LayerBackward<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    gamma: &'a [f32],
    eps: f32,
    dx: &'a mut [f32],
    /// Sums over the rows: of the scale's gradient, then of the shift's.
    parts: &'a mut [f32],
}

impl Work for LayerBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let dim = self.gamma.len();
        let (dgamma, dbeta) = self.parts.split_at_mut(dim);
        let (gamma, dbeta) = (&self.gamma[..dim], &mut dbeta[..dim]);
        let rows = self.dx.chunks_exact_mut(dim).zip(self.x.chunks_exact(dim));
        for ((dx, x), g) in rows.zip(self.gradient.chunks_exact(dim)) {
            let [mean, scale] = moments::<L>(x, self.eps);
            for index in 0..dim {
                let normal = (x[index] - mean) * scale;
                dx[index] = g[index] * gamma[index];
                dgamma[index] = L::fused(g[index], normal, dgamma[index]);
                dbeta[index] += g[index];
            }
            let count = dim as f32;
            let shift = math::sum::<L>(dx) / count;
            let slope = math::dot::<L>(dx, x, [0.0, mean]) * scale / count;
            for index in 0..dim {
                let normal = (x[index] - mean) * scale;
                dx[index] = scale * (dx[index] - shift - normal * slope);
            }
        }
    }
}
