//! Pixels against pixels: MSE, PSNR, and the error on the pixels that change. SSIM is in [`crate::ssim`].
//!
//! Pixels are u8, or f32 in 0..1; every sum is f64. A frame is `[height, width, rgb]`.
//!
//! Reference: SlotFormer `video_prediction/vp_utils.py`, SlotDiffusion `video_based/models/eval_utils.py`; PSNR is
//! scikit-image's with `data_range=1`.

use ndarray::{ArrayView3, ArrayView4, Axis};
use rayon::prelude::*;

use crate::error::{EvalError, same_shape};
use crate::profile::profiles;
use crate::ssim::{SsimProfile, ssim};

profiles! {
    /// What a squared error is summed over before it is called MSE.
    pub enum MseProfile as "profile of mse" {
        /// Sum over channels, height and width (SlotDiffusion).
        SumChw = "sum-chw",
        /// Sum over height and width, mean over channels (SlotFormer).
        SumHwMeanC = "sum-hw-mean-c",
        /// Mean over everything.
        Mean = "mean",
    }
}

profiles! {
    /// When PSNR takes its logarithm.
    pub enum PsnrProfile as "profile of psnr" {
        /// Of each image, then the mean of the decibels (papers).
        PerImageMean = "per-image-mean",
        /// Once, of the error over all images (torchmetrics).
        Global = "global",
    }
}

/// A pixel that can be read as a number in 0..1.
pub trait Pixel: Copy + Send + Sync {
    /// The value in 0..1, where the type is not wrong about it.
    fn unit(self) -> f64;
}

impl Pixel for u8 {
    fn unit(self) -> f64 {
        f64::from(self) / 255.0
    }
}

impl Pixel for f32 {
    fn unit(self) -> f64 {
        f64::from(self)
    }
}

/// How much a channel must differ from the last observed frame to count as change: 13 grey levels of 255. Codec noise
/// stays below, an object that moves on or off a pixel is above.
pub const CHANGE_THRESHOLD: f64 = 0.05;

/// A sum of squared errors and the count of numbers in it. Sums of frames add up to the sum of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SquaredError {
    /// Sum of squared differences.
    pub sum: f64,
    /// How many differences.
    pub count: usize,
}

impl SquaredError {
    /// Both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    /// Mean squared error; `None` over nothing.
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Peak signal-to-noise ratio in decibels for pixels in 0..1; infinite without error, `None` over nothing.
    pub fn psnr(self) -> Option<f64> {
        self.mean().map(|mean| -10.0 * mean.log10())
    }
}

/// Squared error of one frame.
///
/// # Errors
/// Frames of different or no size, NaN, and values outside 0..1.
pub fn squared_error<P: Pixel>(
    truth: ArrayView3<P>,
    guess: ArrayView3<P>,
) -> Result<SquaredError, EvalError> {
    check_frames(truth, guess)?;
    let sum = truth
        .iter()
        .zip(guess)
        .map(|(truth, guess)| (truth.unit() - guess.unit()).powi(2))
        .sum();
    Ok(SquaredError {
        sum,
        count: truth.len(),
    })
}

/// MSE of one frame.
///
/// # Errors
/// As [`squared_error`].
pub fn mse<P: Pixel>(
    profile: MseProfile,
    truth: ArrayView3<P>,
    guess: ArrayView3<P>,
) -> Result<f64, EvalError> {
    let error = squared_error(truth, guess)?;
    Ok(match profile {
        MseProfile::SumChw => error.sum,
        MseProfile::SumHwMeanC => error.sum / truth.len_of(Axis(2)) as f64,
        MseProfile::Mean => error.sum / error.count as f64,
    })
}

/// PSNR of one frame in decibels; infinite when the frames are equal.
///
/// # Errors
/// As [`squared_error`].
pub fn psnr<P: Pixel>(truth: ArrayView3<P>, guess: ArrayView3<P>) -> Result<f64, EvalError> {
    let error = squared_error(truth, guess)?;
    error.psnr().ok_or(EvalError::Empty { what: "pixels" })
}

/// Squared error on the pixels whose truth differs from the last observed frame by more than `threshold` in any
/// channel; all channels of such a pixel count. The error of copying the last observed frame comes from passing that
/// frame as the guess.
///
/// # Errors
/// As [`squared_error`].
pub fn changed_error<P: Pixel>(
    last_observed: ArrayView3<P>,
    truth: ArrayView3<P>,
    guess: ArrayView3<P>,
    threshold: f64,
) -> Result<SquaredError, EvalError> {
    check_frames(truth, guess)?;
    check_frames(truth, last_observed)?;
    let mut error = SquaredError::default();
    let pixels = truth
        .lanes(Axis(2))
        .into_iter()
        .zip(guess.lanes(Axis(2)))
        .zip(last_observed.lanes(Axis(2)));
    for ((truth, guess), last) in pixels {
        if truth
            .iter()
            .zip(last)
            .any(|(truth, last)| (truth.unit() - last.unit()).abs() > threshold)
        {
            error.sum += truth
                .iter()
                .zip(guess)
                .map(|(truth, guess)| (truth.unit() - guess.unit()).powi(2))
                .sum::<f64>();
            error.count += truth.len();
        }
    }
    Ok(error)
}

/// Every number of every frame of a clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipPixels {
    /// Squared error of each frame.
    pub error: Vec<SquaredError>,
    /// PSNR of each frame in decibels.
    pub psnr: Vec<f64>,
    /// SSIM of each frame.
    pub ssim: Vec<f64>,
}

