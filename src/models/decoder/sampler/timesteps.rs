//! Which times a sampler visits: those of the schedule for the discrete ones, and the schedule in continuous time for
//! the others (Lu et al. 2022, DPM-Solver, appendix D).
//! Reference: SlotDiffusion `video_based/models/ddpm/dpm_solver.py`, class `NoiseScheduleVP`.

use serde::{Deserialize, Serialize};

use crate::models::decoder::diffusion::{NoiseLevel, NoiseSchedule, PredictionType};

/// Which of the schedule's times a discrete sampler visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestepSpacing {
    /// 1, 1 + T/steps, … as in the reference: with few steps it starts where not all is noise.
    Leading,
    /// 0, T/steps, …: `leading` in diffusers with a `steps_offset` of 0.
    LeadingFromZero,
    /// T − 1, T − 1 − T/steps, …: starts at pure noise (Lin et al. 2024).
    Trailing,
}

/// Where a sampler ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastStep {
    /// At the least noisy level of the schedule, as the reference does (`final_sigmas_type = "sigma_min"` in diffusers,
    /// `set_alpha_to_one = false` of DDIM).
    #[default]
    LeastNoise,
    /// At the image that the network predicts last (`"zero"` and `true` there).
    Image,
}

impl TimestepSpacing {
    /// The times to visit, the noisiest first.
    pub fn times(self, total: usize, steps: usize) -> Vec<usize> {
        let steps = steps.clamp(1, total);
        let time = |index: usize| match self {
            Self::Leading => (index * total / steps + 1).min(total - 1),
            Self::LeadingFromZero => index * total / steps,
            Self::Trailing => (index + 1) * total / steps - 1,
        };
        (0..steps).rev().map(time).collect()
    }
}

/// The least noisy time that is visited; at zero λ is infinite. Schedules of fewer steps end at their first step, before
/// which they know no noise.
pub const LAST_TIME: f64 = 1e-3;

/// A schedule in continuous time, 0 (image) to 1 (noise): α is log-linear between the steps, or the path is straight.
pub struct ContinuousSchedule {
    /// ln α after each step; step j, from 1, lies at j/steps.
    log_signals: Vec<f64>,
    /// Whether image and noise are mixed as rectified flow does.
    pub is_straight: bool,
}

impl ContinuousSchedule {
    /// The continuous time of a schedule.
    pub fn new(schedule: &NoiseSchedule) -> Self {
        let mut sum = 0.0;
        let log_signals = schedule.betas.iter().map(|beta| {
            sum += 0.5 * (1.0 - f64::from(*beta)).ln();
            sum
        });
        Self {
            log_signals: log_signals.collect(),
            is_straight: schedule.config.prediction_type == PredictionType::Flow,
        }
    }

    /// The least noisy time that a sampler visits.
    pub fn last_time(&self) -> f64 {
        LAST_TIME.max(1.0 / self.log_signals.len() as f64)
    }

    /// What the network calls this time: a fraction of a step.
    pub fn network_time(&self, time: f64) -> f64 {
        let steps = self.log_signals.len() as f64;
        (time - 1.0 / steps) * steps
    }

