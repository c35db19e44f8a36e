//! `pipeline train`: a training plan → weights files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::common::{Common, DataArgs, SOME_FAILED};
use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::progress::say;
use crate::artifacts::sharding::environment::place_of;
use crate::artifacts::{Options, healed};
use crate::flows;
use crate::flows::train::Trained;
use crate::plan::Plan;
use crate::plan::training::TrainPlan;
use crate::train::TrainError;
use crate::train::fit::ranks::group::Ranks;
use crate::train::fit::ranks::launcher::joined;

/// `pipeline train PLAN`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline train vqvae-synth
  pipeline train slots-synth --set fit.steps=500 --set data.clips=200 --out runs/small
  pipeline train slots-synth --seeds 3
  pipeline train slots-synth --videos my-videos/
  pipeline train savi-movi-e --root data/MOVi

The same command resumes an interrupted training from its newest checkpoint.")]
pub struct TrainArgs {
    /// Built-in training plan (`pipeline show` lists them under train/) or a TOML file
    plan: String,
    /// Folder of checkpoints, log, pictures and weights [default: runs/PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Begin with so many seeds, compare them early on validation clips, and continue the best
    #[arg(long, value_name = "COUNT")]
    seeds: Option<usize>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    common: Common,
}

/// Trains from the newest checkpoint in the folder on, and prints the paths of the weights files.
pub fn train(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let mut changes = args.data.changes("data");
    changes.extend(args.common.all_changes());
    changes.extend(args.seeds.map(|count| format!("seeds.count={count}")));
    let plan = Plan::load(&args.plan, &changes)?;
    let Plan::Train(plan) = plan else {
        return Err(Failure::refused(
            format!("this plan trains no model: `{}`", args.plan),
            format!(
                "`pipeline run {}` runs it; `pipeline show` lists the training plans",
                args.plan
            ),
        ));
    };
    let name = args
        .plan
        .rsplit('/')
        .next()
        .unwrap_or(&args.plan)
        .trim_end_matches(".toml");
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(name));
    let mut options = args.common.options(plan.seed)?;
    let ranks = joined(|name| std::env::var(name).ok()).map_err(TrainError::from)?;
    options.quiet |= !ranks.is_first();
    if ranks.size() > 1 {
        options.device = options
            .device
            .of_place(place_of(|name| std::env::var(name).ok()));
    }
    let trained = trained(&plan, &folder, &options, &*ranks);
    if let Err(failure) = &trained
        && ranks.size() > 1
    {
        // The others wait for this one, and are not to wait for ever.
        let rank = format!("rank {} of {}", ranks.rank(), ranks.size());
        say(&format!(
            "error: {rank}: {}\n\nhint: {}",
            failure.message, failure.hint
        ));
        ranks.abort(failure.code);
    }
    let trained = trained?;
    if ranks.is_first() {
        for file in trained.files {
            print(&file.display().to_string())?;
        }
    }
    Ok(if trained.left_out.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_FAILED)
    })
}

fn trained(
    plan: &TrainPlan,
    folder: &Path,
    options: &Options,
    ranks: &dyn Ranks,
) -> Result<Trained, Failure> {
    let device = options.device.open()?;
    flows::train::check_weights(plan)?;
    flows::train::check_readable(plan, options)?;
    Ok(healed(&options.cache, || {
        flows::train::train(plan, folder, options, device.clone(), ranks)
    })?)
}
