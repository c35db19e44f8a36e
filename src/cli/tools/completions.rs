//! `pipeline completions`: what a shell knows of the command line.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;

/// `pipeline completions SHELL`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline completions bash > ~/.local/share/bash-completion/completions/pipeline
  pipeline completions zsh > ~/.zfunc/_pipeline")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints a shell's completions of the whole command line.
pub fn completions(args: &CompletionsArgs, mut whole: Command) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut whole, "pipeline", &mut text);
    print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
