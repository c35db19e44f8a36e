//! `pipeline compare`: finished runs → one page.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use slotflow_eval::ScoreTable;

use super::messages::failure::Failure;
use super::messages::output::print;
use super::messages::scores::{print_json, say_key_figures};
use crate::flows;

/// `pipeline compare RUN…`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pipeline compare runs/savi runs/steve runs/slotdiffusion --out runs/three")]
pub struct CompareArgs {
    /// Run folders; differences are taken from the first
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Folder of the page and its tables
    #[arg(long, default_value = "runs/compare", value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object with all scores in place of the page's path
    #[arg(long)]
    json: bool,
}

/// Writes one page over several runs and prints its path.
pub fn compare(args: &CompareArgs) -> Result<ExitCode, Failure> {
    for run in &args.runs {
        if !run.join("plan.toml").is_file() || !run.join("scores.csv").is_file() {
            return Err(Failure::refused(
                format!(
                    "not a run folder (no `plan.toml` and `scores.csv`): `{}`",
                    run.display()
                ),
                "`pipeline run video-predict --out DIR` makes one",
            ));
        }
    }
    let page = flows::compare::compare(&args.runs, &args.out)?;
    let table = ScoreTable::load(&page.with_file_name("scores.csv"))
        .map_err(|error| Failure::failed(error.to_string(), "check the folder"))?;
    say_key_figures(&table);
    if args.json {
        print_json(&page, &table, [])?;
    } else {
        print(&page.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
