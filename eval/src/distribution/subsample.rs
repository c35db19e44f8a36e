//! Delete-half subsampling: how far a distance between sets moves with its sample.
//!
//! A bootstrap repeats items, which lowers the effective count and pushes a Fréchet distance up, so its percentiles
//! miss the truth. Halves drawn without replacement have no repeats, and the spread over halves estimates the
//! standard deviation at the full count (the factor √(m / (N − m)) is 1). The bias of the distance stays.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::EvalError;

/// What to write into `ci_method` beside an interval made here.
pub const METHOD: &str = "delete-half subsampling: sampling sd, bias not removed";

/// How many halves to draw, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halves {
    /// How many pairs of halves.
    pub count: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Halves {
    fn default() -> Self {
        Self {
            count: 200,
            seed: 0,
        }
    }
}

/// Standard deviation of a statistic of two sets over halves of both. The statistic gets the indices of the items on
/// the true and on the predicted side, in rising order.
///
/// # Errors
/// Fewer than four items on a side, fewer than two halves, or whatever the statistic refuses.
pub fn delete_half(
    items: [usize; 2],
    halves: Halves,
    statistic: impl Fn(&[usize], &[usize]) -> Result<f64, EvalError> + Sync,
) -> Result<f64, EvalError> {
    let found = items[0].min(items[1]);
    if found < 4 || halves.count < 2 {
        return Err(EvalError::TooFew {
            statistic: "delete-half subsampling",
            what: "items",
            needed: 4,
            found,
        });
    }
    let draw = |stream: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(halves.seed);
        rng.set_stream(stream as u64);
        let [real, fake] = items.map(|count| {
            let mut chosen = sample(&mut rng, count, count / 2).into_vec();
            chosen.sort_unstable();
            chosen
        });
        statistic(&real, &fake)
    };
    let values: Vec<f64> = (0..halves.count)
        .into_par_iter()
        .map(draw)
        .collect::<Result<_, _>>()?;
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    Ok((values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0))
        .sqrt())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};
    use rand::Rng;

    use super::*;
    use crate::distribution::frechet::frechet;
    use crate::distribution::moments::{Covariance, Moments};
    use crate::stats::normal::point_at;

    fn normal(rows: usize, dim: usize, seed: u64, shift: f64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_simple_fn((rows, dim), || {
            point_at(rng.random_range(1e-9..1.0)) + shift
        })
    }

    #[test]
    fn the_spread_over_halves_is_that_over_fresh_samples() {
        let distance = |seed: u64| {
            let [real, fake] = [normal(120, 6, seed, 0.0), normal(120, 6, seed + 1000, 0.5)];
            let moments = [&real, &fake].map(|rows| Moments::of_rows(rows.view()).unwrap());
            (
                real,
                fake,
                frechet(&moments[0], &moments[1], Covariance::Biased)
                    .unwrap()
                    .distance,
            )
        };
        let fresh: Vec<f64> = (0..200).map(|seed| distance(seed).2).collect();
        let mean = fresh.iter().sum::<f64>() / 200.0;
        let expected = (fresh
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / 199.0)
            .sqrt();
        let (real, fake, _) = distance(5000);
        let of = |rows: &Array2<f64>, chosen: &[usize]| {
            Moments::of_rows(rows.select(Axis(0), chosen).view())
        };
        let found = delete_half([120, 120], Halves::default(), |of_real, of_fake| {
            let moments = (of(&real, of_real)?, of(&fake, of_fake)?);
            Ok(frechet(&moments.0, &moments.1, Covariance::Biased)?.distance)
        })
        .unwrap();
        assert!(
            (0.6..1.6).contains(&(found / expected)),
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn halves_do_not_depend_on_threads_and_need_four_items() {
        let sum = |real: &[usize], fake: &[usize]| {
            Ok((real.iter().sum::<usize>() * 3 + fake.iter().sum::<usize>()) as f64)
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| delete_half([9, 12], Halves { count: 20, seed: 2 }, sum).unwrap())
        };
        assert_eq!(on(1).to_bits(), on(3).to_bits());
        assert!(matches!(
            delete_half([3, 12], Halves::default(), sum),
            Err(EvalError::TooFew { .. })
        ));
    }
}
