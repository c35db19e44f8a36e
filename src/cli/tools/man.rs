//! `pipeline man`: pages for `man`.

use std::process::ExitCode;

use clap::{Args, Command};

use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;

/// `pipeline man [COMMAND]`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline man > pipeline.1
  pipeline man run > ~/.local/share/man/man1/pipeline-run.1")]
pub struct ManArgs {
    /// Command that the page is about; without one, the whole program
    command: Option<String>,
}

/// Prints a page of the whole command line, or of one command.
pub fn man(args: &ManArgs, mut whole: Command) -> Result<ExitCode, Failure> {
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => {
            let known = whole.get_subcommands().map(Command::get_name);
            let known = known.collect::<Vec<_>>().join(", ");
            let found = whole.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                Failure::refused(
                    format!("no command is called `{name}`"),
                    format!("there are {known}"),
                )
            })?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Failure::internal(error.to_string()))?;
    print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
