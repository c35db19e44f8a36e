//! `pipeline show`: built-in plans, and a plan with every key.

use std::process::ExitCode;

use clap::Args;

use super::messages::failure::Failure;
use super::messages::output::print;
use crate::plan::{self, Plan};

/// `pipeline show [PLAN]`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline show
  pipeline show video-predict --set rollout.burn-in=8 > mine.toml
  pipeline show train/slots-synth")]
pub struct ShowArgs {
    /// Built-in plan or TOML file; without one, the names of the built-in plans are printed
    plan: Option<String>,
    /// Change one value of the plan; may be given several times
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    changes: Vec<String>,
}

/// Prints a plan with every key, or the names of the built-in plans.
pub fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    match &args.plan {
        None => print(&plan::names().join("\n"))?,
        Some(name) => print(Plan::load(name, &args.changes)?.to_toml()?.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
