//! Pixels of rendered frames against the truth: every metric of frames that runs measure, and the squared error where
//! something changes.

use ndarray::{Array4, ArrayView4, Axis, s};
use rayon::prelude::*;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::metric::definition::FrameMetric;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::pixel::mse::{MSE, MseProfile};
use slotflow_eval::pixel::{changed_error, frame_values};
use slotflow_eval::report::{IMAGINED, RECONSTRUCTION};
use slotflow_eval::{EvalError, MetricId, MetricSamples};

use super::inputs::{Evaluate, ImaginedFrames, repeated};
use super::rows::{Rows, unfit};
use crate::artifacts::RunError;

/// All metrics of one kind of frames.
struct FrameSamples {
    metrics: Vec<MetricSamples>,
    changed: MetricSamples,
}

/// What one clip gives to a [`FrameSamples`].
struct FrameScores {
    /// Number of the first frame in the video.
    first: usize,
    /// A list of values a metric, one a frame; a reason where it cannot be computed.
    metrics: Vec<Result<Vec<f64>, String>>,
    /// Sum of squared errors and count of the pixels that change, one a frame.
    changed: Vec<(f64, f64)>,
}

/// What one clip gives.
pub(crate) struct ClipScores {
    /// The video that it is, or is a window of.
    video: ClipId,
    /// Of imagined frames: prediction, floor, ceiling.
    imagined: [FrameScores; 3],
    /// Of frames drawn from their own slots: reconstruction, floor.
    reconstruction: [FrameScores; 2],
    /// Of the best drawing that the decoder has, where there is one.
    ceiling: Option<FrameScores>,
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
    reconstruction: [FrameSamples; 2],
    ceiling: Option<FrameSamples>,
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

impl FrameSamples {
    fn new(metrics: &[(MetricId, FrameMetric)], subset: &str) -> Self {
        let changed = MSE.id_at(MseProfile::Mean as usize);
        Self {
            metrics: metrics
                .iter()
                .map(|(id, _)| MetricSamples::new(*id, subset))
                .collect(),
            changed: MetricSamples::new(changed, &format!("{subset}-changed")),
        }
    }

    fn push(&mut self, clip: &str, found: FrameScores) {
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

impl PixelSamples {
    /// Nothing yet, for the metrics that runs measure.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = registry.frame_metrics_of_runs();
        Self {
            imagined: [(); 3].map(|()| FrameSamples::new(&metrics, IMAGINED)),
            reconstruction: [(); 2].map(|()| FrameSamples::new(&metrics, RECONSTRUCTION)),
            ceiling: None,
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
                metrics: self.values(later.truth.view(), prediction),
                changed: changed(&later, prediction, change)?,
            })
        };
        let new = |frames: &Array4<u8>| frames.slice(s![shared.., .., .., ..]).to_owned();
        let whole = |prediction: &Array4<u8>| FrameScores {
            first: start + shared,
            metrics: self.values(new(&clip.truth).view(), new(prediction).view()),
            changed: Vec::new(),
        };
        let still = repeated(median(truth).view(), truth.dim().0);
        Ok(ClipScores {
            video: clip.window.video.clone(),
            imagined: [
                imagined(later.prediction.view())?,
                imagined(later.copied().view())?,
                imagined(drawn.prediction.slice_axis(Axis(0), (..time).into()))?,
            ],
            reconstruction: [whole(&clip.reconstruction), whole(&still)],
            ceiling: clip.ceiling.as_ref().map(whole),
        })
    }

    /// A list of values a metric, one a frame; a reason where it cannot be computed.
    fn values(
        &self,
        truth: ArrayView4<'_, u8>,
        prediction: ArrayView4<'_, u8>,
    ) -> Vec<Result<Vec<f64>, String>> {
        let metrics = self.metrics.iter();
        let values = metrics.map(|(_, metric)| frame_values(*metric, truth, prediction));
        values
            .map(|values| values.map_err(|error| error.to_string()))
            .collect()
    }

    /// Adds a clip.
    pub(crate) fn push(&mut self, found: ClipScores) {
        let clip = found.video.as_str();
        for (samples, found) in self.imagined.iter_mut().zip(found.imagined) {
            samples.push(clip, found);
        }
        for (samples, found) in self.reconstruction.iter_mut().zip(found.reconstruction) {
            samples.push(clip, found);
        }
        if let Some(found) = found.ceiling {
            self.ceiling
                .get_or_insert_with(|| FrameSamples::new(&self.metrics, RECONSTRUCTION))
                .push(clip, found);
        }
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
        let [samples, floor] = &self.reconstruction;
        let ceiling = self.ceiling.as_ref();
        for (place, one) in samples.metrics.iter().enumerate() {
            let ceiling = ceiling.map(|ceiling| &ceiling.metrics[place]);
            rows.add(one, Some(&floor.metrics[place]), ceiling);
        }
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

/// Every pixel's median over a clip, as a clip of one frame.
fn median(frames: ArrayView4<'_, u8>) -> Array4<u8> {
    let (time, height, width, rgb) = frames.dim();
    Array4::from_shape_fn((1, height, width, rgb), |(_, y, x, c)| {
        let mut seen: Vec<u8> = (0..time).map(|t| frames[[t, y, x, c]]).collect();
        let middle = seen.len() / 2;
        *seen.select_nth_unstable(middle).1
    })
}
