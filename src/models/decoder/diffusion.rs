//! The diffusion process: how noise is added step by step, and what a network learns in order to remove it
//! (Ho et al. 2020; Rombach et al. 2022; rectified flow: Liu et al., ICLR 2023).
//! Reference: SlotDiffusion `video_based/models/ddpm/{ddpm,utils}.py`.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

mod time_sampling;

pub use time_sampling::TimeSampling;

/// Noise schedule, prediction type and loss weights of a diffusion process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DiffusionConfig {
    /// Number of steps.
    pub timesteps: usize,
    /// How the variances run from the first to the last.
    pub betas: Betas,
    /// Variance that the first step adds.
    pub linear_start: f64,
    /// Variance that the last step adds.
    pub linear_end: f64,
    /// What the network predicts.
    #[serde(rename = "target", alias = "prediction-type")]
    pub prediction_type: PredictionType,
    /// How much each step counts in the loss.
    pub weight: StepWeight,
    /// Which steps the training draws.
    #[serde(skip_serializing_if = "TimeSampling::is_uniform")]
    pub times: TimeSampling,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            timesteps: 1000,
            betas: Betas::RootLinear,
            linear_start: 1.5e-3,
            linear_end: 1.95e-2,
            prediction_type: PredictionType::Noise,
            weight: StepWeight::Uniform,
            times: TimeSampling::Uniform,
        }
    }
}

/// How variances run from the first step to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Betas {
    /// Their square roots are evenly spaced. The reference calls this `linear`.
    RootLinear,
    /// They are evenly spaced. The reference calls this `sqrt_linear`.
    Linear,
}

/// What a network predicts, given a noisy image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PredictionType {
    /// The noise in it (ε); the paper's choice.
    Noise,
    /// The image without noise (x₀).
    Image,
    /// α·noise − σ·image (v; Salimans & Ho 2022).
    Velocity,
    /// noise − image, on straight paths from one to the other: x = (1 − t)·image + t·noise with t from 1/T to 1, whatever
    /// variances the schedule names (rectified flow; Liu et al., ICLR 2023, §2.1).
    ///
    /// Differs: the paper predicts noise.
    Flow,
}

/// How much a step counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum StepWeight {
    /// All the same, as in the paper.
    Uniform,
    /// Easy steps count less: the signal-to-noise ratio is cut at `gamma` (Hang et al. 2023).
    ///
    /// Differs: the paper weighs all steps the same.
    MinSnr {
        /// Where the ratio is cut; five in that paper.
        gamma: f64,
    },
    /// Noisy steps count more: (t/T)^`power`, scaled to a mean of one. There the slots say most.
    ///
    /// Differs: the paper weighs all steps the same.
    Late {
        /// Zero is uniform.
        power: f64,
    },
}

impl DiffusionConfig {
    /// The tables of this process.
    pub fn schedule(&self) -> NoiseSchedule {
        let betas = self.betas();
        let mut product = 1.0;
        let alphas_cumprod = betas.iter().map(|beta| {
            product *= 1.0 - beta;
            product
        });
        let alphas_cumprod: Vec<f64> = alphas_cumprod.collect();
        let levels = match self.prediction_type {
            PredictionType::Flow => (1..=self.timesteps)
                .map(|step| NoiseLevel::on_straight_path(step as f64 / self.timesteps as f64))
                .collect(),
            _ => alphas_cumprod
                .iter()
                .map(|share| NoiseLevel::from_alpha_cumprod(*share))
                .collect(),
        };
        NoiseSchedule {
            betas: betas.iter().map(|beta| *beta as f32).collect(),
            levels,
            config: self.clone(),
        }
    }

