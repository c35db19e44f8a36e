//! A plan of any flow.

use super::clevrer_vqa::ClevrerVqaPlan;
use super::compose::ComposePlan;
use super::edit::benchmark::EditBenchmarkPlan;
use super::error::PlanError;
use super::physion_vqa::PhysionVqaPlan;
use super::segment::SegmentPlan;
use super::several::ablation::AblationPlan;
use super::several::speedrun::SpeedrunPlan;
use super::training::TrainPlan;
use super::video_predict::VideoPredictPlan;

/// A plan of any flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Decode, encode, roll out, render, answer, evaluate, report.
    VideoPredict(Box<VideoPredictPlan>),
    /// Decode, encode, answer, score, report.
    ClevrerVqa(Box<ClevrerVqaPlan>),
    /// Decode, encode, roll out, read out, score, report.
    PhysionVqa(Box<PhysionVqaPlan>),
    /// Decode, encode, segment, score, report.
    Segment(Box<SegmentPlan>),
    /// Decode, encode, compose, render, evaluate, report.
    Compose(Box<ComposePlan>),
    /// Decode, encode, edit, render, compare with the truth.
    EditBenchmark(Box<EditBenchmarkPlan>),
    /// Train one model.
    Train(Box<TrainPlan>),
    /// Train several, then predict with them.
    Speedrun(Box<SpeedrunPlan>),
    /// Train under several values of a setting, evaluate each, compare.
    Ablation(Box<AblationPlan>),
}

impl Plan {
    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        match self {
            Self::VideoPredict(plan) => plan.seed,
            Self::ClevrerVqa(plan) => plan.seed,
            Self::PhysionVqa(plan) => plan.seed,
            Self::Segment(plan) => plan.seed,
            Self::Compose(plan) => plan.seed,
            Self::EditBenchmark(plan) => plan.seed,
            Self::Train(plan) => plan.seed,
            Self::Speedrun(plan) => plan.seed,
            Self::Ablation(plan) => plan.seed,
        }
    }

    /// The plan as TOML, every value resolved.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        let text = match self {
            Self::VideoPredict(plan) => toml::to_string(plan),
            Self::ClevrerVqa(plan) => toml::to_string(plan),
            Self::PhysionVqa(plan) => toml::to_string(plan),
            Self::Segment(plan) => toml::to_string(plan),
            Self::Compose(plan) => toml::to_string(plan),
            Self::EditBenchmark(plan) => toml::to_string(plan),
            Self::Train(plan) => toml::to_string(plan),
            Self::Speedrun(plan) => toml::to_string(plan),
            Self::Ablation(plan) => toml::to_string(plan),
        };
        text.map_err(|error| PlanError::Parse {
            reason: error.to_string(),
            path: "plan".into(),
        })
    }
}
