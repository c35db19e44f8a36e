//! Pixels of rendered frames against the truth: every metric of frames that runs measure, and the squared error where
//! something changes.

use ndarray::{Array4, ArrayView4, Axis};
use rayon::prelude::*;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::metric::definition::FrameMetric;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::pixel::changed_error;
use slotflow_eval::report::IMAGINED;
use slotflow_eval::{EvalError, MetricId};

use super::frame_samples::{FrameSamples, FrameScores, values};
use super::inputs::{Evaluate, ImaginedFrames};
use super::reconstructions::{Reconstructed, ReconstructionSamples, ReconstructionScores, median};
use super::rows::{Rows, unfit};
use crate::artifacts::RunError;

/// What one clip gives.
pub(crate) struct ClipScores {
    /// The video that it is, or is a window of.
    video: ClipId,
    /// Of imagined frames: prediction, floor, ceiling.
    imagined: [FrameScores; 3],
    /// Of frames rendered from their own slots.
    reconstruction: ReconstructionScores,
}

/// Frames of a clip, `[time, height, width, rgb]` each.
pub(crate) struct ClipFrames {
    /// Where the clip lies in its video.
    pub(crate) window: VideoWindow,
    pub(crate) truth: Array4<u8>,
    pub(crate) prediction: Array4<u8>,
    pub(crate) reconstruction: Array4<u8>,
    /// The best drawing that the decoder has, where there is one.
    pub(crate) ceiling: Option<Array4<u8>>,
}

/// All metrics of all kinds of frames of a run, over its clips.
pub(crate) struct PixelSamples {
    metrics: Vec<(MetricId, FrameMetric)>,
    imagined: [FrameSamples; 3],
    reconstruction: ReconstructionSamples,
}

/// Measures every clip.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    registry: &Registry,
) -> Result<PixelSamples, RunError> {
    let mut all = PixelSamples::new(registry);
    let found: Vec<ClipScores> = clips
        .par_iter()
        .map(|clip| {
            let frames = ClipFrames {
                window: stage.clips.window(clip)?,
                truth: stage.clips.frames(clip)?,
                prediction: stage.frames.prediction(clip)?,
                reconstruction: stage.frames.reconstruction(clip)?,
                ceiling: stage.frames.ceiling(clip)?,
            };
            all.of_clip(&frames, stage.imagined.observed(clip)?, stage.config.change)
                .map_err(unfit)
        })
        .collect::<Result<_, RunError>>()?;
    for found in found {
        all.push(found);
    }
    Ok(all)
}

impl PixelSamples {
    /// Nothing yet, for the metrics that runs measure.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = registry.frame_metrics_of_runs();
        Self {
            imagined: [(); 3].map(|()| FrameSamples::new(&metrics, IMAGINED)),
            reconstruction: ReconstructionSamples::new(registry),
            metrics,
        }
    }

    /// Every metric on a clip, of which `observed` frames were observed. A pixel changes where a channel differs from
    /// the last observed frame by more than `change` of 255. Frames that the window before the clip has as well are not
    /// scored again.
    pub(crate) fn of_clip(
        &self,
        clip: &ClipFrames,
        observed: usize,
        change: u8,
    ) -> Result<ClipScores, EvalError> {
        let truth = clip.truth.view();
        let VideoWindow { start, shared, .. } = clip.window;
        let places = (observed, shared);
        let later = ImaginedFrames::new(truth, clip.prediction.view(), places);
        let drawn = ImaginedFrames::new(truth, clip.reconstruction.view(), places);
        let time = later.truth.dim().0;
        let imagined = |prediction: ArrayView4<'_, u8>| {
            Ok::<_, EvalError>(FrameScores {
                first: start + later.first,
                metrics: values(&self.metrics, later.truth.view(), prediction),
                changed: changed(&later, prediction, change)?,
            })
        };
        let reconstruction = Reconstructed {
            window: &clip.window,
            truth,
            frames: clip.reconstruction.view(),
            ceiling: clip.ceiling.as_ref().map(|frames| frames.view()),
        };
        let still = median(truth);
        Ok(ClipScores {
            video: clip.window.video.clone(),
            imagined: [
                imagined(later.prediction.view())?,
                imagined(later.copied().view())?,
                imagined(drawn.prediction.slice_axis(Axis(0), (..time).into()))?,
            ],
            reconstruction: self.reconstruction.of_clip(&reconstruction, still.view()),
        })
    }

    /// Adds a clip.
    pub(crate) fn push(&mut self, found: ClipScores) {
        let clip = found.video.as_str();
        for (samples, found) in self.imagined.iter_mut().zip(found.imagined) {
            samples.push(clip, found);
        }
        self.reconstruction.push(clip, found.reconstruction);
    }

    /// Adds one row a metric and kind of frames.
    pub(crate) fn add_to(&self, rows: &mut Rows) {
        let [samples, floor, ceiling] = &self.imagined;
        for (place, one) in samples.metrics.iter().enumerate() {
            rows.add(
                one,
                Some(&floor.metrics[place]),
                Some(&ceiling.metrics[place]),
            );
        }
        rows.add(
            &samples.changed,
            Some(&floor.changed),
            Some(&ceiling.changed),
        );
        self.reconstruction.add_to(rows, "");
    }
}

/// Sum of squared errors and count of the pixels that change, one a frame.
fn changed(
    later: &ImaginedFrames,
    prediction: ArrayView4<'_, u8>,
    change: u8,
) -> Result<Vec<(f64, f64)>, EvalError> {
    let threshold = f64::from(change) / 255.0;
    let last = later.last_observed.index_axis(Axis(0), 0);
    let frames = later.truth.outer_iter().zip(prediction.outer_iter());
    let errors = frames.map(|(truth, prediction)| {
        let error = changed_error(last, truth, prediction, threshold)?;
        Ok((error.sum, error.count as f64))
    });
    errors.collect()
}
