//! The command line: arguments, help, messages and exit codes.

/// Times of layers and networks.
mod bench;
/// Finished runs side by side.
mod compare;
/// Two folders → scores.
mod eval;
/// Errors: message, hint, exit code.
mod failure;
/// Generated clips in the layout of a published data set.
mod generate;
/// Checkpoints of the official code ↔ weights files.
mod import;
/// Plans → reports.
mod run;
/// Built-in plans, and a plan with every key.
mod show;
/// Training plans → weights files.
mod train;
/// Pretrained networks behind metrics.
mod weights;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::artifacts::progress::say;
use crate::artifacts::{Options, interrupt};
use crate::device::DeviceChoice;
use failure::Failure;

/// Object-centric video prediction: encode frames into slots, roll the slots forward, decode and evaluate them.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Predict videos or answer questions as one or several plans say, and write a report
    Run(run::RunArgs),
    /// Compare finished runs on one page, with paired differences
    Compare(compare::CompareArgs),
    /// Train the model of a plan, or resume its training
    Train(train::TrainArgs),
    /// Evaluate predicted videos, masks or features against the ground truth
    Eval(eval::EvalArgs),
    /// List, download or add the pretrained networks behind LPIPS, FVD and FID
    Weights(weights::WeightsArgs),
    /// Convert a checkpoint of the official code into weights files, one per module
    Import(import::ImportArgs),
    /// Convert weights files into one file with the official parameter names
    Export(import::ExportArgs),
    /// Measure the time of layers and networks on this machine
    Bench(bench::BenchArgs),
    /// Write generated clips in the folder layout of CLEVRER or Physion
    Generate(generate::GenerateArgs),
    /// Print a plan with every key, or list the built-in plans
    Show(show::ShowArgs),
}

/// Examples in the help of `pipeline`.
const EXAMPLES: &str = "\
Examples:
  pipeline run video-predict                          predict generated clips with the bundled weights
  pipeline run video-predict --videos clip.mp4        predict your own video
  pipeline run clevrer-vqa                            answer CLEVRER's questions about generated clips
  pipeline eval --pred DIR --truth DIR --metrics psnr,ssim
  pipeline train slots-synth                          train a slot encoder
  pipeline show                                       list the built-in plans

Exit codes: 0 done, 1 failed, 2 refused before work began, 3 done but some clips failed, 130 interrupted";

/// The command line's definition, for checks of what documents say.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Options of `run` and `train`.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Change one value of the plan; may be given several times
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    changes: Vec<String>,
    /// Seed of all random numbers [default: the plan's]
    #[arg(long)]
    seed: Option<u64>,
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Folder of cached stages and generated clips
    #[arg(long, default_value = ".cache", value_name = "DIR")]
    cache: PathBuf,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

impl Common {
    fn device(&self) -> Result<DeviceChoice, Failure> {
        self.device.parse().map_err(Failure::from)
    }

    fn options(&self, seed: u64) -> Result<Options, Failure> {
        Ok(Options {
            cache: self.cache.clone(),
            device: self.device()?,
            seed,
            fresh: std::collections::BTreeSet::new(),
            dry: false,
            quiet: self.quiet,
        })
    }

    /// The changes of `--set`, and `--seed` as one more.
    fn all_changes(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.changes.iter().cloned().chain(seed).collect()
    }
}

/// Parses the command line, runs the command and reports how it ended.
///
/// Exit codes: 0 done, 1 failed, 2 refused, 3 done but some clips failed, 130 interrupted.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = interrupt::watch() {
        say(&format!(
            "warning: Ctrl-C will stop at once, without a checkpoint: {error}"
        ));
    }
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Train(args) => train::train(&args),
        Command::Eval(args) => eval::eval(&args),
        Command::Weights(args) => weights::weights(&args),
        Command::Import(args) => import::import(&args),
        Command::Export(args) => import::export(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Show(args) => show::show(&args),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            say(&format!(
                "error: {}\n\nhint: {}",
                failure.message, failure.hint
            ));
            ExitCode::from(failure.code)
        }
    }
}

/// Prints a line to stdout; a closed pipe is no error.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let written = writeln!(std::io::stdout().lock(), "{text}");
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot print: {error}"),
            "check where the output goes",
        )),
        _ => Ok(()),
    }
}
