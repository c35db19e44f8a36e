//! `pipeline merge`: shards → what one command would have made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::common::{Machine, SOME_FAILED};
use super::messages::failure::Failure;
use super::messages::output::print;
use super::run::execute::{dry, one, tell};
use super::{eval, generate};
use crate::artifacts::run_folder::{FolderKind, RunFolder, WantedFolder};
use crate::artifacts::sharding::MergeError;
use crate::artifacts::sharding::record::Work;
use crate::artifacts::sharding::set::ShardSet;
use crate::artifacts::sharding::whole::{check_is_of, put_into};
use crate::plan::Plan;

/// `pipeline merge DIR… --out DIR`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline run clevrer --root DIR --out runs/parts --shard 1/2
  pipeline run clevrer --root DIR --out runs/parts --shard 2/2
  pipeline merge runs/parts --out runs/clevrer")]
pub struct MergeArgs {
    /// Folders of shards, or folders that they lie in
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// Folder of the whole
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the finished run of other settings that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Print one JSON object with the scores in place of the report's path
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: Machine,
}

/// Puts all shards of a work together and prints the path of the whole.
pub fn merge(args: &MergeArgs) -> Result<ExitCode, Failure> {
    let shards = ShardSet::open(&args.shards)?;
    match shards.first().work {
        Work::Run => run(args, &shards),
        work @ Work::Eval => {
            let out = args.out.as_ref().ok_or(MergeError::NoOut { work })?;
            eval::merge(&shards, out, &args.machine, args.json)
        }
        work @ Work::Generate => {
            let out = args.out.as_ref().ok_or(MergeError::NoOut { work })?;
            generate::merge(&shards, out)?;
            print(&out.display().to_string())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs the plan of the shards, all of whose per-clip stages are there.
fn run(args: &MergeArgs, shards: &ShardSet) -> Result<ExitCode, Failure> {
    let record = shards.first();
    let plan = Plan::parse(&record.settings, &shards.shards()[0].folder, &[])?;
    let mut options = args.machine.options(plan.seed())?;
    options.until.clone_from(&record.until);
    let folder = match (&args.out, &record.until) {
        (_, Some(_)) => None,
        (Some(out), None) => Some(out.as_path()),
        (None, None) => return Err(MergeError::NoOut { work: record.work }.into()),
    };
    let nowhere = Path::new("");
    check_is_of(
        shards,
        &dry(&plan, folder.unwrap_or(nowhere), options.clone())?,
    )?;
    let folder = folder.map(|path| claimed(args, &plan, path)).transpose()?;
    put_into(shards, &options.cache)?;
    let out = folder.as_ref().map_or(nowhere, RunFolder::path);
    let Some(outcome) = one(&plan, out, &options)? else {
        return Ok(ended(!record_failures(shards).is_empty()));
    };
    if let Some(report) = &outcome.report {
        tell(report, &outcome, options.quiet, args.json)?;
    }
    Ok(ended(!outcome.failures.is_empty()))
}

/// Clips that no shard could do.
fn record_failures(shards: &ShardSet) -> Vec<String> {
    let all = shards.shards().iter();
    all.flat_map(|found| found.record.failures().into_keys())
        .collect()
}

fn claimed(args: &MergeArgs, plan: &Plan, path: &Path) -> Result<RunFolder, Failure> {
    let folder = RunFolder::claim(&WantedFolder {
        kind: FolderKind::Run,
        path,
        is_named: true,
        overwrite: args.overwrite,
        plan: &plan.to_toml()?,
    });
    Ok(folder?)
}

fn ended(some_failed: bool) -> ExitCode {
    if some_failed {
        ExitCode::from(SOME_FAILED)
    } else {
        ExitCode::SUCCESS
    }
}
