//! Squared error on the pixels that change after the last observed frame.

use ndarray::{ArrayView3, Axis};

use super::frame::{Pixel, SquaredError, check_frames};
use crate::error::EvalError;

/// Squared error on the pixels whose truth differs from the last observed frame by more than `threshold` in any
/// channel; all channels of such a pixel count. The error of copying the last observed frame comes from passing that
/// frame as the prediction.
///
/// # Errors
/// As [`squared_error`](super::squared_error).
pub fn changed_error<P: Pixel>(
    last_observed: ArrayView3<P>,
    truth: ArrayView3<P>,
    prediction: ArrayView3<P>,
    threshold: f64,
) -> Result<SquaredError, EvalError> {
    check_frames(truth, prediction)?;
    check_frames(truth, last_observed)?;
    let mut error = SquaredError::default();
    let pixels = truth
        .lanes(Axis(2))
        .into_iter()
        .zip(prediction.lanes(Axis(2)))
        .zip(last_observed.lanes(Axis(2)));
    for ((truth, prediction), last) in pixels {
        if truth
            .iter()
            .zip(last)
            .any(|(truth, last)| (truth.unit() - last.unit()).abs() > threshold)
        {
            error.sum += truth
                .iter()
                .zip(prediction)
                .map(|(truth, prediction)| (truth.unit() - prediction.unit()).powi(2))
                .sum::<f64>();
            error.count += truth.len();
        }
    }
    Ok(error)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    /// 16 grey levels, as plans have it.
    const THRESHOLD: f64 = 16.0 / 255.0;

    #[test]
    fn only_pixels_that_change_count() {
        let last = Array3::<u8>::zeros((2, 2, 3));
        let (mut truth, mut prediction) = (last.clone(), Array3::from_elem((2, 2, 3), 51_u8));
        truth[[0, 1, 2]] = 255; // one channel of one pixel changes
        prediction[[0, 1, 2]] = 204;
        let ours = changed_error(last.view(), truth.view(), prediction.view(), THRESHOLD).unwrap();
        assert_eq!(ours.count, 3);
        assert!((ours.sum - 3.0 * 0.04).abs() < 1e-12, "{ours:?}");
        let copy = changed_error(last.view(), truth.view(), last.view(), THRESHOLD).unwrap();
        assert!((copy.sum - 1.0).abs() < 1e-12, "{copy:?}");
        let still = changed_error(last.view(), last.view(), prediction.view(), THRESHOLD).unwrap();
        assert_eq!(still.mean(), None);
    }
}
