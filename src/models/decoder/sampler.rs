//! Samplers: from noise to a picture in few evaluations of a network.
//!
//! | function | paper | reference |
//! |---|---|---|
//! | [`ancestral`] | Ho et al. 2020, Alg. 2 | SlotDiffusion `ddpm/ddpm.py` |
//! | [`ddim`] | Song et al. 2021, eq. 12 | SlotDiffusion `ddpm/cond_ddpm.py` |
//! | [`solver::singlestep`] | Lu et al. 2022 (DPM-Solver++), Alg. 1 | SlotDiffusion `ddpm/dpm_solver.py` |
//! | [`solver::multistep`] | the same, Alg. 2 | none |
//! | [`ode::euler`], [`ode::heun`] | Karras et al. 2022 (EDM), Alg. 1 | none |
//!
//! Each is a function of a [`Denoiser`] and of the noise it starts from; the caller gives all randomness.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::decoder::diffusion::{NoiseLevel, Prediction, Schedule};
use crate::rng::SeededRng;

/// DPM-Solver++ and its continuous time.
pub mod solver;

/// Euler's and Heun's rule.
pub mod ode;

#[cfg(test)]
mod convergence;

use solver::{Continuous, Grid, Route};

/// Which sampler, and how many evaluations of the network it may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SamplerConfig {
    /// The way from noise to a picture.
    pub method: Method,
    /// Evaluations of the network per picture, at least one.
    pub steps: usize,
    /// Where the discrete samplers (`ancestral`, `ddim`) look.
    pub spacing: Spacing,
    /// How the steps of the others are spread.
    #[serde(skip_serializing_if = "is_default")]
    pub grid: Grid,
    /// The time to start from, above 0 (picture) to 1 (pure noise); below 1 there must be a picture to start from.
    #[serde(skip_serializing_if = "is_one")]
    pub from: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_default(grid: &Grid) -> bool {
    *grid == Grid::default()
}

#[expect(clippy::float_cmp, reason = "exactly the default")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_one(from: &f64) -> bool {
    *from == 1.0
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            method: Method::Singlestep,
            steps: 20,
            spacing: Spacing::Leading,
            grid: Grid::Time,
            from: 1.0,
        }
    }
}

impl SamplerConfig {
    fn route(&self) -> Route {
        Route {
            from: self.from,
            grid: self.grid,
        }
    }

    /// Times of the schedule that a discrete sampler visits, the noisiest first.
    fn times(&self, schedule: &Schedule) -> Vec<usize> {
        let steps = (self.from * schedule.steps() as f64).round() as usize;
        self.spacing
            .times(steps.clamp(1, schedule.steps()), self.steps)
    }

    /// How noisy a picture must be for this sampler to start from it.
    pub fn start(&self, schedule: &Schedule) -> NoiseLevel {
        match self.method {
            Method::Ancestral | Method::Ddim => schedule.level(self.times(schedule)[0]),
            _ => Continuous::new(schedule).level(self.from),
        }
    }
}

/// A way from noise to a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// New noise at every step.
    Ancestral,
    /// No new noise.
    Ddim,
    /// DPM-Solver++ of third order, as the paper samples.
    Singlestep,
    /// DPM-Solver++ (2M): second order from the step before, better with few steps.
    Multistep,
    /// Euler's rule for the probability flow: first order.
    Euler,
    /// Heun's rule for the probability flow: second order, two evaluations a step.
    Heun,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::Ancestral,
        Self::Ddim,
        Self::Singlestep,
        Self::Multistep,
        Self::Euler,
        Self::Heun,
    ];
}

/// Which of the schedule's times a discrete sampler visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// 1, 1 + T/steps, … as in the reference: with few steps it starts where not all is noise.
    Leading,
    /// T − 1, T − 1 − T/steps, …: starts at pure noise (Lin et al. 2024).
    Trailing,
}

impl Spacing {
    /// The times to visit, the noisiest first.
    pub fn times(self, total: usize, steps: usize) -> Vec<usize> {
        let steps = steps.clamp(1, total);
        let time = |index: usize| match self {
            Self::Leading => (index * total / steps + 1).min(total - 1),
            Self::Trailing => (index + 1) * total / steps - 1,
        };
        (0..steps).rev().map(time).collect()
    }
}

