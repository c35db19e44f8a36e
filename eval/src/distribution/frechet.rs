//! Fréchet distance between two Gaussians (Dowson & Landau 1982): what FID and FVD take of features.
//!
//! `‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½`
//!
//! The last trace is the nuclear norm of `L₁ᵀL₂` for any factors `Σ = LLᵀ`. The factors come from Cholesky with
//! pivoting, which stops at the true rank, and the norm from the eigenvalues of the smaller Gram matrix. So nothing is
//! added to a singular covariance, and no square root of rounding noise enters as it does with `sqrtm`.

use nalgebra::DMatrix;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::moments::{Covariance, Moments};
use crate::error::{EvalError, same_shape};

/// A Fréchet distance and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frechet {
    /// The distance; may be below zero by rounding when both sides are equal.
    pub distance: f64,
    /// Squared distance of the means.
    pub means: f64,
    /// Trace of the true covariance.
    pub trace_real: f64,
    /// Trace of the predicted covariance.
    pub trace_fake: f64,
    /// Whether a side has no more items than dimensions, which biases the distance upwards.
    pub rank_deficient: bool,
}

/// Items below which a Fréchet distance is mostly bias.
pub const ENOUGH_ITEMS: usize = 2048;

impl Frechet {
    /// What a reader of the number must beware of; empty if nothing.
    pub fn warning(&self, items: usize) -> String {
        let mut parts = Vec::new();
        if self.rank_deficient {
            parts.push("rank-deficient: no more items than feature dimensions".to_owned());
        }
        if items < ENOUGH_ITEMS {
            parts.push(format!(
                "fewer than {ENOUGH_ITEMS} items: compare only at equal counts"
            ));
        }
        parts.join("; ")
    }
}

/// Fréchet distance of two sets of features.
///
/// # Errors
/// Fewer than two items on a side, or features of different width.
///
/// # Source
/// Heusel et al. 2017 (FID), Unterthiner et al. 2018 (FVD); agrees with `scipy.linalg.sqrtm` and TF-GAN
/// (`tests/golden/metrics/frechet.json`).
pub fn frechet(
    real: &Moments,
    fake: &Moments,
    estimator: Covariance,
) -> Result<Frechet, EvalError> {
    same_shape("feature rows", &[real.dim()], &[fake.dim()])?;
    if real.dim() == 0 {
        return Err(EvalError::Empty { what: "features" });
    }
    let (cov_real, cov_fake) = (real.covariance(estimator)?, fake.covariance(estimator)?);
    let (trace_real, trace_fake) = (cov_real.diag().sum(), cov_fake.diag().sum());
    let means = (&real.mean - &fake.mean)
        .mapv(|difference| difference * difference)
        .sum();
    let cross = nuclear_norm_of_product(&factor(&cov_real), &factor(&cov_fake));
    Ok(Frechet {
        distance: means + trace_real + trace_fake - 2.0 * cross,
        means,
        trace_real,
        trace_fake,
        rank_deficient: real.count.min(fake.count) <= real.dim(),
    })
}

/// `L` of `covariance = LLᵀ`, `[dim, rank]`, by Cholesky with complete pivoting. Rows keep their order.
fn factor(covariance: &Array2<f64>) -> Array2<f64> {
    let dim = covariance.nrows();
    let mut left = covariance.diag().to_owned();
    let largest = left.fold(0.0_f64, |largest, &value| largest.max(value));
    let noise = dim as f64 * f64::EPSILON * largest;
    let mut lower = Array2::<f64>::zeros((dim, dim));
    for rank in 0..dim {
        let pivot = (0..dim).fold(
            0,
            |best, row| if left[row] > left[best] { row } else { best },
        );
        if left[pivot] <= noise {
            return lower.slice(s![.., ..rank]).to_owned();
        }
        let root = left[pivot].sqrt();
        let pivot_row = lower.slice(s![pivot, ..rank]).to_owned();
        let column = covariance.column(pivot);
        let rows = lower
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(left.axis_iter_mut(Axis(0)));
        rows.with_min_len(64)
            .enumerate()
            .for_each(|(row, (mut lower, mut left))| {
                // Rows that were pivots before are spent: what is left of them is minus infinity.
                if row != pivot && left[()].is_finite() {
                    let value =
                        (column[row] - dot(lower.slice(s![..rank]), pivot_row.view())) / root;
                    lower[rank] = value;
                    left[()] -= value * value;
                }
            });
        lower[[pivot, rank]] = root;
        left[pivot] = f64::NEG_INFINITY;
    }
    lower
}

