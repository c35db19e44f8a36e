//! Words from a person, and to one.

mod bench;
mod compare;
mod eval;
mod failure;
mod generate;
mod import;
mod run;
mod show;
mod train;
mod weights;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::artifacts::progress::say;
use crate::artifacts::{Options, interrupt};
use crate::device::DeviceChoice;
use failure::Failure;

/// Object-centric video prediction: slots perceived, rolled forward, drawn and asked.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan, or several: generated clips by default, own videos with --videos
    Run(run::RunArgs),
    /// Put finished runs side by side on one page
    Compare(compare::CompareArgs),
    /// Train the model of a plan
    Train(train::TrainArgs),
    /// Judge folders of predictions against folders of truth
    Eval(eval::EvalArgs),
    /// List, download or take in the weights of networks that judge
    Weights(weights::WeightsArgs),
    /// Turn a checkpoint of the official code into weights files, one per module
    Import(import::ImportArgs),
    /// Turn weights files into one file under the official names
    Export(import::ExportArgs),
    /// Time layers and networks on this machine
    Bench(bench::BenchArgs),
    /// Write generated clips as a published data set lies on disk
    Generate(generate::GenerateArgs),
    /// Print a plan with every value, or list the built-in plans
    Show(show::ShowArgs),
}

/// What every command that works understands.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Change one value of the plan: table.key=value
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    changes: Vec<String>,
    /// The seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Where finished stages and generated clips are kept
    #[arg(long, default_value = ".cache", value_name = "DIR")]
    cache: PathBuf,
    /// Say nothing while working
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

    /// The changes, with `--seed` among them.
    fn all_changes(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.changes.iter().cloned().chain(seed).collect()
    }
}

/// Parses the command line, does what it says, and says how it went.
///
/// Exit codes: 0 done, 1 failed, 2 refused, 3 done but some clips failed, 130 interrupted.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = interrupt::watch() {
        say(&format!("warning: Ctrl-C will not be noted: {error}"));
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

/// Prints what can be piped.
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
