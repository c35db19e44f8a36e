//! All metrics of one pair of masks: what `pipeline eval` and every run measure masks by.

use std::collections::BTreeMap;

use ndarray::ArrayView3;

use super::boxes::{Detection, boxes_of, detect};
use super::overlap::{SegProfile, Segmentation, measure};
use crate::error::{EvalError, same_shape};
use crate::metric::MetricId;
use crate::metric::definition::{Compute, MaskValue};
use crate::tables::MetricSamples;

/// What metrics of masks are made from, for one clip.
#[derive(Debug, Clone, Default)]
pub struct MaskScores {
    /// One for the clip, or one a frame, as the profile says.
    segmentations: BTreeMap<SegProfile, Vec<Segmentation>>,
    /// One a frame.
    boxes: Vec<Detection>,
}

impl MaskScores {
    /// Measures what `metrics` need; those that look at something else need nothing.
    ///
    /// # Shape
    /// - `truth`, `prediction`: labels `[time, height, width]`; 0 in `truth` is background
    ///
    /// # Errors
    /// Masks of different or no size.
    pub fn measure(
        metrics: &[MetricId],
        truth: ArrayView3<'_, u8>,
        prediction: ArrayView3<'_, u8>,
    ) -> Result<Self, EvalError> {
        let mut found = Self::default();
        for id in metrics {
            match id.compute() {
                Compute::Masks(profile, _) if !found.segmentations.contains_key(&profile) => {
                    let segmentations = measure(profile, truth, prediction)?;
                    found.segmentations.insert(profile, segmentations);
                }
                Compute::Boxes(_) if found.boxes.is_empty() => {
                    found.boxes = detections(truth, prediction)?;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Adds the clip's values to the samples of a metric. `first`: number of the clip's first frame that was measured.
    pub fn push_to(&self, samples: &mut MetricSamples, clip: &str, first: usize) {
        let compute = samples.id().compute();
        let mut push = |frame: Option<usize>, value: MaskValue| {
            samples.push_ratio(clip, frame, value.sum, value.count);
            if value.degenerate {
                samples.note_degenerate();
            }
        };
        match compute {
            Compute::Masks(profile, value) => {
                let found = self
                    .segmentations
                    .get(&profile)
                    .map_or(&[][..], Vec::as_slice);
                for (index, one) in found.iter().enumerate() {
                    push(profile.by_frame().then_some(first + index), value(one));
                }
            }
            Compute::Boxes(value) => {
                for (index, one) in self.boxes.iter().enumerate() {
                    push(Some(first + index), MaskValue::of(value(one)));
                }
            }
            _ => {}
        }
    }
}

/// Boxes of every frame; the truth's background is no object.
fn detections(
    truth: ArrayView3<'_, u8>,
    prediction: ArrayView3<'_, u8>,
) -> Result<Vec<Detection>, EvalError> {
    same_shape("masks", truth.shape(), prediction.shape())?;
    let labels = usize::from(u8::MAX) + 1;
    let frames = truth.outer_iter().zip(prediction.outer_iter());
    let of_frame = frames.map(|(truth, prediction)| {
        let truth = boxes_of(truth, labels).into_iter().skip(1);
        let truth: Vec<_> = truth.flatten().collect();
        let prediction: Vec<_> = boxes_of(prediction, labels).into_iter().flatten().collect();
        detect(&truth, &prediction)
    });
    Ok(of_frame.collect())
}
