//! Maximum mean discrepancy with a polynomial kernel (Gretton et al. 2012): KID, KVD and `JEDi`.
//!
//! `mean k(x, x') + mean k(y, y') − 2 mean k(x, y)`, `k(x, y) = (γ·xᵀy + c)^p` with γ = 1/dim. The unbiased statistic
//! leaves the pairs of a row with itself out of the first two means and may be below zero.

use ndarray::{Array2, ArrayView2, Axis, s};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{EvalError, same_shape};

/// A polynomial kernel with γ = 1/dim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// Exponent.
    pub degree: i32,
    /// Number added before the power is taken.
    pub offset: f64,
}

/// Kernel of KID and KVD (Bińkowski et al. 2018).
pub const CUBIC: Kernel = Kernel {
    degree: 3,
    offset: 1.0,
};
/// Kernel of `JEDi` (Luo et al. 2024).
pub const QUADRATIC: Kernel = Kernel {
    degree: 2,
    offset: 0.0,
};

/// How often and how many items KID draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsets {
    /// How many subsets.
    pub count: usize,
    /// Items in a subset, at most; all if there are fewer.
    pub size: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Subsets {
    fn default() -> Self {
        Self {
            count: 100,
            size: 1000,
            seed: 0,
        }
    }
}

/// Mean over subsets, and their standard deviation (which is *not* a confidence interval).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean over subsets.
    pub mean: f64,
    /// Standard deviation over subsets (divisor: count).
    pub sd: f64,
}

/// Kernel inception distance: unbiased cubic MMD², mean over random subsets. StyleGAN-V prints it times 1000.
///
/// # Shape
/// - `real`, `fake`: `[items, dim]`
///
/// # Errors
/// Fewer than two items, different widths, NaN.
pub fn kid(
    real: ArrayView2<f64>,
    fake: ArrayView2<f64>,
    subsets: Subsets,
) -> Result<Spread, EvalError> {
    check_features(real, fake)?;
    let sides = [real, fake];
    kid_of([real.nrows(), fake.nrows()], subsets, |side, chosen| {
        Ok(sides[side].select(Axis(0), chosen))
    })
}

/// The same where rows are fetched as they are drawn: `rows` gets the side, 0 for the truth, and the places.
///
/// # Errors
/// As [`kid`], and whatever `rows` refuses.
pub fn kid_of(
    counts: [usize; 2],
    subsets: Subsets,
    rows: impl Fn(usize, &[usize]) -> Result<Array2<f64>, EvalError> + Sync,
) -> Result<Spread, EvalError> {
    let size = subsets.size.min(counts[0]).min(counts[1]);
    if subsets.count == 0 || size < 2 {
        return Err(EvalError::TooFew {
            statistic: "kid",
            what: "items in a subset",
            needed: 2,
            found: size,
        });
    }
    let draw = |stream: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(subsets.seed);
        rng.set_stream(stream as u64);
        let [real, fake] = counts.map(|count| sample(&mut rng, count, size).into_vec());
        let (real, fake) = (rows(0, &real)?, rows(1, &fake)?);
        mmd2(CUBIC, real.view(), fake.view(), false)
    };
    let values: Vec<f64> = (0..subsets.count)
        .into_par_iter()
        .map(draw)
        .collect::<Result<_, _>>()?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / values.len() as f64;
    Ok(Spread {
        mean,
        sd: variance.sqrt(),
    })
}

/// Kernel video distance: unbiased cubic MMD² over all items at once.
///
/// # Errors
/// As [`kid`].
pub fn kvd(real: ArrayView2<f64>, fake: ArrayView2<f64>) -> Result<f64, EvalError> {
    mmd2(CUBIC, real, fake, false)
}

/// `JEDi`'s statistic: biased quadratic MMD², times 100.
///
/// # Errors
/// As [`kid`].
pub fn jedi(real: ArrayView2<f64>, fake: ArrayView2<f64>) -> Result<f64, EvalError> {
    Ok(100.0 * mmd2(QUADRATIC, real, fake, true)?)
}

