//! Shares of right answers: Wilson's interval, how much clustering by video widens it, and McNemar's exact test.

use crate::stats::interval::Interval;
use crate::stats::normal::Z95;

/// Wilson's 95 % interval (1927) of `correct` out of `total`; `None` of nothing. A design effect above 1 divides the
/// count of answers: so many independent answers would say as much.
pub fn wilson(correct: usize, total: usize, design_effect: f64) -> Option<Interval> {
    if total == 0 {
        return None;
    }
    let n = total as f64 / design_effect.max(1.0);
    let p = correct as f64 / total as f64;
    let square = Z95 * Z95;
    let scale = 1.0 + square / n;
    let centre = (p + square / (2.0 * n)) / scale;
    let half = Z95 / scale * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    Some(Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    })
}

/// How many times larger the variance of a share is for coming in clusters (`(correct, total)` of each video) than it
/// would be for independent answers. 1 where that cannot be told: fewer than two clusters, or all answers alike.
///
/// # Source
/// Kish 1965; the variance is that of a ratio over clusters, with its `m / (m − 1)`.
pub fn design_effect(clusters: &[(usize, usize)]) -> f64 {
    let clusters: Vec<_> = clusters.iter().filter(|(_, total)| *total > 0).collect();
    let total: f64 = clusters.iter().map(|(_, total)| *total as f64).sum();
    let p = clusters
        .iter()
        .map(|(correct, _)| *correct as f64)
        .sum::<f64>()
        / total;
    let independent = p * (1.0 - p) / total;
    if clusters.len() < 2 || independent <= 0.0 {
        return 1.0;
    }
    let count = clusters.len() as f64;
    let squares: f64 = clusters
        .iter()
        .map(|(correct, total)| (*correct as f64 - p * *total as f64).powi(2))
        .sum();
    squares / (total * total) * count / (count - 1.0) / independent
}

/// Two-sided p-value of McNemar's exact test: `only_one` items that only the first model has right, `only_other` that
/// only the second has.
pub fn mcnemar(only_one: usize, only_other: usize) -> f64 {
    let (total, fewer) = ((only_one + only_other) as f64, only_one.min(only_other));
    let log_ways =
        |k: f64| libm::lgamma(total + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(total - k + 1.0);
    let half = std::f64::consts::LN_2 * total;
    let tail: f64 = (0..=fewer).map(|k| (log_ways(k as f64) - half).exp()).sum();
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_that_answer_as_one_count_once() {
        let clusters: Vec<_> = (0..40)
            .map(|video| if video % 2 == 0 { (5, 5) } else { (0, 5) })
            .collect();
        let effect = design_effect(&clusters);
        assert!((effect - 5.0 * 40.0 / 39.0).abs() < 1e-12, "{effect}");
        let (narrow, wide) = (
            wilson(100, 200, 1.0).unwrap(),
            wilson(100, 200, effect).unwrap(),
        );
        assert!(wide.high - wide.low > 2.0 * (narrow.high - narrow.low));
    }

    #[test]
    fn what_cannot_be_told_widens_nothing() {
        assert!((design_effect(&[(3, 4)]) - 1.0).abs() < f64::EPSILON);
        assert!((design_effect(&[(4, 4), (2, 2)]) - 1.0).abs() < f64::EPSILON);
        assert!((design_effect(&[]) - 1.0).abs() < f64::EPSILON);
        assert_eq!(wilson(0, 0, 1.0), None);
    }
}
