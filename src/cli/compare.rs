//! `pipeline compare`: finished runs → one page.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::messages::failure::Failure;
use super::messages::output::print;
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
    print(&page.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