/// What a network says about noisy pictures at a time of the schedule, `(x, time) → as x`.
type Network<'a> = dyn Fn(Tensor<4>, f64) -> Tensor<4> + 'a;

/// Moves a picture onto what a picture can be, such as codes.
type Projection<'a> = dyn Fn(Tensor<4>) -> Tensor<4> + 'a;

/// A network, as samplers see it.
pub struct Denoiser<'a> {
    /// The process the network was trained for.
    pub schedule: &'a Schedule,
    /// What it says about noisy pictures at a time; times may be fractional.
    pub network: &'a Network<'a>,
    /// What every picture it sees is moved onto.
    pub project: Option<&'a Projection<'a>>,
}

impl Denoiser<'_> {
    /// Picture, moved onto what it can be, and noise.
    pub fn guess(&self, x: Tensor<4>, time: f64, level: NoiseLevel) -> Prediction {
        let said = (self.network)(x.clone(), time);
        let guess = self.schedule.guess(said, x, level);
        match self.project {
            Some(project) => Prediction {
                image: project(guess.image),
                ..guess
            },
            None => guess,
        }
    }

    /// A picture from noise.
    ///
    /// # Shape
    /// - `start`: `[batch, channels, height, width]`: standard normal, or a picture as noisy as
    ///   [`SamplerConfig::start`] says
    ///
    /// `noise` is drawn from by [`Method::Ancestral`] alone: one map per step for the whole batch.
    pub fn sample(
        &self,
        start: Tensor<4>,
        config: &SamplerConfig,
        noise: &mut SeededRng,
    ) -> Tensor<4> {
        let times = config.times(self.schedule);
        match config.method {
            Method::Ancestral => {
                let [_, channels, height, width] = start.dims();
                let device = start.device();
                ancestral(self, start, &times, || {
                    noise.normal([1, channels, height, width], &device)
                })
            }
            Method::Ddim => ddim(self, start, &times),
            Method::Singlestep => solver::singlestep(self, start, config.steps, config.route()),
            Method::Multistep => solver::multistep(self, start, config.steps, config.route()),
            Method::Euler => ode::euler(self, start, config.steps, config.route()),
            Method::Heun => ode::heun(self, start, config.steps, config.route()),
        }
    }
}

