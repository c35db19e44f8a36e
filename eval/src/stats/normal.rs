//! The normal distribution: its share below a point, and the point below which a share lies.

use std::f64::consts::{PI, SQRT_2};

/// The point that 97.5 % lie below: half-width of a 95 % interval in standard deviations.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Share of a standard normal below `x`.
pub fn share_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The point below which `share` of a standard normal lies; infinite at 0 and 1.
///
/// # Source
/// Rational start by Abramowitz & Stegun 26.2.23, then Newton with Halley's correction.
pub fn point_at(share: f64) -> f64 {
    if share <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let t = (-2.0 * share.min(1.0 - share).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let start = t - above / below;
    let mut x = if share < 0.5 { -start } else { start };
    for _ in 0..3 {
        let step = (share_below(x) - share) * (2.0 * PI).sqrt() * (0.5 * x * x).exp();
        x -= step / (1.0 + 0.5 * x * step);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_shares_are_each_others_inverse() {
        for share in [1e-9, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999] {
            assert!(
                (share_below(point_at(share)) - share).abs() < 1e-14,
                "{share}"
            );
        }
        assert!((point_at(0.975) - Z95).abs() < 1e-14);
    }
}
