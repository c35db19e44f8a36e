//! Metrics of one kind of frames over clips: [`FrameSamples`].

use ndarray::ArrayView4;
use slotflow_eval::metric::definition::FrameMetric;
use slotflow_eval::pixel::frame_values;
use slotflow_eval::pixel::mse::{MSE, MseProfile};
use slotflow_eval::{MetricId, MetricSamples};

/// Metrics of frames.
pub(super) type FrameMetrics = [(MetricId, FrameMetric)];

/// All metrics of one kind of frames.
pub(super) struct FrameSamples {
    pub(super) metrics: Vec<MetricSamples>,
    pub(super) changed: MetricSamples,
}

/// What one clip gives to a [`FrameSamples`].
pub(super) struct FrameScores {
    /// Number of the first frame in the video.
    pub(super) first: usize,
    /// A list of values a metric, one a frame; a reason where it cannot be computed.
    pub(super) metrics: Vec<Result<Vec<f64>, String>>,
    /// Sum of squared errors and count of the pixels that change, one a frame.
    pub(super) changed: Vec<(f64, f64)>,
}

impl FrameSamples {
    pub(super) fn new(metrics: &FrameMetrics, subset: &str) -> Self {
        let changed = MSE.id_at(MseProfile::Mean as usize);
        Self {
            metrics: metrics
                .iter()
                .map(|(id, _)| MetricSamples::new(*id, subset))
                .collect(),
            changed: MetricSamples::new(changed, &format!("{subset}-changed")),
        }
    }

    pub(super) fn push(&mut self, clip: &str, found: FrameScores) {
        for (samples, values) in self.metrics.iter_mut().zip(found.metrics) {
            match values {
                Ok(values) => samples.push_frames(clip, found.first, values),
                Err(reason) => samples.leave_out(clip, &reason),
            }
        }
        for (frame, (sum, count)) in found.changed.into_iter().enumerate() {
            self.changed
                .push_ratio(clip, Some(found.first + frame), sum, count);
        }
    }
}

/// A list of values a metric, one a frame; a reason where it cannot be computed.
pub(super) fn values(
    metrics: &FrameMetrics,
    truth: ArrayView4<'_, u8>,
    frames: ArrayView4<'_, u8>,
) -> Vec<Result<Vec<f64>, String>> {
    let values = metrics
        .iter()
        .map(|(_, metric)| frame_values(*metric, truth, frames));
    values
        .map(|values| values.map_err(|error| error.to_string()))
        .collect()
}
