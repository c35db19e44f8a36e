//! Peak signal-to-noise ratio in decibels, for pixels in 0..1.
//!
//! Reference: scikit-image `peak_signal_noise_ratio` with `data_range=1`.

use ndarray::ArrayView3;

use super::frame::{Pixel, SquaredError, squared_error};
use super::mse::{MseProfile, mse};
use crate::error::EvalError;
use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, FrameMetric, Group, KeyFigure, Metric, Unit};
use crate::metric::profiles_macro::profiles;

profiles! {
    /// When PSNR takes its logarithm.
    pub enum PsnrProfile as "profile of psnr" {
        /// Of each image, then the mean of the decibels (papers).
        PerImageMean = "per-image-mean",
        /// Once, of the error over all images (torchmetrics).
        Global = "global",
    }
}

/// `psnr`
pub static PSNR: Metric = Metric {
    name: "psnr",
    title: "PSNR",
    meaning: "peak signal-to-noise ratio, in decibels",
    unit: Unit::Decibel,
    direction: Direction::Higher,
    group: Group::Pixels,
    definitions: &[
        Definition {
            profile: PsnrProfile::PerImageMean.name(),
            compute: Compute::Frame(FrameMetric {
                value: psnr::<u8>,
                after_mean: None,
            }),
        },
        // Errors are pooled before the logarithm; the items show each frame's own.
        Definition {
            profile: PsnrProfile::Global.name(),
            compute: Compute::Frame(FrameMetric {
                value: |truth, prediction| mse(MseProfile::Mean, truth, prediction),
                after_mean: Some(decibels),
            }),
        },
    ],
    in_runs: Some(PsnrProfile::PerImageMean.name()),
    key_figures: &[
        KeyFigure {
            subset: "imagined",
            subject: "imagined frames",
            floor: "copying the last seen frame",
        },
        KeyFigure {
            subset: "videos",
            subject: "the predicted frames",
            floor: "its floor",
        },
    ],
};

/// Decibels of a mean squared error.
fn decibels(mean: f64) -> Option<f64> {
    SquaredError {
        sum: mean,
        count: 1,
    }
    .psnr()
}

/// PSNR of one frame in decibels; infinite when the frames are equal.
///
/// # Errors
/// As [`squared_error`].
pub fn psnr<P: Pixel>(truth: ArrayView3<P>, prediction: ArrayView3<P>) -> Result<f64, EvalError> {
    let error = squared_error(truth, prediction)?;
    error.psnr().ok_or(EvalError::Empty { what: "pixels" })
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn equal_frames_have_infinite_psnr() {
        let frame = Array3::from_shape_fn((12, 13, 3), |(y, x, c)| (y * 13 + x + c) as u8);
        assert_eq!(psnr(frame.view(), frame.view()).unwrap(), f64::INFINITY);
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
}
