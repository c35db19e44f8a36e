//! Structural similarity of two frames (Wang et al. 2004, eq. 13): 1 is equal, 0 is unrelated.
//!
//! Per channel and window, with means u, variances v and covariance c of the two patches:
//! `(2·ux·uy + C1)(2·c + C2) / ((ux² + uy² + C1)(vx + vy + C2))`, `C1 = 0.01²`, `C2 = 0.03²` for pixels in 0..1; then
//! the mean over windows, then over channels. Definitions in use differ in the window, in the divisor of the
//! covariance and in what happens at the border.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Zip};

use super::frame::{Pixel, check_frames};
use crate::error::EvalError;
use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, FrameMetric, Group, KeyFigure, Metric, Unit};
use crate::metric::profiles_macro::profiles;

profiles! {
    /// Which window, which covariance, which border.
    pub enum SsimProfile as "profile of ssim" {
        /// Gaussian σ 1.5 of 11 taps, population covariance, border left out (papers; scikit-image).
        Gauss11 = "gauss11-skimage",
        /// Box of 7, sample covariance, border left out (scikit-image's default).
        Uniform7 = "uniform7-skimage",
        /// Gaussian as above with the sample covariance of 121 pixels.
        Gauss11SampleCov = "gauss11-sample-cov",
        /// Gaussian as above, border mirrored and kept, variances not below zero.
        Torchmetrics = "torchmetrics",
    }
}

/// `ssim`
pub static SSIM: Metric = Metric {
    name: "ssim",
    title: "SSIM",
    meaning: "structural similarity, 1 is equal",
    unit: Unit::One,
    direction: Direction::Higher,
    group: Group::Pixels,
    definitions: &[
        definition(SsimProfile::Gauss11, |truth, prediction| {
            ssim(SsimProfile::Gauss11, truth, prediction)
        }),
        definition(SsimProfile::Uniform7, |truth, prediction| {
            ssim(SsimProfile::Uniform7, truth, prediction)
        }),
        definition(SsimProfile::Gauss11SampleCov, |truth, prediction| {
            ssim(SsimProfile::Gauss11SampleCov, truth, prediction)
        }),
        definition(SsimProfile::Torchmetrics, |truth, prediction| {
            ssim(SsimProfile::Torchmetrics, truth, prediction)
        }),
    ],
    in_runs: Some(SsimProfile::Gauss11.name()),
    key_figures: &[KeyFigure {
        subset: "videos",
        subject: "the predicted frames",
        floor: "its floor",
    }],
};

/// A value of one frame.
type Value = fn(ArrayView3<'_, u8>, ArrayView3<'_, u8>) -> Result<f64, EvalError>;

const fn definition(profile: SsimProfile, value: Value) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::Frame(FrameMetric {
            value,
            after_mean: None,
        }),
    }
}

const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

