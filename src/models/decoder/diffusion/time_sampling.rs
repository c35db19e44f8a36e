//! Which steps of a diffusion process a training draws.

use serde::{Deserialize, Serialize};

use crate::rng::SeededRng;

/// Which steps a training draws.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TimeSampling {
    /// Each as often as any other.
    #[default]
    Uniform,
    /// Those in the middle more often: their logit t ↦ ln(t/(1 − t)) is normal (Esser et al., ICML 2024, §3.1).
    LogitNormal {
        /// Above zero: noisy ones more often.
        mean: f64,
        /// One in that paper.
        deviation: f64,
    },
}

impl TimeSampling {
    pub(super) fn is_uniform(&self) -> bool {
        *self == Self::Uniform
    }

    /// Whether these are numbers of a normal distribution.
    ///
    /// # Errors
    /// They are not.
    pub(super) fn check(self) -> Result<(), &'static str> {
        match self {
            Self::LogitNormal { mean, deviation }
                if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) =>
            {
                Err(
                    "has `times` in `diffusion` whose `deviation` is not above 0, or whose `mean` is no number",
                )
            }
            _ => Ok(()),
        }
    }

    /// One of `steps` steps.
    pub fn draw(self, steps: usize, rng: &mut SeededRng) -> usize {
        match self {
            Self::Uniform => rng.below(steps),
            Self::LogitNormal { mean, deviation } => {
                let logit = mean + deviation * f64::from(rng.normal_vec(1)[0]);
                let time = 1.0 / (1.0 + (-logit).exp());
                ((time * steps as f64) as usize).min(steps - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_drawn_as_often_as_is_said() {
        let mut rng = SeededRng::new(5, &["times"]);
        let mut share = |sampling: TimeSampling| {
            let drawn: Vec<usize> = (0..4000).map(|_| sampling.draw(1000, &mut rng)).collect();
            assert!(drawn.iter().all(|time| *time < 1000));
            let middle = drawn.iter().filter(|time| (250..750).contains(*time));
            middle.count() as f64 / 4000.0
        };
        assert!((share(TimeSampling::Uniform) - 0.5).abs() < 0.04);
        let normal = |mean| TimeSampling::LogitNormal {
            mean,
            deviation: 1.0,
        };
        // |logit| < ln 3: what a standard normal does in 0.728 of all cases.
        assert!((share(normal(0.0)) - 0.728).abs() < 0.04);
        assert!(share(normal(3.0)) < 0.1);
        assert!(normal(0.0).check().is_ok() && normal(f64::NAN).check().is_err());
    }
}
