//! `pipeline train`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Common, Failure, print};
use crate::flows;
use crate::plan::Plan;

/// `pipeline train PLAN`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// A training by name (vqvae-synth) or a TOML file
    plan: String,
    /// The training's folder: checkpoints, curve, pictures, weights [default: runs/PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Begin with so many seeds, compare them early on validation clips, and train the best to the end
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,
    #[command(flatten)]
    common: Common,
}

/// Trains, from the newest checkpoint in the folder on, and prints the weights files.
pub fn train(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let mut changes = args.common.all_changes();
    changes.extend(args.seeds.map(|count| format!("seeds.count={count}")));
    let plan = Plan::load(&args.plan, &changes)?;
    let Plan::Train(plan) = plan else {
        return Err(Failure::refused(
            format!("not a training: `{}`", args.plan),
            "`pipeline run` runs it; `pipeline show` lists the trainings",
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
    let options = args.common.options(plan.seed)?;
    let device = options.device.open()?;
    flows::train::check_readable(&plan, &options)?;
    let files = flows::train::train(&plan, &folder, &options, device)?;
    for file in files {
        print(&file.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
