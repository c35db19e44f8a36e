//! What an edit needs of the plan of a finished run: [`EditablePlan`].

use crate::plan::Plan;
use crate::plan::video_predict::{
    AnswerConfig, DecodeConfig, EncodeConfig, RenderConfig, RolloutConfig, VideoFormat,
};

/// What an edit needs of the plan of a finished run: one that rendered slots, with or without a roll-out.
#[derive(Debug, Clone, PartialEq)]
pub struct EditablePlan {
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// Observed slots → predicted slots; none where nothing was predicted.
    pub rollout: Option<RolloutConfig>,
    /// Slots → frames.
    pub render: RenderConfig,
    /// Questions, where some were asked.
    pub answer: Option<AnswerConfig>,
    /// The kind of video file.
    pub format: VideoFormat,
    /// Times that a picture is enlarged.
    pub scale: usize,
}

impl EditablePlan {
    /// That of a prediction, or of a segmentation that rendered its slots; none of other plans.
    pub fn of(plan: Plan) -> Option<Self> {
        match plan {
            Plan::VideoPredict(plan) => Some(Self {
                seed: plan.seed,
                decode: plan.decode,
                encode: plan.encode,
                rollout: Some(plan.rollout),
                render: plan.render,
                answer: plan.answer,
                format: plan.report.format,
                scale: plan.report.scale,
            }),
            Plan::Segment(plan) => Some(Self {
                seed: plan.seed,
                encode: plan.encoding(),
                decode: plan.decode,
                rollout: None,
                render: plan.render?,
                answer: None,
                format: plan.report.format,
                scale: plan.report.scale,
            }),
            _ => None,
        }
    }
}