    /// Whether a training can draw what is set.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn check(&self) -> Result<(), &'static str> {
        let usual = Self::default();
        let variances = |of: &Self| (of.betas, of.linear_start, of.linear_end);
        if self.prediction_type == PredictionType::Flow && variances(self) != variances(&usual) {
            return Err(
                "has variances in `diffusion`, and the paths of `target = \"flow\"` are straight; leave them out",
            );
        }
        self.times.check()
    }

    fn betas(&self) -> Vec<f64> {
        let last = (self.timesteps - 1).max(1) as f64;
        let between =
            |start: f64, end: f64, step: usize| start + (end - start) * step as f64 / last;
        let beta = |step| match self.betas {
            Betas::RootLinear => {
                between(self.linear_start.sqrt(), self.linear_end.sqrt(), step).powi(2)
            }
            Betas::Linear => between(self.linear_start, self.linear_end, step),
        };
        (0..self.timesteps).map(beta).collect()
    }
}

/// What is left of the image at the end of a straight path.
const LEAST_SIGNAL: f64 = 1e-4;

/// A noise level: x = `signal`·image + `noise`·ε.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseLevel {
    /// α, what is left of the image.
    pub signal: f64,
    /// σ, how much noise there is.
    pub noise: f64,
}

impl NoiseLevel {
    /// The level that keeps the share ᾱ of the image's variance.
    pub fn from_alpha_cumprod(alpha_cumprod: f64) -> Self {
        Self {
            signal: alpha_cumprod.sqrt(),
            noise: (1.0 - alpha_cumprod).sqrt(),
        }
    }

    /// The level at `time`, 0 (image) to 1 (noise), of a straight path. The signal never fades away wholly, so that λ is
    /// finite.
    pub fn on_straight_path(time: f64) -> Self {
        Self {
            signal: (1.0 - time).max(LEAST_SIGNAL),
            noise: time,
        }
    }

    /// √(α² + σ²): one where the variance is preserved.
    pub fn scale(self) -> f64 {
        self.signal.hypot(self.noise)
    }

    /// Share of the image in the variance, ᾱ.
    pub fn alpha_cumprod(self) -> f64 {
        (self.signal / self.scale()).powi(2)
    }

    /// Half the logarithm of the signal-to-noise ratio, λ.
    pub fn half_log_snr(self) -> f64 {
        self.signal.ln() - self.noise.ln()
    }
}

/// Tables of a diffusion process.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSchedule {
    /// Variance that each step adds.
    pub betas: Vec<f32>,
    /// Image and noise after each step.
    pub levels: Vec<NoiseLevel>,
    /// What the tables were made from.
    pub config: DiffusionConfig,
}

/// Image and noise that a network predicts in a noisy image, `[batch, channels, height, width]` each.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// x₀
    pub image: Tensor<4>,
    /// ε
    pub noise: Tensor<4>,
}

