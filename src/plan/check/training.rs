//! What a training cannot be.

use slotflow_datasets::Dataset;
use slotflow_datasets::source::ColourOrder;

use super::refusal::{generated_root, value};
use crate::plan::training::{ObjectivePlan, TrainData};
use crate::plan::{PlanError, TrainPlan};
use crate::train::FitConfig;

pub(super) fn training(plan: &TrainPlan) -> Result<(), PlanError> {
    if let Some(seeds) = &plan.seeds {
        if !(1..=100).contains(&seeds.count) {
            return value(
                "seeds.count",
                format!("is {}; it must be 1 to 100", seeds.count),
            );
        }
        if seeds
            .compare_at
            .is_some_and(|at| at == 0 || at > plan.fit.steps)
        {
            return value("seeds.compare-at", "must be 1 to `fit.steps`");
        }
    }
    fitting(&plan.fit)?;
    plan.objective.table().check(&plan.data)?;
    if plan.data.clips == Some(0) || plan.data.held_out == 0 {
        return value("data.clips", "and `data.held-out` must be at least 1");
    }
    if plan.data.root.is_some() && plan.data.dataset.generator().is_ok() {
        return value("data.root", generated_root(plan.data.dataset));
    }
    data(&plan.data)?;
    let from_frames = match &plan.objective {
        ObjectivePlan::Steve(steve) => steve.encoder.is_none(),
        ObjectivePlan::VqVae(_)
        | ObjectivePlan::AutoencoderKl(_)
        | ObjectivePlan::Dvae(_)
        | ObjectivePlan::Slots(_)
        | ObjectivePlan::SlotDiffusion(_) => true,
        _ => false,
    };
    if plan.data.flip > 0.0 && !from_frames {
        return value(
            "data.flip",
            "mirrors frames, and this objective learns on slots of frames as they are; set it to 0",
        );
    }
    Ok(())
}

fn data(data: &TrainData) -> Result<(), PlanError> {
    if data.stride == 0 {
        return value("data.stride", "is 0; the least is 1");
    }
    if data.frames == 0 {
        return value("data.frames", "is 0; the least is 1");
    }
    if !(0.0..=1.0).contains(&data.flip) {
        return value("data.flip", "is a probability, 0 to 1");
    }
    if data.fps.is_some_and(|fps| !(fps.is_finite() && fps > 0.0)) {
        return value("data.fps", "must be above 0");
    }
    if data.colours != ColourOrder::Rgb && data.dataset != Dataset::Clevrer {
        return value("data.colours", "is of the data set `clevrer` alone");
    }
    Ok(())
}

fn fitting(fit: &FitConfig) -> Result<(), PlanError> {
    if fit.steps == 0 {
        return value("fit.steps", "is 0; there is nothing to learn");
    }
    for (key, every) in [
        ("fit.log-every", fit.log_every),
        ("fit.save-every", fit.save_every),
        ("fit.validate-every", fit.validate_every),
        ("fit.accumulate", fit.accumulate as u64),
        ("fit.keep", fit.keep as u64),
    ] {
        if every == 0 {
            return value(key, "is 0; the least is 1");
        }
    }
    let rate = fit.schedule.rate;
    if !(rate.is_finite() && rate > 0.0) {
        return value("fit.schedule.rate", "must be above 0");
    }
    if !(0.0..1.0).contains(&fit.schedule.warmup) {
        return value("fit.schedule.warmup", "must be at least 0 and below 1");
    }
    if fit
        .clip
        .is_some_and(|clip| !(clip.is_finite() && clip > 0.0))
    {
        return value("fit.clip", "must be above 0; leave it out to clip nothing");
    }
    if !(fit.spike == 0.0 || fit.spike > 1.0) {
        return value("fit.spike", "must be above 1, or 0 for none");
    }
    Ok(())
}
