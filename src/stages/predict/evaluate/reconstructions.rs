//! Frames rendered from their own slots against the truth: [`ReconstructionSamples`].

use ndarray::{Array4, ArrayView4, s};
use slotflow_datasets::VideoWindow;
use slotflow_eval::MetricId;
use slotflow_eval::metric::definition::FrameMetric;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::report::RECONSTRUCTION;

use super::frame_samples::{FrameSamples, FrameScores, values};
use super::inputs::repeated;
use super::rows::Rows;

/// Frames of a clip and what was rendered of their slots, `[time, height, width, rgb]` each.
pub(crate) struct Reconstructed<'a> {
    /// Where the clip lies in its video.
    pub(crate) window: &'a VideoWindow,
    pub(crate) truth: ArrayView4<'a, u8>,
    pub(crate) frames: ArrayView4<'a, u8>,
    /// The best that the decoder could render, where there is one.
    pub(crate) ceiling: Option<ArrayView4<'a, u8>>,
}

/// What one clip gives: reconstruction, floor, and ceiling where there is one.
pub(crate) struct ReconstructionScores {
    drawn: FrameScores,
    floor: FrameScores,
    ceiling: Option<FrameScores>,
}

/// Every metric of frames that runs measure, of reconstructions, their floor and their ceiling.
pub(crate) struct ReconstructionSamples {
    metrics: Vec<(MetricId, FrameMetric)>,
    drawn: FrameSamples,
    floor: FrameSamples,
    ceiling: Option<FrameSamples>,
}

impl ReconstructionSamples {
    /// Nothing yet.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = registry.frame_metrics_of_runs();
        Self {
            drawn: FrameSamples::new(&metrics, RECONSTRUCTION),
            floor: FrameSamples::new(&metrics, RECONSTRUCTION),
            ceiling: None,
            metrics,
        }
    }

    /// Every metric on a clip. The floor is one picture for all frames, `still`: `[1, height, width, rgb]`. Frames that the
    /// window before the clip has as well are not scored again.
    pub(crate) fn of_clip(
        &self,
        clip: &Reconstructed<'_>,
        still: ArrayView4<'_, u8>,
    ) -> ReconstructionScores {
        let VideoWindow { start, shared, .. } = *clip.window;
        let truth = clip.truth.slice(s![shared.., .., .., ..]);
        let whole = |frames: ArrayView4<'_, u8>| FrameScores {
            first: start + shared,
            metrics: values(&self.metrics, truth, frames),
            changed: Vec::new(),
        };
        let new = |frames: ArrayView4<'_, u8>| whole(frames.slice(s![shared.., .., .., ..]));
        ReconstructionScores {
            drawn: new(clip.frames),
            floor: whole(repeated(still, truth.dim().0).view()),
            ceiling: clip.ceiling.map(new),
        }
    }

    /// Adds what a clip of a video gave.
    pub(crate) fn push(&mut self, video: &str, found: ReconstructionScores) {
        self.drawn.push(video, found.drawn);
        self.floor.push(video, found.floor);
        if let Some(found) = found.ceiling {
            self.ceiling
                .get_or_insert_with(|| FrameSamples::new(&self.metrics, RECONSTRUCTION))
                .push(video, found);
        }
    }

    /// Adds one row a metric, each with `note`.
    pub(crate) fn add_to(&self, rows: &mut Rows, note: &str) {
        let ceiling = self.ceiling.as_ref();
        for (place, one) in self.drawn.metrics.iter().enumerate() {
            let ceiling = ceiling.map(|ceiling| &ceiling.metrics[place]);
            let row = rows.add(one, Some(&self.floor.metrics[place]), ceiling);
            row.add_note(note);
        }
    }
}

/// Every pixel's median over frames, as a clip of one frame.
///
/// # Shape
/// `[time, height, width, rgb]` → `[1, height, width, rgb]`
pub(crate) fn median(frames: ArrayView4<'_, u8>) -> Array4<u8> {
    let (time, height, width, rgb) = frames.dim();
    Array4::from_shape_fn((1, height, width, rgb), |(_, y, x, c)| {
        let mut seen: Vec<u8> = (0..time).map(|t| frames[[t, y, x, c]]).collect();
        let middle = seen.len() / 2;
        *seen.select_nth_unstable(middle).1
    })
}