/// Squared maximum mean discrepancy.
///
/// # Errors
/// As [`kid`].
pub fn mmd2(
    kernel: Kernel,
    real: ArrayView2<f64>,
    fake: ArrayView2<f64>,
    biased: bool,
) -> Result<f64, EvalError> {
    check_features(real, fake)?;
    let within = |rows: ArrayView2<f64>| {
        let (count, all) = (rows.nrows() as f64, kernel.sum(rows, rows));
        if biased {
            return all / (count * count);
        }
        let own: f64 = rows
            .rows()
            .into_iter()
            .map(|row| kernel.of(row.dot(&row), rows.ncols()))
            .sum();
        (all - own) / (count * (count - 1.0))
    };
    let across = kernel.sum(real, fake) / (real.nrows() as f64 * fake.nrows() as f64);
    Ok(within(real) + within(fake) - 2.0 * across)
}

impl Kernel {
    fn of(self, product: f64, dim: usize) -> f64 {
        (product / dim as f64 + self.offset).powi(self.degree)
    }

    /// Sum over all pairs, block by block so that no full Gram matrix is held.
    fn sum(self, one: ArrayView2<f64>, other: ArrayView2<f64>) -> f64 {
        const BLOCK: usize = 256;
        let starts: Vec<usize> = (0..one.nrows()).step_by(BLOCK).collect();
        let block = |&start: &usize| {
            let rows = one.slice(s![start..(start + BLOCK).min(one.nrows()), ..]);
            let gram: Array2<f64> = rows.dot(&other.t());
            gram.iter()
                .map(|product| self.of(*product, one.ncols()))
                .sum::<f64>()
        };
        starts
            .par_iter()
            .map(block)
            .collect::<Vec<_>>()
            .iter()
            .sum()
    }
}

/// Refuses features that no distance is defined on.
pub(crate) fn check_features(
    real: ArrayView2<f64>,
    fake: ArrayView2<f64>,
) -> Result<(), EvalError> {
    same_shape("feature rows", &[real.ncols()], &[fake.ncols()])?;
    for rows in [real, fake] {
        if rows.nrows() < 2 || rows.ncols() == 0 {
            let (what, found) = ("items", rows.nrows());
            return Err(EvalError::TooFew {
                statistic: "a distance between sets",
                what,
                needed: 2,
                found,
            });
        }
        if let Some(((row, _), _)) = rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(EvalError::NotFinite {
                what: "features",
                place: format!("row {row}"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize, salt: usize) -> Array2<f64> {
        Array2::from_shape_fn((count, 6), |(i, j)| {
            (((i * 7919 + j * 104_729 + salt) * 31) % 997) as f64 / 500.0 - 1.0
        })
    }

    #[test]
    fn a_set_is_at_no_biased_distance_from_itself() {
        let set = some(300, 1);
        assert!(mmd2(CUBIC, set.view(), set.view(), true).unwrap().abs() < 1e-12);
        assert!(jedi(set.view(), some(300, 9).view()).unwrap() > 0.0);
    }

    #[test]
    fn subsets_depend_on_the_seed_and_not_on_the_threads() {
        let (real, fake) = (some(60, 1), some(50, 7) * 1.5);
        let subsets = Subsets {
            count: 8,
            size: 20,
            seed: 3,
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| kid(real.view(), fake.view(), subsets).unwrap())
        };
        assert_eq!(on(1), on(3));
        let other = kid(real.view(), fake.view(), Subsets { seed: 4, ..subsets }).unwrap();
        assert!((on(1).mean - other.mean).abs() > 1e-12);
    }

    #[test]
    fn one_item_or_a_nan_is_refused() {
        let set = some(5, 1);
        assert!(matches!(
            kvd(set.slice(s![..1, ..]), set.view()),
            Err(EvalError::TooFew { .. })
        ));
        let mut bad = set.clone();
        bad[[3, 2]] = f64::INFINITY;
        assert!(
            matches!(kvd(set.view(), bad.view()), Err(EvalError::NotFinite { place, .. }) if place == "row 3")
        );
    }
}
