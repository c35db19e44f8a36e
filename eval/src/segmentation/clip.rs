//! All metrics of one pair of masks: what `pipeline eval` and every run measure masks by.

use std::collections::BTreeMap;

use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::boxes::{Detection, boxes_where, detect};
use super::overlap::{MaskPair, SegProfile, Segmentation, measure};
use crate::error::EvalError;
use crate::metric::MetricId;
use crate::metric::definition::{Compute, MaskValue};
use crate::tables::MetricSamples;

/// What metrics of masks are made from, for one clip.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MaskScores {
    /// One for the clip, or one a frame, as the profile says.
    segmentations: BTreeMap<SegProfile, Vec<Segmentation>>,
    /// One a frame.
    boxes: Vec<Detection>,
}

impl MaskScores {
    /// Measures what `metrics` need; those that look at something else need nothing.
    ///
    /// # Errors
    /// Masks of different size, or without a pixel that counts.
    pub fn measure(metrics: &[MetricId], pair: MaskPair<'_>) -> Result<Self, EvalError> {
        let mut found = Self::default();
        for id in metrics {
            match id.compute() {
                Compute::Masks(profile, _) if !found.segmentations.contains_key(&profile) => {
                    let segmentations = measure(profile, pair)?;
                    found.segmentations.insert(profile, segmentations);
                }
                Compute::Boxes(_) if found.boxes.is_empty() => {
                    found.boxes = detections(pair)?;
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
fn detections(pair: MaskPair<'_>) -> Result<Vec<Detection>, EvalError> {
    pair.check()?;
    let of_frame = |time| {
        let counts = |(row, column): (usize, usize)| {
            let void = pair.void.as_ref();
            void.is_none_or(|void| !void[[time, row, column]])
        };
        let [truth, prediction] = [pair.truth, pair.prediction].map(|labels| {
            let frame = labels.index_axis_move(Axis(0), time);
            boxes_where(frame, usize::from(u8::MAX) + 1, counts)
        });
        let truth: Vec<_> = truth.into_iter().skip(1).flatten().collect();
        let prediction: Vec<_> = prediction.into_iter().flatten().collect();
        detect(&truth, &prediction)
    };
    Ok((0..pair.truth.len_of(Axis(0))).map(of_frame).collect())
}
