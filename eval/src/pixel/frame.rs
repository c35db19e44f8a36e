//! Squared error of two frames, which MSE and PSNR are made of.
//!
//! Pixels are u8, or f32 in 0..1; every sum is f64. A frame is `[height, width, rgb]`.

use ndarray::ArrayView3;

use crate::error::{EvalError, same_shape};

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
    prediction: ArrayView3<P>,
) -> Result<SquaredError, EvalError> {
    check_frames(truth, prediction)?;
    let sum = truth
        .iter()
        .zip(prediction)
        .map(|(truth, prediction)| (truth.unit() - prediction.unit()).powi(2))
        .sum();
    Ok(SquaredError {
        sum,
        count: truth.len(),
    })
}

/// Refuses frames that no pixel metric is defined on.
pub(crate) fn check_frames<P: Pixel>(
    truth: ArrayView3<P>,
    prediction: ArrayView3<P>,
) -> Result<(), EvalError> {
    same_shape("frames", truth.shape(), prediction.shape())?;
    if truth.is_empty() {
        return Err(EvalError::Empty { what: "pixels" });
    }
    for frame in [truth, prediction] {
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
    use ndarray::Array3;

    use super::*;

    #[test]
    fn nan_range_and_shape_are_refused() {
        let good = Array3::from_elem((2, 2, 3), 0.5_f32);
        let mut bad = good.clone();
        bad[[1, 0, 2]] = f32::NAN;
        assert!(matches!(
            squared_error(good.view(), bad.view()),
            Err(EvalError::NotFinite { .. })
        ));
        bad[[1, 0, 2]] = 1.5;
        assert!(matches!(
            squared_error(good.view(), bad.view()),
            Err(EvalError::OutOfRange { .. })
        ));
        let small = Array3::zeros((2, 1, 3));
        assert!(matches!(
            squared_error(good.view(), small.view()),
            Err(EvalError::Shapes { .. })
        ));
        assert!(matches!(
            squared_error(
                Array3::<u8>::zeros((0, 2, 3)).view(),
                Array3::zeros((0, 2, 3)).view()
            ),
            Err(EvalError::Empty { .. })
        ));
    }
}
