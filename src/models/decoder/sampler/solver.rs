//! DPM-Solver++: samplers of higher order in continuous time (Lu et al. 2022, arXiv 2211.01095).
//! Reference: SlotDiffusion `video_based/models/ddpm/dpm_solver.py`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::decoder::diffusion::{NoiseLevel, Schedule};
use crate::models::decoder::sampler::Denoiser;

/// The least noisy time that is visited; at zero λ is infinite.
const LAST_TIME: f64 = 1e-3;

/// A schedule in continuous time, 0 (picture) to 1 (noise): α is log-linear between the steps.
pub struct Continuous {
    /// ln α after each step; step j, from 1, lies at j/steps.
    log_signals: Vec<f64>,
}

impl Continuous {
    /// The continuous time of a schedule.
    pub fn new(schedule: &Schedule) -> Self {
        let mut sum = 0.0;
        let log_signals = schedule.betas.iter().map(|beta| {
            sum += 0.5 * (1.0 - f64::from(*beta)).ln();
            sum
        });
        Self {
            log_signals: log_signals.collect(),
        }
    }

    /// What the network calls this time: a fraction of a step.
    pub fn network_time(&self, time: f64) -> f64 {
        let steps = self.log_signals.len() as f64;
        (time - 1.0 / steps) * steps
    }

    /// The noise level at `time`.
    pub fn level(&self, time: f64) -> NoiseLevel {
        let log_signal = self.log_signal(time);
        NoiseLevel {
            signal: log_signal.exp(),
            noise: (-(2.0 * log_signal).exp_m1()).sqrt(),
        }
    }

    /// Half the logarithm of the signal-to-noise ratio at `time`, λ.
    pub fn half_log_snr(&self, time: f64) -> f64 {
        self.level(time).half_log_snr()
    }

    /// The time at which λ is `half_log_snr`.
    pub fn time(&self, half_log_snr: f64) -> f64 {
        let wanted = -0.5 * (-2.0 * half_log_snr).exp().ln_1p();
        let steps = self.log_signals.len();
        // ln α falls with time; find the segment around the wanted value.
        let above = self
            .log_signals
            .partition_point(|log_signal| *log_signal > wanted);
        let right = above.clamp(1, steps - 1);
        let (a, b) = (self.log_signals[right - 1], self.log_signals[right]);
        (right as f64 + (wanted - a) / (b - a)) / steps as f64
    }

    fn log_signal(&self, time: f64) -> f64 {
        let steps = self.log_signals.len();
        let place = time * steps as f64 - 1.0;
        let left = (place.floor().max(0.0) as usize).min(steps - 2);
        let (a, b) = (self.log_signals[left], self.log_signals[left + 1]);
        a + (place - left as f64) * (b - a)
    }
}

/// How the steps of a sampler in continuous time are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grid {
    /// Evenly in time, as the reference samples.
    #[default]
    Time,
    /// Evenly in λ: more steps where little noise is left. Only so do errors fall as fast as the order says.
    HalfLogSnr,
}

/// Where a sampler in continuous time starts and which way it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Route {
    /// The time that it starts from, 0 (picture) to 1 (noise).
    pub from: f64,
    /// How its steps are spread.
    pub grid: Grid,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            from: 1.0,
            grid: Grid::Time,
        }
    }
}

impl Route {
    /// `count + 1` times, the noisiest first.
    pub(super) fn times(self, continuous: &Continuous, count: usize) -> Vec<f64> {
        self.between(continuous, self.from, LAST_TIME, count)
    }

    fn between(self, continuous: &Continuous, start: f64, end: f64, count: usize) -> Vec<f64> {
        if self.grid == Grid::Time {
            return times(start, end, count);
        }
        let [first, last] = [start, end].map(|time| continuous.half_log_snr(time));
        let mut inner: Vec<f64> = times(first, last, count)
            .into_iter()
            .map(|half_log_snr| continuous.time(half_log_snr))
            .collect();
        // The ends exactly, whatever the inverse rounds to.
        inner[0] = start;
        inner[count] = end;
        inner
    }
}