/// Product in eight interleaved sums, always in the same order.
fn dot(one: ArrayView1<f64>, other: ArrayView1<f64>) -> f64 {
    let (Some(one), Some(other)) = (one.to_slice(), other.to_slice()) else {
        return one.iter().zip(other).map(|(a, b)| a * b).sum();
    };
    let mut sums = [0.0_f64; 8];
    let (chunks, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f64 = chunks
        .remainder()
        .iter()
        .zip(others.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in chunks.zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Sum of the singular values of `one.t() · other`.
fn nuclear_norm_of_product(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    let (small, large) = if one.ncols() <= other.ncols() {
        (one, other)
    } else {
        (other, one)
    };
    let product = small.t().dot(large);
    eigenvalues(product.dot(&product.t()).view())
        .into_iter()
        .map(|value| value.max(0.0).sqrt())
        .sum()
}

/// Eigenvalues of a symmetric matrix.
fn eigenvalues(matrix: ArrayView2<f64>) -> Vec<f64> {
    if matrix.is_empty() {
        return Vec::new();
    }
    let matrix = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |row, column| {
        0.5 * (matrix[[row, column]] + matrix[[column, row]])
    });
    matrix.symmetric_eigenvalues().iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize, dim: usize, salt: usize) -> Array2<f64> {
        Array2::from_shape_fn((count, dim), |(i, j)| {
            (((i * 7919 + j * 104_729 + salt) * 31) % 997) as f64 / 100.0
        })
    }

    fn distance(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
        let [one, other] = [one, other].map(|rows| Moments::of_rows(rows.view()).unwrap());
        frechet(&one, &other, Covariance::Biased).unwrap().distance
    }

    #[test]
    fn a_set_is_at_no_distance_from_itself() {
        for (count, dim) in [(40, 6), (6, 40), (2, 3)] {
            let set = some(count, dim, 1);
            assert!(
                distance(&set, &set).abs() < 1e-9,
                "{count}×{dim}: {}",
                distance(&set, &set)
            );
        }
    }

    #[test]
    fn the_distance_is_symmetric_and_blind_to_order() {
        let (one, other) = (some(30, 8, 1), some(20, 8, 17) * 1.3);
        let there = distance(&one, &other);
        assert!(there > 0.1);
        assert!((there - distance(&other, &one)).abs() < 1e-9 * there);
        let reversed = one.slice(s![..;-1, ..]).to_owned();
        assert!((there - distance(&reversed, &other)).abs() < 1e-9 * there);
    }

    #[test]
    fn a_factor_has_the_rank_of_its_matrix_and_gives_it_back() {
        let thin = some(9, 3, 5);
        let matrix = thin.dot(&thin.t());
        let lower = factor(&matrix);
        assert_eq!(lower.ncols(), 3);
        for (one, other) in lower.dot(&lower.t()).iter().zip(&matrix) {
            assert!((one - other).abs() < 1e-9, "{one} {other}");
        }
    }

    #[test]
    fn few_items_are_said_to_be_few() {
        let [one, other] = [1, 2].map(|salt| Moments::of_rows(some(5, 8, salt).view()).unwrap());
        let few = frechet(&one, &other, Covariance::Unbiased).unwrap();
        assert!(few.warning(5).contains("rank-deficient"));
        let lone = Moments::of_rows(some(1, 8, 3).view()).unwrap();
        assert!(matches!(
            frechet(&one, &lone, Covariance::Biased),
            Err(EvalError::TooFew { .. })
        ));
        let narrow = Moments::of_rows(some(5, 7, 3).view()).unwrap();
        assert!(matches!(
            frechet(&one, &narrow, Covariance::Biased),
            Err(EvalError::Shapes { .. })
        ));
    }
}
