//! Bootstrap by video: bias-corrected and accelerated intervals for means (Efron 1987), and for paired differences.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{EvalError, same_shape};
use crate::stats::interval::Interval;
use crate::stats::normal::{Z95, point_at, share_below};

/// How often to draw, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// How many resamples.
    pub count: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            count: 10_000,
            seed: 0,
        }
    }
}

/// All values of one video: their sum and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cluster {
    /// Sum of the values.
    pub sum: f64,
    /// Count of the values.
    pub count: f64,
}

impl Cluster {
    /// The cluster of these values.
    pub fn of(values: &[f64]) -> Self {
        Self {
            sum: values.iter().sum(),
            count: values.len() as f64,
        }
    }
}

/// Mean over all values of all clusters; `None` over nothing.
pub fn mean(clusters: &[Cluster]) -> Option<f64> {
    let (sum, count) = totals(clusters.iter());
    (count > 0.0).then(|| sum / count)
}

/// The 95 % interval of [`mean`], by resampling whole clusters; `None` for fewer than two clusters or an infinite mean.
///
/// Equal for equal seeds on any number of threads.
pub fn bca(clusters: &[Cluster], resampling: Resampling) -> Option<Interval> {
    let point = mean(clusters).filter(|point| point.is_finite())?;
    if clusters.len() < 2 || resampling.count < 2 {
        return None;
    }
    let means = resampled_means(clusters, resampling);
    let below = means.iter().filter(|mean| **mean < point).count() as f64;
    let equal = means.iter().filter(|mean| **mean <= point).count() as f64 - below;
    let total = means.len() as f64;
    // A share of exactly 0 or 1 would send the correction to infinity.
    let share = ((below + 0.5 * equal) / total).clamp(0.5 / total, 1.0 - 0.5 / total);
    let (bias, acceleration) = (point_at(share), acceleration(clusters));
    let end = |z: f64| {
        let shifted = bias + z;
        quantile(
            &means,
            share_below(bias + shifted / (1.0 - acceleration * shifted)),
        )
    };
    Some(Interval {
        low: end(-Z95),
        high: end(Z95),
    })
}

/// Mean of `one − other` over the same videos, with its interval.
///
/// # Errors
/// Different counts of videos, or of values in a video; no video at all.
pub fn paired_difference(
    one: &[Cluster],
    other: &[Cluster],
    resampling: Resampling,
) -> Result<(f64, Option<Interval>), EvalError> {
    same_shape("videos", &[other.len()], &[one.len()])?;
    let differences = one.iter().zip(other).map(|(one, other)| {
        same_shape(
            "values of a video",
            &[other.count as usize],
            &[one.count as usize],
        )?;
        Ok(Cluster {
            sum: one.sum - other.sum,
            count: one.count,
        })
    });
    let differences: Vec<Cluster> = differences.collect::<Result<_, EvalError>>()?;
    let difference = mean(&differences).ok_or(EvalError::Empty { what: "videos" })?;
    Ok((difference, bca(&differences, resampling)))
}

fn totals<'a>(clusters: impl Iterator<Item = &'a Cluster>) -> (f64, f64) {
    clusters.fold((0.0, 0.0), |(sum, count), cluster| {
        (sum + cluster.sum, count + cluster.count)
    })
}

/// Means of resamples, sorted. Each block of draws has a random stream of its own.
fn resampled_means(clusters: &[Cluster], resampling: Resampling) -> Vec<f64> {
    const BLOCK: usize = 100;
    let block = |block: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
        rng.set_stream(block as u64);
        let draws = BLOCK.min(resampling.count - block * BLOCK);
        let one = |_| {
            let drawn = (0..clusters.len()).map(|_| &clusters[rng.random_range(0..clusters.len())]);
            let (sum, count) = totals(drawn);
            sum / count
        };
        (0..draws).map(one).collect::<Vec<f64>>()
    };
    let blocks = resampling.count.div_ceil(BLOCK);
    let means: Vec<Vec<f64>> = (0..blocks).into_par_iter().map(block).collect();
    let mut means = means.concat();
    // A resample of nothing but empty clusters has no mean.
    means.retain(|mean| mean.is_finite());
    means.sort_by(f64::total_cmp);
    means
}

/// How fast the spread of the mean changes with the mean, from leaving one cluster out at a time.
fn acceleration(clusters: &[Cluster]) -> f64 {
    let (sum, count) = totals(clusters.iter());
    let without = clusters
        .iter()
        .map(|cluster| (sum - cluster.sum) / (count - cluster.count));
    let without: Vec<f64> = without.filter(|mean| mean.is_finite()).collect();
    let centre = without.iter().sum::<f64>() / without.len() as f64;
    let squares: f64 = without.iter().map(|mean| (centre - mean).powi(2)).sum();
    let cubes: f64 = without.iter().map(|mean| (centre - mean).powi(3)).sum();
    if squares > 0.0 {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    }
}

/// The value below which a share of sorted values lies, with straight lines between them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = share.clamp(0.0, 1.0) * last as f64;
    let left = (position.floor() as usize).min(last);
    let right = (left + 1).min(last);
    sorted[left] + (position - left as f64) * (sorted[right] - sorted[left])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(count: usize, seed: u64, skew: f64) -> Vec<Cluster> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|_| Cluster::of(&[point_at(rng.random_range(0.0001..0.9999)) * skew + 3.0]))
            .collect()
    }

    #[test]
    fn intervals_of_normal_values_hold_their_mean_nineteen_times_in_twenty() {
        let hits = (0..200).filter(|&seed| {
            let interval = bca(&draws(40, seed, 1.0), Resampling { count: 1000, seed }).unwrap();
            interval.low <= 3.0 && 3.0 <= interval.high
        });
        let hits = hits.count();
        assert!((178..=198).contains(&hits), "{hits} of 200");
    }

    #[test]
    fn the_interval_has_the_width_that_theory_gives() {
        let clusters = draws(400, 7, 2.0);
        let interval = bca(&clusters, Resampling::default()).unwrap();
        let expected = 2.0 * Z95 * 2.0 / 20.0;
        assert!(
            ((interval.high - interval.low) / expected - 1.0).abs() < 0.12,
            "{interval:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_on_any_number_of_threads() {
        let clusters = draws(30, 1, 1.0);
        let on = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| bca(&clusters, Resampling { count: 999, seed }).unwrap())
        };
        assert_eq!(on(1, 5), on(4, 5));
        assert_ne!(on(1, 5), on(1, 6));
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width_and_one_video_has_none() {
        let same = vec![Cluster::of(&[0.5, 0.5]); 9];
        assert_eq!(
            bca(&same, Resampling::default()),
            Some(Interval {
                low: 0.5,
                high: 0.5
            })
        );
        assert_eq!(bca(&same[..1], Resampling::default()), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn paired_videos_cancel_what_they_share() {
        let hard = draws(50, 3, 10.0);
        let easier: Vec<_> = hard
            .iter()
            .map(|video| Cluster {
                sum: video.sum + 0.1,
                count: 1.0,
            })
            .collect();
        let (difference, interval) =
            paired_difference(&easier, &hard, Resampling::default()).unwrap();
        assert!((difference - 0.1).abs() < 1e-12);
        assert!(interval.unwrap().low > 0.09);
        assert!(paired_difference(&easier[1..], &hard, Resampling::default()).is_err());
    }
}
