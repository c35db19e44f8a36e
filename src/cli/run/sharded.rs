//! `pipeline run PLAN --shard I/N`: the stages of single clips, on a share of the clips.

use std::path::{Path, PathBuf};

use super::execute::{check_has, dry};
use crate::artifacts::progress::say;
use crate::artifacts::sharding::record::{ShardOf, ShardRecord, Work};
use crate::artifacts::sharding::shard::Shard;
use crate::artifacts::{Options, RunError, RunShard, healed};
use crate::cli::common::shard::claim;
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::flows::several::any::run_plan;
use crate::flows::video_predict::FlowError;
use crate::plan::Plan;

/// A shard of a run as it is asked for.
pub(super) struct WantedShard<'a> {
    /// The plan.
    pub(super) plan: &'a Plan,
    /// Which share.
    pub(super) shard: Shard,
    /// The folder that the shards' folders lie in.
    pub(super) base: &'a Path,
    /// Whether a finished shard of other settings is to be replaced.
    pub(super) overwrite: bool,
    /// How it is done.
    pub(super) options: Options,
}

impl WantedShard<'_> {
    /// Does the share and prints its folder; whether clips were left out.
    pub(super) fn work(self) -> Result<bool, Failure> {
        check_splits(self.plan)?;
        if let Some(stage) = &self.options.until {
            check_has(stage, &dry(self.plan, self.base, self.options.clone())?)?;
        }
        let asked = ShardOf {
            shard: self.shard,
            work: Work::Run,
            settings: self.plan.to_toml()?,
            until: self.options.until.clone(),
        };
        let folder = claim(self.base, &asked, self.overwrite)?;
        let options = Options {
            shard: Some(RunShard {
                asked,
                folder: folder.path().to_owned(),
            }),
            ..self.options
        };
        let ended = healed(folder.path(), || {
            run_plan(self.plan, folder.path(), options.clone())
        });
        match ended {
            Err(FlowError::Run(RunError::Share { .. })) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(Failure::internal("a shard went on behind its share")),
        }
        told(folder.path(), options.quiet)
    }
}

/// Says what was done, and prints the shard's folder; whether clips were left out.
fn told(folder: &Path, is_quiet: bool) -> Result<bool, Failure> {
    let record = ShardRecord::read(folder)?;
    let (shard, first) = (record.shard, record.stages.first());
    if let Some(stage) = first.filter(|_| !is_quiet) {
        let (own, all) = (stage.clips.len(), stage.total);
        say(&match own {
            0 => format!("shard {shard} is empty: there are only {all} clips"),
            own => format!("shard {shard}: {own} of {all} clips"),
        });
    }
    let failures = record.failures();
    for (clip, why) in &failures {
        say(&format!("warning: left out {clip}: {why}"));
    }
    print(&folder.display().to_string())?;
    Ok(!failures.is_empty())
}

/// The folder that shards of a plan lie in where nobody names one.
pub(super) fn default_base(plan: &str) -> PathBuf {
    PathBuf::from("runs").join(format!("{plan}-shards"))
}

/// Refuses plans whose work is not done clip by clip.
fn check_splits(plan: &Plan) -> Result<(), Failure> {
    let (flow, why) = match plan {
        Plan::VideoPredict(_) | Plan::ClevrerVqa(_) | Plan::PhysionVqa(_) | Plan::Segment(_) => {
            return Ok(());
        }
        Plan::Compose(_) => ("compose", "its scenes are of slots of several clips"),
        Plan::EditBenchmark(_) => (
            "edit-benchmark",
            "its edits take objects from the other clips",
        ),
        Plan::Speedrun(_) => ("speedrun", "most of it is training"),
        Plan::Ablation(_) => ("ablation", "most of it is training"),
        Plan::Train(_) => ("train", "a training is one work"),
    };
    Err(Failure::refused(
        format!("a run of the flow `{flow}` has no shards: {why}"),
        "leave out `--shard`; flows with shards are video-predict, segment, clevrer-vqa and physion-vqa",
    ))
}
