//! Mean squared error of pixels in 0..1.
//!
//! Reference: SlotFormer `video_prediction/vp_utils.py`, SlotDiffusion `video_based/models/eval_utils.py`.

use ndarray::{ArrayView3, Axis};

use super::frame::{Pixel, squared_error};
use crate::error::EvalError;
use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, FrameMetric, Group, KeyFigure, Metric, Unit};
use crate::metric::profiles_macro::profiles;

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

/// `mse`
pub static MSE: Metric = Metric {
    name: "mse",
    title: "MSE",
    meaning: "mean squared error of pixels in 0..1, or as the profile says",
    unit: Unit::One,
    direction: Direction::Lower,
    group: Group::Pixels,
    definitions: &[
        definition(MseProfile::SumChw, |truth, prediction| {
            mse(MseProfile::SumChw, truth, prediction)
        }),
        definition(MseProfile::SumHwMeanC, |truth, prediction| {
            mse(MseProfile::SumHwMeanC, truth, prediction)
        }),
        definition(MseProfile::Mean, |truth, prediction| {
            mse(MseProfile::Mean, truth, prediction)
        }),
    ],
    in_runs: Some(MseProfile::Mean.name()),
    key_figures: &[KeyFigure {
        subset: "imagined-changed",
        subject: "the pixels that change",
        floor: "copying the last seen frame",
    }],
};

/// A value of one frame.
type Value = fn(ArrayView3<'_, u8>, ArrayView3<'_, u8>) -> Result<f64, EvalError>;

const fn definition(profile: MseProfile, value: Value) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::Frame(FrameMetric {
            value,
            after_mean: None,
        }),
    }
}

/// MSE of one frame.
///
/// # Errors
/// As [`squared_error`].
pub fn mse<P: Pixel>(
    profile: MseProfile,
    truth: ArrayView3<P>,
    prediction: ArrayView3<P>,
) -> Result<f64, EvalError> {
    let error = squared_error(truth, prediction)?;
    Ok(match profile {
        MseProfile::SumChw => error.sum,
        MseProfile::SumHwMeanC => error.sum / truth.len_of(Axis(2)) as f64,
        MseProfile::Mean => error.sum / error.count as f64,
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn equal_frames_have_no_error() {
        let frame = Array3::from_shape_fn((12, 13, 3), |(y, x, c)| (y * 13 + x + c) as u8);
        for &profile in MseProfile::ALL {
            let value = mse(profile, frame.view(), frame.view()).unwrap();
            assert_eq!(value.to_bits(), 0.0_f64.to_bits(), "{profile}");
            assert_eq!(MSE.id_at(profile as usize).profile(), profile.name());
        }
    }
}
