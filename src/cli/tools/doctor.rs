//! `pipeline doctor`: is a copy of a data set whole?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use slotflow_datasets::doctor::Doctor;
use slotflow_datasets::{DataError, Dataset, SourceConfig};

use crate::artifacts::RunError;
use crate::artifacts::interrupt;
use crate::artifacts::progress::Progress;
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;

/// Exit code: examined, and something is wrong.
const NOT_WHOLE: u8 = 3;

/// `pipeline doctor DATASET`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline doctor clevrer --root data/CLEVRER
  pipeline doctor clevrer --root data/CLEVRER --clips 100 --json > report.json
  pipeline doctor videos --videos clip.mp4 more/

Exit codes: 0 whole, 2 nothing could be opened, 3 something is wrong")]
pub struct DoctorArgs {
    /// Data set that lies on disk, or `videos` for your own
    #[arg(value_name = "DATASET")]
    dataset: String,
    /// Folder of the data set
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Your own video files, or folders of videos or of numbered frames
    #[arg(long, num_args = 1.., value_name = "FILE")]
    videos: Vec<PathBuf>,
    /// Clips of a split that are examined, evenly spread [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    clips: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Reads every clip of every split once and prints what is there and what is wrong. Writes nothing.
pub fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let refused = |error: DataError| Failure::refused(error.to_string(), error.hint());
    let dataset: Dataset = args.dataset.parse().map_err(refused)?;
    let config = SourceConfig {
        root: args.root.clone(),
        videos: args.videos.clone(),
        ..SourceConfig::default()
    };
    let mut doctor = Doctor::open(dataset, &config).map_err(refused)?;
    if let Some(clips) = args.clips {
        doctor = doctor.limited_to(clips as usize);
    }
    let progress = Progress::new("doctor", doctor.clips(), args.quiet);
    let report = doctor.examine(|| {
        progress.advance();
        !interrupt::pressed()
    });
    drop(progress);
    let report = report.ok_or(RunError::Interrupted)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| {
            Failure::failed(format!("cannot write JSON: {error}"), "leave out `--json`")
        })?
    } else {
        report.table()
    };
    print(&text)?;
    Ok(if report.whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_WHOLE)
    })
}
