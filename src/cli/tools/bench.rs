//! `pipeline bench`: times of layers and networks.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::artifacts::files::{make_dir, write_table};
use crate::artifacts::progress::say;
use crate::bench::{BenchError, Effort, cases, chosen};
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::device::DeviceChoice;

/// `pipeline bench [CASE…]`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline bench --list
  pipeline bench layers networks/i3d --repeats 20 --out times.csv")]
pub struct BenchArgs {
    /// Cases or groups of cases, such as networks/i3d or layers; all if none is named
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Print the names of all cases and measure nothing
    #[arg(long)]
    list: bool,
    /// Repetitions before the measured ones
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    warm_up: usize,
    /// Measured repetitions
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    repeats: usize,
    /// First size of every case, such as its batch [default: each case's own]
    #[arg(long, value_name = "COUNT")]
    batch: Option<NonZeroUsize>,
    /// Table of median and quartiles
    #[arg(long, default_value = "bench.csv", value_name = "FILE")]
    out: PathBuf,
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Measures cases, writes the table and prints its path.
pub fn bench(args: &BenchArgs) -> Result<ExitCode, Failure> {
    if args.list {
        let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
        print(&names.join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = chosen(&args.cases)?;
    let choice = args.device.parse::<DeviceChoice>()?.resolve();
    let device = choice.open()?;
    let effort = Effort {
        warm_up: args.warm_up,
        repeats: args.repeats,
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    for mut case in chosen {
        if let (Some(batch), Some(first)) = (args.batch, case.shape.first_mut()) {
            *first = batch.get();
        }
        let timing = case.time(effort, &device, &choice.to_string())?;
        if !args.quiet {
            say(&format!(
                "{:<28} {:>10.3} ms [{:.3}, {:.3}]",
                timing.case,
                1e3 * timing.median_secs,
                1e3 * timing.low_secs,
                1e3 * timing.high_secs
            ));
        }
        table.serialize(timing).map_err(unwritten)?;
    }
    if let Some(folder) = args.out.parent() {
        make_dir(folder)?;
    }
    write_table(&args.out, table)?;
    print(&args.out.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::failed(
        format!("cannot write the table of times: {error}"),
        "check `--out`",
    )
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}
