//! Train one model: what was trained before, clips, objective, loop, weights files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;

use crate::artifacts::Options;
use crate::artifacts::lock::FolderLock;
use crate::flows::fits;
use crate::flows::video_predict::FlowError;
use crate::plan::training::{ObjectivePlan, TrainPlan};
use crate::train::TrainError;
use crate::train::data::imported_slots::holds_slots;
use crate::train::data::source::TrainingSource;
use crate::train::fit::ranks::RanksError;
use crate::train::fit::ranks::group::{Ranks, check_parts};
use crate::weights::WeightsError;

mod aloe;
mod auto_encoders;
mod diffusion;
mod motion;
mod object_event_head;
mod readout;
mod run;
mod seeds;
mod slotformer;
mod slots;
mod steve;

pub use run::LeftOut;
use run::{Execution, TrainingRun};

/// What a training leaves.
#[derive(Debug)]
pub struct Trained {
    /// Its weights files.
    pub files: Vec<PathBuf>,
    /// Clips that could not be read, by name, with the reason.
    pub left_out: LeftOut,
}

/// Trains the model of a plan in `folder`, from its newest checkpoint on, together with the other `ranks`.
///
/// # Errors
/// What stopped the training.
pub fn train(
    plan: &TrainPlan,
    folder: &Path,
    options: &Options,
    device: Device,
    ranks: &dyn Ranks,
) -> Result<Trained, TrainError> {
    let size = ranks.size();
    if plan.seeds.is_some() && size > 1 {
        return Err(RanksError::Seeds { size }.into());
    }
    let left_out = Arc::default();
    let execution = Execution {
        options,
        device,
        until: None,
        left_out: Arc::clone(&left_out),
        ranks,
    };
    let files = match &plan.seeds {
        Some(several) => seeds::train(plan, several, folder, &execution, train_one_seed),
        None => train_one_seed(plan, folder, execution),
    }?;
    let left_out = left_out.lock().map(|all| all.clone()).unwrap_or_default();
    Ok(Trained { files, left_out })
}

fn train_one_seed(
    plan: &TrainPlan,
    folder: &Path,
    execution: Execution<'_>,
) -> Result<Vec<PathBuf>, TrainError> {
    let ranks = execution.ranks;
    check_parts(ranks, plan.fit.accumulate.max(1) as u64)?;
    let _lock = if ranks.is_first() {
        Some(FolderLock::take(folder)?)
    } else {
        // Rank 0 prepares the data first, and then comes to its training.
        ranks.wait();
        None
    };
    let mut run = TrainingRun::new(plan, folder, execution);
    let files = match &plan.objective {
        ObjectivePlan::VqVae(plan) => run.vqvae(plan),
        ObjectivePlan::AutoencoderKl(plan) => run.autoencoder_kl(plan),
        ObjectivePlan::Slots(plan) => run.slots(plan),
        ObjectivePlan::Diffusion(plan) => run.diffusion(plan),
        ObjectivePlan::Dvae(plan) => run.dvae(plan),
        ObjectivePlan::Steve(plan) => run.steve(plan),
        ObjectivePlan::SlotDiffusion(plan) => run.slotdiffusion(plan),
        ObjectivePlan::SlotFormer(plan) => run.slotformer(plan),
        ObjectivePlan::Aloe(plan) => run.aloe(plan),
        ObjectivePlan::Readout(plan) => run.readout(plan),
        ObjectivePlan::ObjectEventHead(plan) => run.object_event_head(plan),
        ObjectivePlan::Motion(plan) => run.motion(plan),
    }?;
    // The files are there when any rank says so.
    ranks.wait();
    Ok(files)
}

/// Refuses, before any work, weights files to start from that are absent or do not fit.
///
/// # Errors
/// Names the file, or the key of what does not fit.
pub fn check_weights(plan: &TrainPlan) -> Result<(), FlowError> {
    Ok(fits::training(plan)?)
}

/// Refuses, before any work, data that cannot be read or that lacks what the objective reads.
///
/// # Errors
/// Names the data set, or the folder without slots.
pub fn check_readable(plan: &TrainPlan, options: &Options) -> Result<(), TrainError> {
    let objective = plan.objective.table();
    match objective
        .imported_slots()
        .map(|folder| folder.join("train"))
    {
        Some(folder) if !holds_slots(&folder) => Err(WeightsError::NoSlots { path: folder }.into()),
        Some(_) => Ok(()),
        None => TrainingSource {
            data: &plan.data,
            cache: &options.cache,
        }
        .check(objective.needs()),
    }
}
