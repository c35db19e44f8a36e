//! DPM-Solver++: samplers of higher order in continuous time (Lu et al. 2022, arXiv 2211.01095).
//! Reference: SlotDiffusion `video_based/models/ddpm/dpm_solver.py`.

use burn::tensor::Tensor;

use super::denoiser::Denoiser;
use super::timesteps::{ContinuousSchedule, LastStep, Timesteps};

/// The order of each step so that `evaluations` are used: as many third orders as possible.
pub fn orders(evaluations: usize) -> Vec<usize> {
    let thirds = evaluations / 3;
    match evaluations % 3 {
        0 if thirds > 0 => [vec![3; thirds - 1], vec![2, 1]].concat(),
        0 => vec![1],
        rest => [vec![3; thirds], vec![rest]].concat(),
    }
}

/// An image by DPM-Solver++ of third order, each step on its own, as the reference samples.
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`
pub fn singlestep(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    timesteps: Timesteps,
) -> Tensor<4> {
    let orders = orders(evaluations);
    let continuous = ContinuousSchedule::new(denoiser.schedule);
    let solver = Solver {
        denoiser,
        continuous: &continuous,
        timesteps,
    };
    let grid = timesteps.times(&continuous, orders.iter().sum());
    let (mut x, mut from) = (start, 0);
    for order in orders {
        x = solver.step(x, grid[from], grid[from + order], order);
        from += order;
    }
    x
}

/// An image by DPM-Solver++ (2M): second order, from the evaluation before.
///
/// Differs: the paper samples with [`singlestep`].
///
/// # Shape
/// As [`singlestep`].
pub fn multistep(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    timesteps: Timesteps,
    end: LastStep,
) -> Tensor<4> {
    let continuous = ContinuousSchedule::new(denoiser.schedule);
    let solver = Solver {
        denoiser,
        continuous: &continuous,
        timesteps,
    };
    let grid = timesteps.times(&continuous, evaluations.max(1));
    let mut x = start;
    let mut before: Option<(Tensor<4>, f64)> = None;
    for (index, pair) in grid.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let image = solver.image(x.clone(), from);
        // λ makes its largest leap in the last step, too far to go on in a straight line.
        let last = index + 2 == grid.len();
        if last && end == LastStep::Image {
            return image;
        }
        let step = continuous.half_log_snr(to) - continuous.half_log_snr(from);
        let blend = match before.take() {
            Some((previous, earlier)) if !last => {
                let ratio = step / (2.0 * earlier);
                image.clone() * (1.0 + ratio) - previous * ratio
            }
            _ => image.clone(),
        };
        x = solver.advance(x, from, to, blend);
        before = Some((image, step));
    }
    x
}

struct Solver<'a> {
    denoiser: &'a Denoiser<'a>,
    continuous: &'a ContinuousSchedule,
    timesteps: Timesteps,
}

impl Solver<'_> {
    /// The image that the network predicts in `x`.
    fn image(&self, x: Tensor<4>, time: f64) -> Tensor<4> {
        let network_time = self.continuous.network_time(time);
        self.denoiser
            .predict(x, network_time, self.continuous.level(time))
            .image
    }

    /// `x` at `to`, if the image is `image` all the way: `x σ_t/σ_s − α_t (e^{−h} − 1) image`.
    fn advance(&self, x: Tensor<4>, from: f64, to: f64, image: Tensor<4>) -> Tensor<4> {
        let (a, b) = (self.continuous.level(from), self.continuous.level(to));
        let step = b.half_log_snr() - a.half_log_snr();
        x * (b.noise / a.noise) - image * (b.signal * (-step).exp_m1())
    }

    /// One step of `order` one, two or three.
    fn step(&self, x: Tensor<4>, from: f64, to: f64, order: usize) -> Tensor<4> {
        let first = self.image(x.clone(), from);
        let base = self.advance(x.clone(), from, to, first.clone());
        if order == 1 {
            return base;
        }
        let continuous = self.continuous;
        let inner = self.timesteps.between(continuous, from, to, order);
        let (start, end) = (continuous.half_log_snr(from), continuous.half_log_snr(to));
        let step = end - start;
        let signal = continuous.level(to).signal;
        let share = |index: usize| (continuous.half_log_snr(inner[index]) - start) / step;
        let time = |share: f64| continuous.time(start + share * step);

        let near = share(1);
        let x_near = self.advance(x.clone(), from, time(near), first.clone());
        let slope = self.image(x_near, time(near)) - first.clone();
        if order == 2 {
            return base - slope * (signal * (-step).exp_m1() / (2.0 * near));
        }
        let far = share(2);
        let bend = |h: f64| (-h).exp_m1() / h + 1.0;
        let bent = far / near * continuous.level(time(far)).signal * bend(far * step);
        let x_far = self.advance(x, from, time(far), first.clone()) + slope * bent;
        let slope = self.image(x_far, time(far)) - first;
        base + slope * (signal * bend(step) / far)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::diffusion::DiffusionConfig;

    #[test]
    fn the_paper_s_twenty_evaluations_have_the_reference_s_orders_and_times() {
        assert_eq!(orders(20), [3, 3, 3, 3, 3, 3, 2]);
        let schedule = DiffusionConfig::default().schedule();
        let seen = RefCell::new(Vec::new());
        let network = |x: Tensor<4>, time: f64| {
            seen.borrow_mut().push(time);
            x.zeros_like()
        };
        let denoiser = Denoiser {
            schedule: &schedule,
            network: &network,
            project: None,
        };
        let start = Tensor::ones([1, 1, 1, 1], &Device::flex());
        let x = singlestep(&denoiser, start, 20, Timesteps::default());
        let golden = (0..20).map(|index| 999.0 - 49.95 * f64::from(index));
        for (time, golden) in seen.borrow().iter().zip(golden) {
            assert!((time - golden).abs() < 1e-6, "{time} is not {golden}");
        }
        assert_eq!(seen.borrow().len(), 20);
        let value = x.into_scalar::<f32>();
        assert!((value - 83.765_57).abs() < 1e-3, "{value}");
    }

    #[test]
    fn every_number_of_evaluations_is_used_up_exactly() {
        for evaluations in 1..40 {
            assert_eq!(orders(evaluations).iter().sum::<usize>(), evaluations);
        }
    }
}