/// All pixel metrics of a clip, frame by frame and in parallel.
///
/// # Shape
/// - `truth`, `guess`: `[time, height, width, rgb]`
///
/// # Errors
/// Clips of different or no size, NaN, values outside 0..1, frames too small for SSIM.
pub fn measure_clip<P: Pixel>(
    profile: SsimProfile,
    truth: ArrayView4<P>,
    guess: ArrayView4<P>,
) -> Result<ClipPixels, EvalError> {
    same_shape("clips", truth.shape(), guess.shape())?;
    if truth.is_empty() {
        return Err(EvalError::Empty { what: "frames" });
    }
    let frames: Vec<_> = (0..truth.len_of(Axis(0)))
        .into_par_iter()
        .map(|time| {
            let (truth, guess) = (
                truth.index_axis(Axis(0), time),
                guess.index_axis(Axis(0), time),
            );
            Ok((squared_error(truth, guess)?, ssim(profile, truth, guess)?))
        })
        .collect::<Result<_, EvalError>>()?;
    let error: Vec<_> = frames.iter().map(|(error, _)| *error).collect();
    let psnr = error.iter().filter_map(|error| error.psnr()).collect();
    Ok(ClipPixels {
        error,
        psnr,
        ssim: frames.into_iter().map(|(_, ssim)| ssim).collect(),
    })
}

/// Refuses frames that no pixel metric is defined on.
pub(crate) fn check_frames<P: Pixel>(
    truth: ArrayView3<P>,
    guess: ArrayView3<P>,
) -> Result<(), EvalError> {
    same_shape("frames", truth.shape(), guess.shape())?;
    if truth.is_empty() {
        return Err(EvalError::Empty { what: "pixels" });
    }
    for frame in [truth, guess] {
        let wrong = frame
            .indexed_iter()
            .find(|(_, pixel)| !(0.0..=1.0).contains(&pixel.unit()));
        if let Some(((y, x, _), pixel)) = wrong {
            let (value, place) = (pixel.unit(), format!("row {y}, column {x}"));
            if value.is_finite() {
                return Err(EvalError::OutOfRange {
                    what: "pixels",
                    range: "0..1",
                    value,
                    place,
                });
            }
            return Err(EvalError::NotFinite {
                what: "pixels",
                place,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;

    #[test]
    fn equal_frames_have_no_error_and_infinite_psnr() {
        let frame = Array3::from_shape_fn((12, 13, 3), |(y, x, c)| (y * 13 + x + c) as u8);
        assert_eq!(
            mse(MseProfile::SumChw, frame.view(), frame.view())
                .unwrap()
                .to_bits(),
            0.0_f64.to_bits()
        );
        assert!(psnr(frame.view(), frame.view()).unwrap().is_infinite());
    }

    #[test]
    fn one_grey_level_of_255_gives_the_decibels_of_the_textbook() {
        let (dark, light) = (
            Array3::<u8>::zeros((4, 4, 3)),
            Array3::from_elem((4, 4, 3), 1_u8),
        );
        let expected = 20.0 * 255.0_f64.log10();
        assert!((psnr(dark.view(), light.view()).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn only_pixels_that_change_count() {
        let last = Array3::<u8>::zeros((2, 2, 3));
        let (mut truth, mut guess) = (last.clone(), Array3::from_elem((2, 2, 3), 51_u8));
        truth[[0, 1, 2]] = 255; // one channel of one pixel changes
        guess[[0, 1, 2]] = 204;
        let ours =
            changed_error(last.view(), truth.view(), guess.view(), CHANGE_THRESHOLD).unwrap();
        assert_eq!(ours.count, 3);
        assert!((ours.sum - 3.0 * 0.04).abs() < 1e-12, "{ours:?}");
        let copy = changed_error(last.view(), truth.view(), last.view(), CHANGE_THRESHOLD).unwrap();
        assert!((copy.sum - 1.0).abs() < 1e-12, "{copy:?}");
        let still =
            changed_error(last.view(), last.view(), guess.view(), CHANGE_THRESHOLD).unwrap();
        assert_eq!(still.mean(), None);
    }

    #[test]
    fn nan_range_and_shape_are_refused() {
        let good = Array3::from_elem((2, 2, 3), 0.5_f32);
        let mut bad = good.clone();
        bad[[1, 0, 2]] = f32::NAN;
        assert!(matches!(
            psnr(good.view(), bad.view()),
            Err(EvalError::NotFinite { .. })
        ));
        bad[[1, 0, 2]] = 1.5;
        assert!(matches!(
            psnr(good.view(), bad.view()),
            Err(EvalError::OutOfRange { .. })
        ));
        let small = Array3::zeros((2, 1, 3));
        assert!(matches!(
            psnr(good.view(), small.view()),
            Err(EvalError::Shapes { .. })
        ));
        assert!(matches!(
            psnr(
                Array3::<u8>::zeros((0, 2, 3)).view(),
                Array3::zeros((0, 2, 3)).view()
            ),
            Err(EvalError::Empty { .. })
        ));
    }

    #[test]
    fn a_clip_gives_the_same_numbers_on_any_number_of_threads() {
        let truth = Array4::from_shape_fn((7, 16, 15, 3), |(t, y, x, c)| {
            (t * 31 + y * 7 + x * 3 + c) as u8
        });
        let guess = truth.mapv(|pixel| pixel.wrapping_mul(3));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                measure_clip(SsimProfile::default(), truth.view(), guess.view()).unwrap()
            })
        };
        assert_eq!(on(1), on(3));
    }
}