impl NoiseSchedule {
    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.levels.len()
    }

    /// The level after step `time`, 0 the first.
    ///
    /// # Panics
    /// When there is no such step.
    pub fn level(&self, time: usize) -> NoiseLevel {
        self.levels[time]
    }

    /// Variance of the step before, given the step and the image (β̃); zero at the first.
    pub fn posterior_variance(&self, time: usize) -> f64 {
        let share = |time: usize| self.level(time).alpha_cumprod();
        let before = time.checked_sub(1).map_or(1.0, share);
        let beta = 1.0 - share(time) / before;
        beta * (1.0 - before) / (1.0 - share(time))
    }

    /// Noisy images.
    ///
    /// # Shape
    /// - `image`, `noise`: `[batch, channels, height, width]`
    /// - `times`: one step for each of the batch
    pub fn add(&self, image: Tensor<4>, noise: Tensor<4>, times: &[usize]) -> Tensor<4> {
        let device = image.device();
        let (signal, deviation) = (
            self.signals(times, &device),
            self.deviations(times, &device),
        );
        image * signal + noise * deviation
    }

    /// The training target: ε, x₀, v or ε − x₀.
    ///
    /// # Shape
    /// As [`NoiseSchedule::add`].
    pub fn target(&self, image: Tensor<4>, noise: Tensor<4>, times: &[usize]) -> Tensor<4> {
        let device = image.device();
        match self.config.prediction_type {
            PredictionType::Noise => noise,
            PredictionType::Image => image,
            PredictionType::Velocity => {
                noise * self.signals(times, &device) - image * self.deviations(times, &device)
            }
            PredictionType::Flow => noise - image,
        }
    }

    /// Mean squared error between output and target of the network, weighed by time step.
    pub fn loss(&self, output: Tensor<4>, target: Tensor<4>, times: &[usize]) -> Tensor<1> {
        let squared = (output - target).powi_scalar(2);
        if self.config.weight == StepWeight::Uniform {
            return squared.mean();
        }
        let weights: Vec<f32> = times.iter().map(|time| self.weight(*time) as f32).collect();
        let weights = per_item(&weights, &squared.device());
        (squared * weights).mean()
    }

    /// The mean of [`NoiseSchedule::loss`] has weight one everywhere for the paper's setting.
    fn weight(&self, time: usize) -> f64 {
        let NoiseLevel { signal, noise } = self.level(time);
        let snr = (signal / noise).powi(2);
        match self.config.weight {
            StepWeight::Uniform => 1.0,
            StepWeight::MinSnr { gamma } => match self.config.prediction_type {
                PredictionType::Noise => snr.min(gamma) / snr,
                PredictionType::Image => snr.min(gamma),
                PredictionType::Velocity => snr.min(gamma) / (snr + 1.0),
                PredictionType::Flow => snr.min(gamma) * noise.powi(2),
            },
            StepWeight::Late { power } => {
                (power + 1.0) * ((time as f64 + 0.5) / self.steps() as f64).powf(power)
            }
        }
    }

    /// Image and noise from the network's output for `x`.
    ///
    /// # Shape
    /// - `output`, `x`: `[batch, channels, height, width]`
    pub fn predict(&self, output: Tensor<4>, x: Tensor<4>, level: NoiseLevel) -> Prediction {
        let NoiseLevel { signal, noise } = level;
        match self.config.prediction_type {
            PredictionType::Noise => Prediction {
                image: x / signal - output.clone() * (noise / signal),
                noise: output,
            },
            PredictionType::Image => Prediction {
                noise: (x - output.clone() * signal) / noise,
                image: output,
            },
            PredictionType::Velocity => Prediction {
                image: x.clone() * signal - output.clone() * noise,
                noise: x * noise + output * signal,
            },
            PredictionType::Flow => Prediction {
                image: x.clone() - output.clone() * noise,
                noise: x + output * signal,
            },
        }
    }

    fn signals(&self, times: &[usize], device: &Device) -> Tensor<4> {
        let values: Vec<f32> = times
            .iter()
            .map(|time| self.level(*time).signal as f32)
            .collect();
        per_item(&values, device)
    }

    fn deviations(&self, times: &[usize], device: &Device) -> Tensor<4> {
        let values: Vec<f32> = times
            .iter()
            .map(|time| self.level(*time).noise as f32)
            .collect();
        per_item(&values, device)
    }
}

