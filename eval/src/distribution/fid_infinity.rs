//! Fréchet distance at infinitely many items (Chong & Forsyth 2020): its bias falls as 1/N, so a line through the
//! distances of growing subsets, drawn over 1/N, meets the axis at the distance without that bias.

use ndarray::{ArrayView2, Axis, s};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::frechet::frechet;
use super::mmd::check_features;
use super::moments::{Covariance, FeatureStream, Moments};
use crate::error::EvalError;

/// Sizes of subsets that a line is laid through.
const POINTS: usize = 15;
/// The smallest subset in the paper.
const SMALLEST: usize = 5000;

/// The line through the distances of growing subsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Infinity {
    /// Distance at 1/N = 0.
    pub value: f64,
    /// Rise over 1/N: how biased the distance is.
    pub slope: f64,
    /// Subset sizes and their distances.
    pub points: Vec<(usize, f64)>,
}

/// Fifteen sizes from the smallest that is worth measuring to `items`.
///
/// Differs: the paper begins at 5000; sets that are not larger begin at a fifth of the items or twice the dimensions,
/// whichever is more, and at half of the items where that is more than there are.
///
/// # Errors
/// Fewer than four items.
pub fn sample_sizes(items: usize, dim: usize) -> Result<Vec<usize>, EvalError> {
    if items < 4 {
        return Err(EvalError::TooFew {
            statistic: "a distance at infinity",
            what: "items",
            needed: 4,
            found: items,
        });
    }
    let small = (items / 5).max(2 * dim).max(2);
    let start = match (items > SMALLEST, small < items) {
        (true, _) => SMALLEST,
        (false, true) => small,
        (false, false) => items / 2,
    };
    let step = (items - start) as f64 / (POINTS - 1) as f64;
    let mut sizes: Vec<usize> = (0..POINTS)
        .map(|i| (start as f64 + step * i as f64) as usize)
        .collect();
    sizes[POINTS - 1] = items;
    sizes.dedup();
    Ok(sizes)
}

/// The distance of `fake` to `real` at infinitely many predicted items. Subsets are prefixes of `fake`, shuffled first
/// where a seed is given; the real side is whole; covariances are unbiased.
///
/// # Shape
/// - `real`, `fake`: `[items, dim]`
///
/// # Errors
/// Sizes that do not grow, are below two or above the count of items; whatever [`frechet`] refuses.
pub fn frechet_infinity(
    real: ArrayView2<f64>,
    fake: ArrayView2<f64>,
    sizes: &[usize],
    seed: Option<u64>,
) -> Result<Infinity, EvalError> {
    check_features(real, fake)?;
    let (what, found) = ("different sizes of subsets", sizes.len());
    if found < 2 || !sizes.is_sorted_by(|one, next| one < next) || sizes[0] < 2 {
        return Err(EvalError::TooFew {
            statistic: "a distance at infinity",
            what,
            needed: 2,
            found,
        });
    }
    if sizes[found - 1] > fake.nrows() {
        let (needed, found) = (sizes[found - 1], fake.nrows());
        return Err(EvalError::TooFew {
            statistic: "a distance at infinity",
            what: "items",
            needed,
            found,
        });
    }
    let mut order: Vec<usize> = (0..fake.nrows()).collect();
    if let Some(seed) = seed {
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    }
    let fake = fake.select(Axis(0), &order);
    let real = Moments::of_rows(real)?;
    let mut stream = FeatureStream::new(fake.ncols());
    let mut points = Vec::with_capacity(sizes.len());
    for &size in sizes {
        stream.push("subset", fake.slice(s![stream.count()..size, ..]))?;
        points.push((
            size,
            frechet(&real, &stream.clone().finish(), Covariance::Unbiased)?.distance,
        ));
    }
    let (value, slope) = line(&points);
    Ok(Infinity {
        value,
        slope,
        points,
    })
}

/// Intercept and slope of the least-squares line over 1/N.
fn line(points: &[(usize, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let (x, y) = (|size: usize| 1.0 / size as f64, |value: f64| value);
    let mean_x = points.iter().map(|point| x(point.0)).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| y(point.1)).sum::<f64>() / count;
    let above: f64 = points
        .iter()
        .map(|point| (x(point.0) - mean_x) * (y(point.1) - mean_y))
        .sum();
    let below: f64 = points
        .iter()
        .map(|point| (x(point.0) - mean_x).powi(2))
        .sum();
    let slope = above / below;
    (mean_y - slope * mean_x, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_paper_for_large_sets_and_the_rule_for_small_ones() {
        assert_eq!(sample_sizes(50_000, 400).unwrap()[0], 5000);
        assert_eq!(sample_sizes(2048, 400).unwrap()[0], 800);
        assert_eq!(sample_sizes(250, 400).unwrap()[0], 125);
        let sizes = sample_sizes(600, 16).unwrap();
        assert_eq!((sizes[0], sizes[14], sizes.len()), (120, 600, 15));
        assert!(sample_sizes(3, 2).is_err());
    }

    #[test]
    fn a_line_over_one_by_n_is_found() {
        let points: Vec<_> = [10, 20, 50]
            .map(|size| (size, 3.0 + 7.0 / size as f64))
            .to_vec();
        let (value, slope) = line(&points);
        assert!((value - 3.0).abs() < 1e-12 && (slope - 7.0).abs() < 1e-10);
    }
}
