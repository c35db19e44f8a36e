//! `pipeline runs`: finished runs, when they were made, and their scores.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::flows::runs::{RunSummary, finished};

/// `pipeline runs`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline runs
  pipeline runs experiments --json")]
pub struct RunsArgs {
    /// Folder that is searched for runs
    #[arg(default_value = "runs", value_name = "DIR")]
    folder: PathBuf,
    /// Print JSON: one object a run
    #[arg(long)]
    json: bool,
}

/// Prints one line a finished run, the latest first.
pub fn runs(args: &RunsArgs) -> Result<ExitCode, Failure> {
    if !args.folder.is_dir() {
        return Err(Failure::refused(
            format!("no folder of runs: `{}`", args.folder.display()),
            "`pipeline run video-predict` makes the first one",
        ));
    }
    let found = finished(&args.folder)?;
    if args.json {
        let all: Vec<_> = found.iter().map(object).collect();
        print(&serde_json::Value::from(all).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = SystemTime::now();
    for run in &found {
        let scores: Vec<String> = run
            .scores
            .iter()
            .map(|(name, value)| format!("{name} {value:.3}"))
            .collect();
        print(&format!(
            "{:<32} {:<14} {:>9}   {}",
            run.folder.display().to_string(),
            run.flow,
            ago(now, run.finished),
            scores.join(" · ")
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn object(run: &RunSummary) -> serde_json::Value {
    let seconds = run.finished.duration_since(SystemTime::UNIX_EPOCH);
    let scores: serde_json::Map<String, serde_json::Value> = run
        .scores
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "folder": run.folder,
        "flow": run.flow,
        "finished": seconds.unwrap_or_default().as_secs(),
        "scores": scores,
    })
}

/// How long ago, in the largest unit that fits.
fn ago(now: SystemTime, then: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_told_in_the_largest_unit_that_fits() {
        let now = SystemTime::now();
        let told = |seconds| ago(now, now - Duration::from_secs(seconds));
        assert_eq!(
            [told(5), told(150), told(7300), told(200_000)],
            ["5 s ago", "2 min ago", "2 h ago", "2 d ago"]
        );
    }
}