/// The order of each step so that `evaluations` are used: as many third orders as possible.
pub fn orders(evaluations: usize) -> Vec<usize> {
    let thirds = evaluations / 3;
    match evaluations % 3 {
        0 if thirds > 0 => [vec![3; thirds - 1], vec![2, 1]].concat(),
        0 => vec![1],
        rest => [vec![3; thirds], vec![rest]].concat(),
    }
}

/// `count + 1` evenly spaced times from `start` to `end`.
fn times(start: f64, end: f64, count: usize) -> Vec<f64> {
    (0..=count)
        .map(|index| start + (end - start) * index as f64 / count as f64)
        .collect()
}

/// A picture by DPM-Solver++ of third order, each step on its own, as the reference samples.
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`
pub fn singlestep(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    route: Route,
) -> Tensor<4> {
    let orders = orders(evaluations);
    let continuous = Continuous::new(denoiser.schedule);
    let solver = Solver {
        denoiser,
        continuous: &continuous,
        route,
    };
    let grid = route.times(&continuous, orders.iter().sum());
    let (mut x, mut from) = (start, 0);
    for order in orders {
        x = solver.step(x, grid[from], grid[from + order], order);
        from += order;
    }
    x
}

/// A picture by DPM-Solver++ (2M): second order, from the evaluation before.
///
/// Differs: the paper samples with [`singlestep`].
///
/// # Shape
/// As [`singlestep`].
pub fn multistep(
    denoiser: &Denoiser,
    start: Tensor<4>,
    evaluations: usize,
    route: Route,
) -> Tensor<4> {
    let continuous = Continuous::new(denoiser.schedule);
    let solver = Solver {
        denoiser,
        continuous: &continuous,
        route,
    };
    let grid = route.times(&continuous, evaluations.max(1));
    let mut x = start;
    let mut before: Option<(Tensor<4>, f64)> = None;
    for (index, pair) in grid.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let image = solver.image(x.clone(), from);
        let step = continuous.half_log_snr(to) - continuous.half_log_snr(from);
        // λ makes its largest leap in the last step, too far to go on in a straight line.
        let last = index + 2 == grid.len();
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
    continuous: &'a Continuous,
    route: Route,
}

impl Solver<'_> {
    /// The picture that the network sees in `x`.
    fn image(&self, x: Tensor<4>, time: f64) -> Tensor<4> {
        let network_time = self.continuous.network_time(time);
        self.denoiser
            .guess(x, network_time, self.continuous.level(time))
            .image
    }

    /// `x` at `to`, if the picture is `image` all the way: `x σ_t/σ_s − α_t (e^{−h} − 1) image`.
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
        let inner = self.route.between(continuous, from, to, order);
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
        let x = singlestep(&denoiser, start, 20, Route::default());
        let golden = (0..20).map(|index| 999.0 - 49.95 * f64::from(index));
        for (time, golden) in seen.borrow().iter().zip(golden) {
            assert!((time - golden).abs() < 1e-6, "{time} is not {golden}");
        }
        assert_eq!(seen.borrow().len(), 20);
        let value = x.into_scalar::<f32>();
        assert!((value - 83.765_57).abs() < 1e-3, "{value}");
    }

    #[test]
    fn half_log_snr_has_the_reference_s_values_and_an_inverse() {
        let continuous = Continuous::new(&DiffusionConfig::default().schedule());
        assert!((continuous.half_log_snr(1.0) + 4.428_702).abs() < 1e-5);
        assert!((continuous.half_log_snr(LAST_TIME) - 3.250_391).abs() < 1e-5);
        for time in [0.001, 0.0015, 0.3, 0.770_77, 1.0] {
            let back = continuous.time(continuous.half_log_snr(time));
            assert!((back - time).abs() < 1e-9, "{time} came back as {back}");
        }
    }

    #[test]
    fn every_number_of_evaluations_is_used_up_exactly() {
        for evaluations in 1..40 {
            assert_eq!(orders(evaluations).iter().sum::<usize>(), evaluations);
        }
    }
}
