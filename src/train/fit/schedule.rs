//! The learning rate over a training: a linear warm-up, then half a cosine.

use serde::{Deserialize, Serialize};

/// The learning rate over a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Schedule {
    /// Highest learning rate.
    pub rate: f64,
    /// Lowest learning rate, as a share of the highest.
    pub floor: f64,
    /// Share of all steps over which the rate rises, 0..1.
    pub warmup: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            rate: 1e-3,
            floor: 0.01,
            warmup: 0.05,
        }
    }
}

impl Schedule {
    /// The rate after `done` of `total` steps: the lowest before the first, also without a warm-up.
    ///
    /// # Source
    /// nerv `CosineAnnealingWarmupRestarts`, as SlotFormer and SlotDiffusion step it: once per iteration.
    pub fn at(&self, done: u64, total: u64) -> f64 {
        let (low, high) = (self.rate * self.floor, self.rate);
        let (done, total) = (done as f64, total as f64);
        let warmup = self.warmup * total;
        if done == 0.0 {
            low
        } else if done < warmup {
            low + (high - low) * done / warmup
        } else {
            let share = ((done - warmup) / (total - warmup)).min(1.0);
            low + (high - low) * f64::midpoint(1.0, (std::f64::consts::PI * share).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_linearly_and_falls_as_a_cosine() {
        let schedule = Schedule {
            rate: 1.0,
            floor: 0.0,
            warmup: 0.2,
        };
        let at = |k| schedule.at(k, 10);
        assert_eq!((at(0), at(1), at(2)), (0.0, 0.5, 1.0));
        assert!((at(6) - 0.5).abs() < 1e-12 && at(10).abs() < 1e-12);
    }

    #[test]
    fn the_rate_is_that_of_the_reference_at_every_kind_of_step() {
        // As nerv's scheduler computes it with max 1e-4, min 1e-6, T = 10 and W = 0.25 · T, a number with a half.
        let schedule = Schedule {
            rate: 1e-4,
            floor: 0.01,
            warmup: 0.25,
        };
        let cosine =
            |share: f64| 1e-6 + (1e-4 - 1e-6) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
        let expected = [
            (0, 1e-6),
            (1, 1e-6 + 9.9e-5 * 1.0 / 2.5),
            (2, 1e-6 + 9.9e-5 * 2.0 / 2.5),
            (3, cosine(0.5 / 7.5)),
            (9, cosine(6.5 / 7.5)),
            (10, 1e-6),
        ];
        for (done, rate) in expected {
            assert!((schedule.at(done, 10) - rate).abs() < 1e-18, "{done}");
        }
    }

    #[test]
    fn the_first_step_is_at_the_floor_even_without_a_warmup() {
        let schedule = Schedule {
            rate: 1.0,
            floor: 0.01,
            warmup: 0.0,
        };
        assert_eq!(schedule.at(0, 100), 0.01);
        assert!(schedule.at(1, 100) > 0.99);
    }
}
