//! Samplers: from noise to an image in few evaluations of a network.
//!
//! | function | paper | reference |
//! |---|---|---|
//! | [`ancestral::sample`] | Ho et al. 2020, Alg. 2 | SlotDiffusion `ddpm/ddpm.py` |
//! | [`ddim::sample`] | Song et al. 2021, eq. 12 | SlotDiffusion `ddpm/cond_ddpm.py` |
//! | [`dpm_solver::singlestep`] | Lu et al. 2022 (DPM-Solver++), Alg. 1 | SlotDiffusion `ddpm/dpm_solver.py` |
//! | [`dpm_solver::multistep`] | the same, Alg. 2 | none |
//! | [`ode::euler`], [`ode::heun`] | Karras et al. 2022 (EDM), Alg. 1; rectified flow: Liu et al. 2023 | none |
//!
//! # Adding a sampler
//!
//! 1. `sampler/NAME.rs`: a function from a [`Denoiser`], a start and times to an image.
//! 2. `sampler/mod.rs`: its line above, a variant of [`Method`] with its entry in [`Method::ALL`], and its arms in
//!    [`Denoiser::sample`] and, where it visits times of the discrete schedule, [`SamplerConfig::start`].
//!
//! Plans take it by the variant's name (`render.sampler.method`); the tests below go over [`Method::ALL`].
//!
//! Each is a function of a [`Denoiser`] and of the noise it starts from; the caller gives all randomness.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::decoder::diffusion::{NoiseLevel, NoiseSchedule};
use crate::rng::SeededRng;

/// The network that removes noise, as samplers see it.
mod denoiser;

/// Which times are visited, and continuous time.
pub mod timesteps;

/// Ancestral sampling.
pub mod ancestral;

/// DDIM.
pub mod ddim;

/// DPM-Solver++, singlestep and multistep.
pub mod dpm_solver;

/// Euler's and Heun's rule for the probability flow.
pub mod ode;

#[cfg(test)]
mod convergence;

pub use denoiser::Denoiser;
pub use timesteps::{ContinuousSpacing, LastStep, TimestepSpacing};

use timesteps::{ContinuousSchedule, Timesteps};

/// Which sampler, and how many evaluations of the network it may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SamplerConfig {
    /// The way from noise to an image.
    pub method: Method,
    /// Evaluations of the network per image, at least one.
    pub steps: usize,
    /// Where the discrete samplers (`ancestral`, `ddim`) look.
    pub spacing: TimestepSpacing,
    /// How the steps of the others are spread.
    #[serde(skip_serializing_if = "is_default")]
    pub grid: ContinuousSpacing,
    /// The time to start from, above 0 (image) to 1 (pure noise); below 1 there must be an image to start from.
    #[serde(skip_serializing_if = "is_one")]
    pub from: f64,
    /// Weight of what the slots add to what the network predicts without them (classifier-free guidance, Ho & Salimans
    /// 2022); one = none, and only decoders that learned to predict without slots take another.
    #[serde(skip_serializing_if = "is_one")]
    pub guidance: f64,
    /// Where `ddim` and `multistep` end.
    #[serde(skip_serializing_if = "is_default")]
    pub last: LastStep,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
            spacing: TimestepSpacing::Leading,
            grid: ContinuousSpacing::Time,
            from: 1.0,
            guidance: 1.0,
            last: LastStep::LeastNoise,
        }
    }
}

impl SamplerConfig {
    fn timesteps(&self) -> Timesteps {
        Timesteps {
            from: self.from,
            grid: self.grid,
        }
    }

    /// Times of the schedule that a discrete sampler visits, the noisiest first.
    fn times(&self, schedule: &NoiseSchedule) -> Vec<usize> {
        let steps = (self.from * schedule.steps() as f64).round() as usize;
        self.spacing
            .times(steps.clamp(1, schedule.steps()), self.steps)
    }

    /// Whether it visits the schedule's own times, each once: it cannot take more steps than there are.
    pub fn is_discrete(&self) -> bool {
        matches!(self.method, Method::Ancestral | Method::Ddim)
    }

