//! What is evaluated: [`Evaluate`], and the frames that scores of imagined clips compare.

use std::path::Path;

use ndarray::{Array4, ArrayView4, s};
use slotflow_datasets::{ClipId, VideoWindow};

use crate::artifacts::{RunError, Slots};
use crate::metrics::pretrained::Entry;
use crate::plan::video_predict::EvaluateConfig;
use crate::stages::Loaded;
use crate::stages::clevrer::answers::Answers;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::frames::Frames;
use crate::weights::pretrained::Network;

/// Scores what a run made.
pub struct Evaluate<'a> {
    /// `[evaluate]` of the plan.
    pub config: &'a EvaluateConfig,
    /// The network behind `fvd-motion`, where there is one.
    pub motion: Option<&'a Loaded>,
    /// Folder of downloaded weights and cached features.
    pub cache: &'a Path,
    /// The downloaded weights that are there.
    pub pretrained: &'a [(Network, Entry)],
    /// True frames and masks.
    pub clips: &'a Clips,
    /// Slots of observed frames, with their masks.
    pub seen: &'a Slots,
    /// Rendered frames.
    pub frames: &'a Frames,
    /// Answers to questions about the clips.
    pub answers: Option<&'a Answers>,
    /// Slots of the observed frames and those rolled out behind them.
    pub imagined: &'a Slots,
    /// Slots of a frame.
    pub slots: usize,
    /// Hash of the models under test.
    pub checkpoint: String,
}

/// Frames of a clip after the burn-in that no window before it has scored, `[time, height, width, rgb]` each.
pub(crate) struct ImaginedFrames {
    /// Number of the first of them in the clip.
    pub(crate) first: usize,
    /// The last observed frame, `[1, height, width, rgb]`.
    pub(crate) last_observed: Array4<u8>,
    /// True frames.
    pub(crate) truth: Array4<u8>,
    /// Predicted frames.
    pub(crate) prediction: Array4<u8>,
}

impl ImaginedFrames {
    /// The frames that truth and prediction both have, behind the `observed` ones, of which there is at least one, and
    /// behind the `shared` ones, which the window before the clip has as well.
    pub(crate) fn new(
        truth: ArrayView4<'_, u8>,
        prediction: ArrayView4<'_, u8>,
        (observed, shared): (usize, usize),
    ) -> Self {
        let time = truth.dim().0.min(prediction.dim().0);
        let first = observed.max(shared.min(time));
        let last = observed - 1..observed;
        Self {
            first,
            last_observed: truth.slice(s![last, .., .., ..]).to_owned(),
            truth: truth.slice(s![first..time, .., .., ..]).to_owned(),
            prediction: prediction.slice(s![first..time, .., .., ..]).to_owned(),
        }
    }

    /// The last observed frame in the place of each frame: the floor.
    pub(crate) fn copied(&self) -> Array4<u8> {
        repeated(self.last_observed.view(), self.truth.dim().0)
    }
}

impl Evaluate<'_> {
    /// Frames of a clip after the burn-in that are scored, and where the clip lies in its video.
    pub(crate) fn imagined_frames(
        &self,
        clip: &ClipId,
    ) -> Result<(ImaginedFrames, VideoWindow), RunError> {
        let (truth, prediction) = (self.clips.frames(clip)?, self.frames.prediction(clip)?);
        let window = self.clips.window(clip)?;
        let observed = self.imagined.observed(clip)?;
        let (truth, prediction) = (truth.view(), prediction.view());
        let frames = ImaginedFrames::new(truth, prediction, (observed, window.shared));
        Ok((frames, window))
    }
}

/// One frame `[1, height, width, rgb]`, `times` times.
pub(crate) fn repeated(frame: ArrayView4<'_, u8>, times: usize) -> Array4<u8> {
    let (_, height, width, rgb) = frame.dim();
    Array4::from_shape_fn((times, height, width, rgb), |(_, y, x, c)| {
        frame[[0, y, x, c]]
    })
}
