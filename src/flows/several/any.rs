//! A plan of any flow that is a run.

use std::path::Path;

use super::ablation::ablation;
use super::speedrun::speedrun;
use crate::artifacts::{Options, RunError};
use crate::flows::clevrer_vqa::clevrer_vqa;
use crate::flows::compose::compose;
use crate::flows::edit_benchmark::edit_benchmark;
use crate::flows::physion_vqa::physion_vqa;
use crate::flows::segment::segment;
use crate::flows::video_predict::{FlowError, Outcome, video_predict};
use crate::plan::Plan;

/// Runs a plan and writes its folder.
///
/// # Errors
/// What stopped it; a fault of ours where the plan trains one model and is no run.
pub fn run_plan(plan: &Plan, out: &Path, options: Options) -> Result<Outcome, FlowError> {
    match plan {
        Plan::VideoPredict(plan) => video_predict(plan, out, options),
        Plan::ClevrerVqa(plan) => clevrer_vqa(plan, out, options),
        Plan::PhysionVqa(plan) => physion_vqa(plan, out, options),
        Plan::Segment(plan) => segment(plan, out, options),
        Plan::Compose(plan) => compose(plan, out, options),
        Plan::EditBenchmark(plan) => edit_benchmark(plan, out, options),
        Plan::Speedrun(plan) => speedrun(plan, out, &options),
        Plan::Ablation(plan) => ablation(plan, out, &options),
        Plan::Train(_) => Err(RunError::Internal {
            reason: "a training is not a run".to_owned(),
        }
        .into()),
    }
}