    /// How noisy an image must be for this sampler to start from it.
    pub fn start(&self, schedule: &NoiseSchedule) -> NoiseLevel {
        if self.is_discrete() {
            schedule.level(self.times(schedule)[0])
        } else {
            ContinuousSchedule::new(schedule).level(self.from)
        }
    }
}

/// A way from noise to an image.
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

impl Denoiser<'_> {
    /// An image from noise.
    ///
    /// # Shape
    /// - `start`: `[batch, channels, height, width]`: standard normal, or an image as noisy as
    ///   [`SamplerConfig::start`] says
    ///
    /// `rng` is drawn from by [`Method::Ancestral`] alone: one map per step for the whole batch.
    pub fn sample(
        &self,
        start: Tensor<4>,
        config: &SamplerConfig,
        rng: &mut SeededRng,
    ) -> Tensor<4> {
        let times = config.times(self.schedule);
        match config.method {
            Method::Ancestral => {
                let [_, channels, height, width] = start.dims();
                let device = start.device();
                ancestral::sample(self, start, &times, || {
                    rng.normal([1, channels, height, width], &device)
                })
            }
            Method::Ddim => ddim::sample(self, start, &times, config.last),
            Method::Singlestep => {
                dpm_solver::singlestep(self, start, config.steps, config.timesteps())
            }
            Method::Multistep => {
                let timesteps = config.timesteps();
                dpm_solver::multistep(self, start, config.steps, timesteps, config.last)
            }
            Method::Euler => ode::euler(self, start, config.steps, config.timesteps()),
            Method::Heun => ode::heun(self, start, config.steps, config.timesteps()),
        }
    }
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
    fn a_network_that_knows_the_image_is_believed_by_every_sampler() {
        for prediction_type in [
            PredictionType::Noise,
            PredictionType::Image,
            PredictionType::Velocity,
            PredictionType::Flow,
        ] {
            let schedule = DiffusionConfig {
                prediction_type,
                ..DiffusionConfig::default()
            }
            .schedule();
            let truth = normal("truth", 2);
            let continuous = ContinuousSchedule::new(&schedule);
            let network = |x: Tensor<4>, time: f64| {
                let level = continuous.level((time + 1.0) / 1000.0);
                let noise = (x - truth.clone() * level.signal) / level.noise;
                match prediction_type {
                    PredictionType::Noise => noise,
                    PredictionType::Image => truth.clone(),
                    PredictionType::Velocity => noise * level.signal - truth.clone() * level.noise,
                    PredictionType::Flow => noise - truth.clone(),
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
                    spacing: TimestepSpacing::Trailing,
                    ..SamplerConfig::default()
                };
                let drawn = denoiser.sample(
                    normal("start", 2),
                    &config,
                    &mut SeededRng::new(1, &["steps"]),
                );
                let error = (drawn - truth.clone()).abs().max().into_scalar::<f32>();
                assert!(error < 0.2, "{prediction_type:?} {method:?}: {error}");
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
        let times = TimestepSpacing::Leading.times(1000, 200);
        assert_eq!((times[0], times[1], times[199]), (996, 991, 1));
        assert_eq!(
            TimestepSpacing::Leading.times(1000, 10)[..3],
            [901, 801, 701]
        );
        assert_eq!(
            TimestepSpacing::Trailing.times(1000, 4),
            [999, 749, 499, 249]
        );
        assert_eq!(TimestepSpacing::Trailing.times(1000, 1000).last(), Some(&0));
    }

    #[test]
    fn the_last_ancestral_step_ends_at_the_image_itself() {
        let schedule = DiffusionConfig::default().schedule();
        let network = |x: Tensor<4>, _| x.zeros_like();
        let project = |x: Tensor<4>| x.zeros_like() + 0.25;
        let denoiser = Denoiser {
            schedule: &schedule,
            network: &network,
            project: Some(&project),
        };
        let drawn = ancestral::step(&denoiser, normal("x", 1), 0, None, || normal("never", 1));
        let error = (drawn - 0.25).abs().max().into_scalar::<f32>();
        assert!(error < 1e-6, "{error}");
    }
}