impl SsimProfile {
    /// Weights of the window along one axis; they sum to 1.
    pub fn taps(self) -> Vec<f64> {
        if self == Self::Uniform7 {
            return vec![1.0 / 7.0; 7];
        }
        let weights: Vec<f64> = (-5..=5)
            .map(|x| (-0.5 * f64::from(x * x) / (1.5 * 1.5)).exp())
            .collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    /// What a population covariance is multiplied with.
    fn covariance_factor(self) -> f64 {
        match self {
            Self::Gauss11 | Self::Torchmetrics => 1.0,
            Self::Uniform7 => 49.0 / 48.0,
            Self::Gauss11SampleCov => 121.0 / 120.0,
        }
    }
}

/// SSIM of one frame.
///
/// # Shape
/// - `truth`, `prediction`: `[height, width, rgb]`
///
/// # Errors
/// Frames of different size, smaller than the window, with NaN or values outside 0..1.
pub fn ssim<P: Pixel>(
    profile: SsimProfile,
    truth: ArrayView3<P>,
    prediction: ArrayView3<P>,
) -> Result<f64, EvalError> {
    check_frames(truth, prediction)?;
    let (height, width, rgb) = truth.dim();
    let taps = profile.taps();
    if height.min(width) < taps.len() {
        let (needed, found) = (taps.len(), height.min(width));
        return Err(EvalError::TooFew {
            statistic: "ssim",
            what: "pixels on the shorter side",
            needed,
            found,
        });
    }
    let channels = truth.axis_iter(Axis(2)).zip(prediction.axis_iter(Axis(2)));
    let sum: f64 = channels
        .map(|(truth, prediction)| channel_ssim(profile, &taps, truth, prediction))
        .sum();
    Ok(sum / rgb as f64)
}

/// Rows of windows that are compared at a time: planes of double precision are held for these alone.
const BAND: usize = 64;

/// Mean over the windows of one channel.
fn channel_ssim<P: Pixel>(
    profile: SsimProfile,
    taps: &[f64],
    truth: ArrayView2<P>,
    prediction: ArrayView2<P>,
) -> f64 {
    let border = match profile {
        SsimProfile::Torchmetrics => taps.len() / 2,
        _ => 0,
    };
    let inside = |pixels: usize| pixels + 2 * border + 1 - taps.len();
    let (rows, columns) = (inside(truth.nrows()), inside(truth.ncols()));
    let mut sum = 0.0;
    for first in (0..rows).step_by(BAND) {
        let band = first..(first + BAND).min(rows) + taps.len() - 1;
        let planes = [truth, prediction].map(|plane| unit_rows(plane, band.clone(), border));
        add_similarities(profile, taps, &planes, &mut sum);
    }
    sum / (rows * columns) as f64
}

/// Adds the similarity of every window that lies inside two planes.
fn add_similarities(profile: SsimProfile, taps: &[f64], [x, y]: &[Array2<f64>; 2], sum: &mut f64) {
    let factor = profile.covariance_factor();
    let variance = |square: f64, mean: f64| {
        let variance = factor * (square - mean * mean);
        if profile == SsimProfile::Torchmetrics {
            variance.max(0.0)
        } else {
            variance
        }
    };
    Zip::from(&filter(x, taps))
        .and(&filter(y, taps))
        .and(&filter(&(x * x), taps))
        .and(&filter(&(y * y), taps))
        .and(&filter(&(x * y), taps))
        .for_each(|&ux, &uy, &xx, &yy, &xy| {
            let covariance = factor * (xy - ux * uy);
            let above = (2.0 * ux * uy + C1) * (2.0 * covariance + C2);
            *sum += above / ((ux * ux + uy * uy + C1) * (variance(xx, ux) + variance(yy, uy) + C2));
        });
}

/// Weighted means of all windows that lie inside.
fn filter(plane: &Array2<f64>, taps: &[f64]) -> Array2<f64> {
    let (height, width) = plane.dim();
    let inside = width + 1 - taps.len();
    let mut along = Array2::zeros((height, inside));
    for (k, tap) in taps.iter().enumerate() {
        along.scaled_add(*tap, &plane.slice(ndarray::s![.., k..k + inside]));
    }
    let inside = height + 1 - taps.len();
    let mut both = Array2::zeros((inside, along.ncols()));
    for (k, tap) in taps.iter().enumerate() {
        both.scaled_add(*tap, &along.slice(ndarray::s![k..k + inside, ..]));
    }
    both
}

/// Rows of a plane, pixels in 0..1, with `border` more pixels on each side, mirrored about the edge pixel. Rows are counted
/// from the first of the border.
fn unit_rows<P: Pixel>(plane: ArrayView2<P>, rows: Range<usize>, border: usize) -> Array2<f64> {
    let (height, width) = plane.dim();
    let fold = |i: usize, n: usize| {
        let i = i.abs_diff(border);
        if i < n { i } else { 2 * (n - 1) - i }
    };
    Array2::from_shape_fn((rows.len(), width + 2 * border), |(y, x)| {
        plane[[fold(rows.start + y, height), fold(x, width)]].unit()
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    fn picture(seed: usize) -> Array3<u8> {
        Array3::from_shape_fn((17, 19, 3), |(y, x, c)| {
            (y * 13 + x * 7 + c * 50 + seed * x * y) as u8
        })
    }

    #[test]
    fn a_frame_is_like_itself_under_every_profile() {
        for &profile in SsimProfile::ALL {
            let value = ssim(profile, picture(1).view(), picture(1).view()).unwrap();
            assert!((value - 1.0).abs() < 1e-12, "{profile}: {value}");
        }
    }

    #[test]
    fn it_is_symmetric_and_falls_with_noise() {
        let clean = picture(0);
        let noisy = |by: usize| {
            Array3::from_shape_fn(clean.dim(), |(y, x, c)| {
                clean[[y, x, c]] / 2 + ((x * y * by) % (by + 1)) as u8
            })
        };
        let of = |prediction: &Array3<u8>| {
            ssim(SsimProfile::Gauss11, clean.view(), prediction.view()).unwrap()
        };
        let back = ssim(SsimProfile::Gauss11, noisy(9).view(), clean.view()).unwrap();
        assert!((of(&noisy(9)) - back).abs() < 1e-12);
        assert!(
            of(&noisy(9)) > of(&noisy(90)),
            "{} {}",
            of(&noisy(9)),
            of(&noisy(90))
        );
    }

    #[test]
    fn bands_change_nothing() {
        let tall = |seed: usize| {
            Array2::from_shape_fn((3 * BAND + 5, 23), |(y, x)| (y * y * seed + x * 11) as u8)
        };
        let (truth, prediction) = (tall(3), tall(5));
        for &profile in SsimProfile::ALL {
            let taps = profile.taps();
            let border = if profile == SsimProfile::Torchmetrics {
                5
            } else {
                0
            };
            let whole = [&truth, &prediction]
                .map(|plane| unit_rows(plane.view(), 0..plane.nrows() + 2 * border, border));
            let mut sum = 0.0;
            add_similarities(profile, &taps, &whole, &mut sum);
            let windows = (whole[0].nrows() + 1 - taps.len()) * (whole[0].ncols() + 1 - taps.len());
            let banded = channel_ssim(profile, &taps, truth.view(), prediction.view());
            assert_eq!(banded, sum / windows as f64, "{profile}");
        }
    }

    #[test]
    fn a_frame_smaller_than_the_window_is_refused() {
        let small = Array3::<u8>::zeros((10, 40, 3));
        let error = ssim(SsimProfile::Gauss11, small.view(), small.view()).unwrap_err();
        assert!(
            matches!(
                error,
                EvalError::TooFew {
                    needed: 11,
                    found: 10,
                    ..
                }
            ),
            "{error}"
        );
    }
}
