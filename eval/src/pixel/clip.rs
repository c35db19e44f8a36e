//! One metric on every frame of a clip: what `pipeline eval` and every run measure pixels by.

use ndarray::{ArrayView4, Axis};
use rayon::prelude::*;

use crate::error::{EvalError, same_shape};
use crate::metric::definition::FrameMetric;

/// The value of every frame, in order; frames are measured in parallel.
///
/// # Shape
/// - `truth`, `prediction`: `[time, height, width, rgb]`
///
/// # Errors
/// Clips of different or no size, and what the metric refuses.
pub fn frame_values(
    metric: FrameMetric,
    truth: ArrayView4<'_, u8>,
    prediction: ArrayView4<'_, u8>,
) -> Result<Vec<f64>, EvalError> {
    same_shape("clips", truth.shape(), prediction.shape())?;
    if truth.is_empty() {
        return Err(EvalError::Empty { what: "frames" });
    }
    (0..truth.len_of(Axis(0)))
        .into_par_iter()
        .map(|time| {
            (metric.value)(
                truth.index_axis(Axis(0), time),
                prediction.index_axis(Axis(0), time),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::metric::registry::Registry;

    #[test]
    fn a_clip_gives_the_same_numbers_on_any_number_of_threads() {
        let truth = Array4::from_shape_fn((7, 16, 15, 3), |(t, y, x, c)| {
            (t * 31 + y * 7 + x * 3 + c) as u8
        });
        let prediction = truth.mapv(|pixel| pixel.wrapping_mul(3));
        for (id, metric) in Registry::default().frame_metrics_of_runs() {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                pool.install(|| frame_values(metric, truth.view(), prediction.view()).unwrap())
            };
            assert_eq!(on(1), on(4), "{id}");
            assert_eq!(on(1).len(), 7);
        }
    }

    #[test]
    fn clips_of_other_lengths_and_of_none_are_refused() {
        let clip = |time: usize| Array4::<u8>::zeros((time, 16, 16, 3));
        for (id, metric) in Registry::default().frame_metrics_of_runs() {
            let of = |one: usize, other: usize| {
                frame_values(metric, clip(one).view(), clip(other).view())
            };
            assert!(matches!(of(2, 3), Err(EvalError::Shapes { .. })), "{id}");
            assert!(matches!(of(0, 0), Err(EvalError::Empty { .. })), "{id}");
        }
    }
}
