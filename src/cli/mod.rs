//! The command line: arguments, help, messages and exit codes.

/// Options that commands share.
mod common;
/// Finished runs side by side.
mod compare;
/// A finished run's clip with other slots.
mod edit;
/// Two folders → scores.
mod eval;
/// Generated clips in the layout of a published data set.
mod generate;
/// Checkpoints of the official code ↔ weights files.
mod import;
/// Shards → the whole.
mod merge;
/// Lines on stdout, errors with hints.
mod messages;
/// Bundled weights' scores and trainings, made again.
mod reproduce;
/// Plans → reports.
mod run;
/// Built-in plans, and a plan with every key.
mod show;
/// This machine and what lies on it: runs, the cache, networks, data sets, shells.
mod tools;
/// Training plans → weights files.
mod train;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use slotflow_datasets::memory;

use crate::artifacts::progress::say;
use crate::artifacts::{fault, interrupt};
use messages::failure::Failure;

/// Object-centric video prediction: encode frames into slots, roll the slots forward, decode and evaluate them.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    /// The most memory that one array, picture or file may take [default: half of the machine's]
    #[arg(long, global = true, display_order = 900, value_name = "SIZE", value_parser = memory::parse_size)]
    memory: Option<u64>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Predict or segment videos, or answer questions, as one or several plans say, and write a report
    Run(run::RunArgs),
    /// Put shards together into what one command would have made
    Merge(merge::MergeArgs),
    /// Compare finished runs on one page, with paired differences
    Compare(compare::CompareArgs),
    /// Remove, add, exchange or move objects of a finished run's clip, and predict it anew
    Edit(edit::EditArgs),
    /// Train the model of a plan, or resume its training
    Train(train::TrainArgs),
    /// Evaluate predicted videos, masks or features against the ground truth
    Eval(eval::EvalArgs),
    /// Measure the scores of bundled weights again, or train them from nothing
    Reproduce(reproduce::ReproduceArgs),
    /// List, download or add the pretrained networks behind LPIPS, FVD and FID
    Weights(tools::weights::WeightsArgs),
    /// Convert a checkpoint of the official code into weights files, one per module
    Import(import::ImportArgs),
    /// Convert weights files into one file with the official parameter names
    Export(import::ExportArgs),
    /// Measure the time of layers and networks on this machine
    Bench(tools::bench::BenchArgs),
    /// Write generated clips or pictures in the folder layout of CLEVRER, Physion, COCO or CelebA
    Generate(generate::GenerateArgs),
    /// Examine a copy of a data set: missing clips, unreadable files, duplicates, labels that do not join
    Doctor(tools::doctor::DoctorArgs),
    /// Print a plan with every key, or list the built-in plans
    Show(show::ShowArgs),
    /// List finished runs with their scores, the latest first
    Runs(tools::runs::RunsArgs),
    /// Print what the cache holds, or remove part of it
    Clean(tools::clean::CleanArgs),
    /// Print completions for a shell
    Completions(tools::completions::CompletionsArgs),
    /// Print a manual page
    Man(tools::man::ManArgs),
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

Exit codes: 0 done, 1 failed, 2 refused before work began, 3 done but some clips failed, 70 fault of the program, 130 interrupted, \
143 terminated";

/// The command line's definition, for checks of what documents say.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line, runs the command and reports how it ended.
///
/// Exit codes: 0 done, 1 failed, 2 refused, 3 done but some clips failed, 70 fault of the program, 130 interrupted, 143
/// terminated.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(bytes) = cli.memory {
        memory::limit(bytes);
    }
    if let Err(error) = interrupt::watch() {
        say(&format!(
            "warning: Ctrl-C will stop at once, without a checkpoint: {error}"
        ));
    }
    fault::watch();
    let done = fault::guarded(|| done(cli.command));
    match done.unwrap_or_else(|fault| Err(Failure::internal(fault))) {
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

/// Runs a command.
fn done(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Edit(args) => edit::edit(&args),
        Command::Train(args) => train::train(&args),
        Command::Eval(args) => eval::eval(&args),
        Command::Reproduce(args) => reproduce::reproduce(&args),
        Command::Weights(args) => tools::weights::weights(&args),
        Command::Import(args) => import::import(&args),
        Command::Export(args) => import::export(&args),
        Command::Bench(args) => tools::bench::bench(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Doctor(args) => tools::doctor::doctor(&args),
        Command::Show(args) => show::show(&args),
        Command::Runs(args) => tools::runs::runs(&args),
        Command::Clean(args) => tools::clean::clean(&args),
        Command::Completions(args) => tools::completions::completions(&args, Cli::command()),
        Command::Man(args) => tools::man::man(&args, Cli::command()),
    }
}
