//! `pipeline show`.

use std::process::ExitCode;

use clap::Args;

use super::{Failure, print};
use crate::plan::{self, Plan};

/// `pipeline show [PLAN]`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A plan by name or a TOML file; the built-in names if absent
    plan: Option<String>,
    /// Change one value of the plan: table.key=value
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    changes: Vec<String>,
}

/// Prints a plan with every value, or the names of the built-in ones.
pub fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    match &args.plan {
        None => print(&plan::names().join("\n"))?,
        Some(name) => print(Plan::load(name, &args.changes)?.to_toml()?.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