    /// The noise level at `time`.
    pub fn level(&self, time: f64) -> NoiseLevel {
        if self.is_straight {
            return NoiseLevel::on_straight_path(time);
        }
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
        if self.is_straight {
            return 1.0 / (1.0 + half_log_snr.exp());
        }
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

    /// The nearest whole steps, if they are all different.
    fn at_whole_steps(&self, times: Vec<f64>) -> Vec<f64> {
        let steps = self.log_signals.len() as f64;
        let whole = times
            .iter()
            .map(|time| (time * steps).round_ties_even() / steps);
        let whole: Vec<f64> = whole.collect();
        let distinct = whole.windows(2).all(|pair| pair[0] > pair[1]);
        if distinct { whole } else { times }
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
pub enum ContinuousSpacing {
    /// Evenly in time, as the reference samples.
    #[default]
    Time,
    /// Evenly in time, each at the nearest whole step of the schedule, as diffusers samples (`linspace`). Where there are more
    /// than whole steps, they stay between them.
    WholeSteps,
    /// Evenly in λ: more steps where little noise is left. Only so do errors fall as fast as the order says.
    HalfLogSnr,
}

/// Where a sampler in continuous time starts and which way it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timesteps {
    /// The time that it starts from, 0 (image) to 1 (noise).
    pub from: f64,
    /// How its steps are spread.
    pub grid: ContinuousSpacing,
}

impl Default for Timesteps {
    fn default() -> Self {
        Self {
            from: 1.0,
            grid: ContinuousSpacing::Time,
        }
    }
}

impl Timesteps {
    /// `count + 1` times, the noisiest first.
    pub fn times(self, continuous: &ContinuousSchedule, count: usize) -> Vec<f64> {
        self.between(continuous, self.from, continuous.last_time(), count)
    }

    /// `count + 1` times from `start` to `end`, both included, spread as the steps are.
    pub fn between(
        self,
        continuous: &ContinuousSchedule,
        start: f64,
        end: f64,
        count: usize,
    ) -> Vec<f64> {
        let even = || times(start, end, count);
        match self.grid {
            ContinuousSpacing::Time => return even(),
            ContinuousSpacing::WholeSteps => {
                return continuous.at_whole_steps(even());
            }
            ContinuousSpacing::HalfLogSnr => {}
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

/// `count + 1` evenly spaced times from `start` to `end`.
fn times(start: f64, end: f64, count: usize) -> Vec<f64> {
    (0..=count)
        .map(|index| start + (end - start) * index as f64 / count as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::decoder::diffusion::DiffusionConfig;

    #[test]
    fn every_time_of_a_schedule_of_any_length_has_a_noise_level() {
        for timesteps in [2, 10, 50, 250, 1000] {
            let config = DiffusionConfig {
                timesteps,
                ..DiffusionConfig::default()
            };
            let continuous = ContinuousSchedule::new(&config.schedule());
            for grid in [
                ContinuousSpacing::Time,
                ContinuousSpacing::WholeSteps,
                ContinuousSpacing::HalfLogSnr,
            ] {
                let times = Timesteps { from: 1.0, grid }.times(&continuous, 8);
                for time in &times {
                    let level = continuous.level(*time);
                    assert!(
                        level.signal < 1.0 && level.noise > 0.0,
                        "T = {timesteps}, {time}"
                    );
                    assert!(
                        continuous.network_time(*time) > -1e-9,
                        "T = {timesteps}, {time}"
                    );
                }
            }
        }
        let thousand = ContinuousSchedule::new(&DiffusionConfig::default().schedule());
        assert_eq!(thousand.last_time().to_bits(), LAST_TIME.to_bits());
    }

    #[test]
    fn whole_steps_are_those_of_diffusers_and_never_twice_the_same() {
        let continuous = ContinuousSchedule::new(&DiffusionConfig::default().schedule());
        let timesteps = Timesteps {
            from: 1.0,
            grid: ContinuousSpacing::WholeSteps,
        };
        let network = |count: usize| -> Vec<f64> {
            let times = timesteps.times(&continuous, count).into_iter();
            times.map(|time| continuous.network_time(time)).collect()
        };
        let rounded: Vec<f64> = network(5).iter().map(|time| time.round()).collect();
        assert_eq!(rounded, [999.0, 799.0, 599.0, 400.0, 200.0, 0.0]);
        let exact = network(5)
            .iter()
            .zip(&rounded)
            .all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(exact);
        let many = network(2000);
        assert!(many.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn half_log_snr_has_the_reference_s_values_and_an_inverse() {
        let continuous = ContinuousSchedule::new(&DiffusionConfig::default().schedule());
        assert!((continuous.half_log_snr(1.0) + 4.428_702).abs() < 1e-5);
        assert!((continuous.half_log_snr(LAST_TIME) - 3.250_391).abs() < 1e-5);
        for time in [0.001, 0.0015, 0.3, 0.770_77, 1.0] {
            let back = continuous.time(continuous.half_log_snr(time));
            assert!((back - time).abs() < 1e-9, "{time} came back as {back}");
        }
    }
}
