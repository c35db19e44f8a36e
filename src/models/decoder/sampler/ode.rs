//! The probability-flow equation by Euler's and Heun's rule (Song et al., ICLR 2021; Karras et al. 2022, Alg. 1).
//!
//! With x̂ = x/α and σ̂ = σ/α the equation is dx̂/dσ̂ = (x̂ − image)/σ̂ = noise, which holds for whatever the network was
//! trained to say; on the straight paths of rectified flow it is dx/dt = noise − image (Liu et al., ICLR 2023, eq. 1). Euler's
//! rule is DDIM in continuous time on either.
//!
//! Differs: the paper samples with DPM-Solver++.

use burn::tensor::Tensor;

use super::denoiser::Denoiser;
use super::timesteps::{ContinuousSchedule, Timesteps};

/// An image by Euler's rule: first order, one evaluation a step.
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`
pub fn euler(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    timesteps: Timesteps,
) -> Tensor<4> {
    let flow = Flow::new(denoiser);
    let grid = timesteps.times(&flow.continuous, evaluations.max(1));
    let mut x = flow.enter(start, grid[0]);
    for pair in grid.windows(2) {
        let slope = flow.slope(&x, pair[0]);
        x = x + slope * flow.step(pair[0], pair[1]);
    }
    flow.leave(x, grid[grid.len() - 1])
}

/// An image by Heun's rule: second order, two evaluations a step; the last step is Euler's where the number of
/// evaluations is odd.
///
/// # Shape
/// As [`euler`].
pub fn heun(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    timesteps: Timesteps,
) -> Tensor<4> {
    let flow = Flow::new(denoiser);
    let mut left = evaluations.max(1);
    let grid = timesteps.times(&flow.continuous, left.div_ceil(2));
    let mut x = flow.enter(start, grid[0]);
    for pair in grid.windows(2) {
        let (step, slope) = (flow.step(pair[0], pair[1]), flow.slope(&x, pair[0]));
        let there = x.clone() + slope.clone() * step;
        if left == 1 {
            x = there;
        } else {
            let mean = (slope + flow.slope(&there, pair[1])) * 0.5;
            x = x + mean * step;
        }
        left = left.saturating_sub(2);
    }
    flow.leave(x, grid[grid.len() - 1])
}

struct Flow<'a> {
    denoiser: &'a Denoiser<'a>,
    continuous: ContinuousSchedule,
}

impl<'a> Flow<'a> {
    fn new(denoiser: &'a Denoiser<'a>) -> Self {
        Self {
            denoiser,
            continuous: ContinuousSchedule::new(denoiser.schedule),
        }
    }

    /// x/x̂
    fn scale(&self, time: f64) -> f64 {
        if self.continuous.is_straight {
            1.0
        } else {
            self.continuous.level(time).signal
        }
    }

    /// Difference of σ̂, or of t.
    fn step(&self, from: f64, to: f64) -> f64 {
        let deviation = |time: f64| self.continuous.level(time).noise / self.scale(time);
        deviation(to) - deviation(from)
    }

    /// dx̂/dσ̂ at x̂, or dx/dt at x.
    fn slope(&self, x: &Tensor<4>, time: f64) -> Tensor<4> {
        let level = self.continuous.level(time);
        let network_time = self.continuous.network_time(time);
        let seen = x.clone() * self.scale(time);
        let prediction = self.denoiser.predict(seen, network_time, level);
        (x.clone() - prediction.image) / (level.noise / self.scale(time))
    }

    /// x̂ from x.
    fn enter(&self, x: Tensor<4>, time: f64) -> Tensor<4> {
        x / self.scale(time)
    }

    /// x from x̂.
    fn leave(&self, x: Tensor<4>, time: f64) -> Tensor<4> {
        x * self.scale(time)
    }
}