/// One number for each of the batch, `[batch, 1, 1, 1]`.
fn per_item(values: &[f32], device: &Device) -> Tensor<4> {
    Tensor::<1>::from_floats(values, device).reshape([values.len(), 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    fn assert_near(value: f64, golden: f64) {
        assert!(
            (value - golden).abs() <= 2e-6 * golden.abs(),
            "{value} is not {golden}"
        );
    }

    #[test]
    fn the_tables_have_the_reference_s_values() {
        let schedule = DiffusionConfig::default().schedule();
        let betas = [
            (0, 1.5e-3),
            (1, 1.507_834_682_0e-3),
            (10, 1.579_265_157_4e-3),
            (100, 2.384_485_265_0e-3),
            (250, 4.093_853_542_2e-3),
            (500, 7.963_175_016_5e-3),
            (750, 1.310_796_442_3e-2),
            (999, 1.95e-2),
        ];
        for (time, beta) in betas {
            assert_near(f64::from(schedule.betas[time]), beta);
        }
        let alphas_cumprod = [
            (0, 0.9985),
            (10, 0.983_195_471_53),
            (100, 0.823_117_037_58),
            (250, 0.508_424_33),
            (500, 0.114_922_000_86),
            (750, 8.334_135_952_5e-3),
            (999, 1.423_039_751_9e-4),
        ];
        for (time, share) in alphas_cumprod {
            assert_near(schedule.level(time).alpha_cumprod(), share);
        }
        assert_near(schedule.level(500).signal, 0.339_001_48);
        assert_near(schedule.level(500).noise, 0.940_785_84);
        let variances = [
            (1, 7.525_194_28e-4),
            (500, 7.954_875_24e-3),
            (999, 1.949_994_48e-2),
        ];
        for (time, variance) in variances {
            assert_near(schedule.posterior_variance(time), variance);
        }
        assert!(schedule.posterior_variance(0).abs() < 1e-20);
    }

    #[test]
    fn what_was_added_is_taken_away_again_for_every_target() {
        let mut noise = SeededRng::new(2, &["diffusion"]);
        let device = Device::flex();
        let (image, added) = (
            noise.normal([1, 3, 4, 4], &device),
            noise.normal([1, 3, 4, 4], &device),
        );
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
            for time in [0, 10, 400, 700] {
                let x = schedule.add(image.clone(), added.clone(), &[time]);
                let output = schedule.target(image.clone(), added.clone(), &[time]);
                let prediction = schedule.predict(output, x, schedule.level(time));
                let error = (prediction.image - image.clone())
                    .abs()
                    .max()
                    .into_scalar::<f32>();
                assert!(error < 1e-4, "{prediction_type:?} at {time}: {error}");
                let error = (prediction.noise - added.clone())
                    .abs()
                    .max()
                    .into_scalar::<f32>();
                assert!(error < 1e-4, "{prediction_type:?} at {time}: noise {error}");
            }
        }
    }

    #[test]
    fn paths_of_rectified_flow_are_straight() {
        let config = DiffusionConfig {
            prediction_type: PredictionType::Flow,
            timesteps: 100,
            ..DiffusionConfig::default()
        };
        let schedule = config.schedule();
        let level = schedule.level(24);
        assert!((level.signal - 0.75).abs() < 1e-12 && (level.noise - 0.25).abs() < 1e-12);
        assert!((schedule.level(99).noise - 1.0).abs() < 1e-12);
        let device = Device::flex();
        let [image, noise] = [2.0, -1.0].map(|value| Tensor::full([1, 1, 1, 1], value, &device));
        let x = schedule.add(image.clone(), noise.clone(), &[24]);
        assert!((x.into_scalar::<f32>() - 1.25).abs() < 1e-6);
        let target = schedule.target(image, noise, &[24]).into_scalar::<f32>();
        assert!((target + 3.0).abs() < 1e-6);
        let bent = DiffusionConfig {
            linear_end: 0.5,
            ..config.clone()
        };
        assert!(config.check().is_ok() && bent.check().unwrap_err().contains("straight"));
    }

    #[test]
    fn a_prediction_of_zero_costs_one() {
        let schedule = DiffusionConfig::default().schedule();
        let noise = SeededRng::new(2, &["unit"]).normal([8, 3, 16, 16], &Device::flex());
        let loss = schedule
            .loss(noise.zeros_like(), noise, &[0; 8])
            .into_scalar::<f32>();
        assert!((loss - 1.0).abs() < 0.05, "{loss}");
    }

    #[test]
    fn weights_by_step_follow_the_ratio_of_signal_to_noise() {
        let weight = |weight, time| {
            DiffusionConfig {
                weight,
                ..DiffusionConfig::default()
            }
            .schedule()
            .weight(time)
        };
        let cut = StepWeight::MinSnr { gamma: 5.0 };
        assert!(weight(cut, 0) < 0.01 && (weight(cut, 999) - 1.0).abs() < 1e-9);
        let late = StepWeight::Late { power: 1.0 };
        let mean = (0..1000).map(|time| weight(late, time)).sum::<f64>() / 1000.0;
        assert!((mean - 1.0).abs() < 1e-6 && weight(late, 999) > weight(late, 1));
    }
}