/// A picture by steps that each add new noise (Ho et al. 2020, Alg. 2).
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`; `noise()` gives maps that broadcast to it
/// - `times`: what to visit, the noisiest first
pub fn ancestral(
    denoiser: &Denoiser,
    start: Tensor<4>,
    times: &[usize],
    mut noise: impl FnMut() -> Tensor<4>,
) -> Tensor<4> {
    let mut x = start;
    for (index, time) in times.iter().enumerate() {
        let before = times.get(index + 1).copied();
        x = ancestral_step(denoiser, x, *time, before, &mut noise);
    }
    x
}

/// One step from `time` to `before`; the last step ends at the picture and draws no noise.
pub fn ancestral_step(
    denoiser: &Denoiser,
    x: Tensor<4>,
    time: usize,
    before: Option<usize>,
    noise: impl FnOnce() -> Tensor<4>,
) -> Tensor<4> {
    let kept = &denoiser.schedule.alphas_cumprod;
    let (now, then) = (kept[time], before.map_or(1.0, |before| kept[before]));
    let guess = denoiser.guess(x.clone(), time as f64, NoiseLevel::from_alpha_cumprod(now));
    // Mean and variance of the step before, given this step and the picture (eq. 6 and 7).
    let step = now / then;
    let to_image = then.sqrt() * (1.0 - step) / (1.0 - now);
    let to_x = step.sqrt() * (1.0 - then) / (1.0 - now);
    let mean = guess.image * to_image + x * to_x;
    if before.is_none() {
        return mean;
    }
    let variance = (1.0 - step) * (1.0 - then) / (1.0 - now);
    mean + noise() * variance.sqrt()
}

/// A picture by steps without new noise (Song et al. 2021, eq. 12 with σ = 0).
///
/// The last step ends at the first level of the schedule and not at the picture, as in the reference.
///
/// # Shape
/// As [`ancestral`].
pub fn ddim(denoiser: &Denoiser, start: Tensor<4>, times: &[usize]) -> Tensor<4> {
    let schedule = denoiser.schedule;
    let mut x = start;
    for (index, time) in times.iter().enumerate() {
        let guess = denoiser.guess(x, *time as f64, schedule.level(*time));
        let before = schedule.level(times.get(index + 1).copied().unwrap_or(0));
        x = guess.image * before.signal + guess.noise * before.noise;
    }
    x
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::diffusion::{DiffusionConfig, PredictionType};

    fn normal(name: &str, batch: usize) -> Tensor<4> {
        SeededRng::new(9, &[name]).normal([batch, 3, 4, 4], &Device::flex())
    }

    #[test]
    fn a_network_that_knows_the_picture_is_believed_by_every_sampler() {
        for target in [
            PredictionType::Noise,
            PredictionType::Image,
            PredictionType::Velocity,
        ] {
            let schedule = DiffusionConfig {
                target,
                ..DiffusionConfig::default()
            }
            .schedule();
            let truth = normal("truth", 2);
            let continuous = solver::Continuous::new(&schedule);
            let network = |x: Tensor<4>, time: f64| {
                let level = continuous.level((time + 1.0) / 1000.0);
                let noise = (x - truth.clone() * level.signal) / level.noise;
                match target {
                    PredictionType::Noise => noise,
                    PredictionType::Image => truth.clone(),
                    PredictionType::Velocity => noise * level.signal - truth.clone() * level.noise,
                }
            };
            let denoiser = Denoiser {
                schedule: &schedule,
                network: &network,
                project: None,
            };
            for method in Method::ALL {
                let config = SamplerConfig {
                    method,
                    steps: 10,
                    spacing: Spacing::Trailing,
                    ..SamplerConfig::default()
                };
                let drawn = denoiser.sample(
                    normal("start", 2),
                    &config,
                    &mut SeededRng::new(1, &["steps"]),
                );
                let error = (drawn - truth.clone()).abs().max().into_scalar::<f32>();
                assert!(error < 0.2, "{target:?} {method:?}: {error}");
            }
        }
    }

    #[test]
    fn a_sampler_asks_its_network_exactly_as_often_as_told() {
        let schedule = DiffusionConfig::default().schedule();
        for method in Method::ALL {
            for steps in [1, 2, 3, 7, 20] {
                let asked = Cell::new(0);
                let network = |x: Tensor<4>, _| {
                    asked.set(asked.get() + 1);
                    x
                };
                let denoiser = Denoiser {
                    schedule: &schedule,
                    network: &network,
                    project: None,
                };
                let config = SamplerConfig {
                    method,
                    steps,
                    ..SamplerConfig::default()
                };
                denoiser.sample(
                    normal("start", 1),
                    &config,
                    &mut SeededRng::new(1, &["steps"]),
                );
                assert_eq!(asked.get(), steps, "{method:?}");
            }
        }
    }

    #[test]
    fn leading_times_are_the_reference_s_and_trailing_ones_start_at_pure_noise() {
        let times = Spacing::Leading.times(1000, 200);
        assert_eq!((times[0], times[1], times[199]), (996, 991, 1));
        assert_eq!(Spacing::Leading.times(1000, 10)[..3], [901, 801, 701]);
        assert_eq!(Spacing::Trailing.times(1000, 4), [999, 749, 499, 249]);
        assert_eq!(Spacing::Trailing.times(1000, 1000).last(), Some(&0));
    }

    #[test]
    fn the_last_ancestral_step_ends_at_the_picture_itself() {
        let schedule = DiffusionConfig::default().schedule();
        let network = |x: Tensor<4>, _| x.zeros_like();
        let project = |x: Tensor<4>| x.zeros_like() + 0.25;
        let denoiser = Denoiser {
            schedule: &schedule,
            network: &network,
            project: Some(&project),
        };
        let drawn = ancestral_step(&denoiser, normal("x", 1), 0, None, || normal("never", 1));
        let error = (drawn - 0.25).abs().max().into_scalar::<f32>();
        assert!(error < 1e-6, "{error}");
    }
}
