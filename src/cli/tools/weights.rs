//! `pipeline weights`: pretrained networks behind metrics.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};

use crate::artifacts::files::make_dir;
use crate::artifacts::progress::say;
use crate::cli::common::CacheArg;
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::metrics::pretrained::{PretrainedStore, published};
use crate::weights::{bundled, pretrained::Network};

/// `pipeline weights`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline weights list
  pipeline weights fetch vgg16
  pipeline weights add i3d_torchscript.pt")]
pub struct WeightsArgs {
    #[command(subcommand)]
    command: Verb,
    #[command(flatten)]
    cache: CacheArg,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the networks: metrics that need them, where they are published, which are present
    List,
    /// Download a network's file with curl, check its hash and add it
    Fetch {
        /// Network, as `pipeline weights list` names it
        name: String,
    },
    /// Add a file that was downloaded by hand; the network is recognised by its arrays
    Add {
        /// Downloaded file
        file: PathBuf,
        /// Accept a file that papers do not use; its scores carry the file's hash in the metric's name
        #[arg(long)]
        allow_nonstandard_weights: bool,
    },
}

/// Lists, downloads or adds pretrained networks.
pub fn weights(args: &WeightsArgs) -> Result<ExitCode, Failure> {
    let library = PretrainedStore::of_cache(&args.cache.folder());
    match &args.command {
        Verb::List => list(&library)?,
        Verb::Fetch { name } => fetch(&library, name)?,
        Verb::Add {
            file,
            allow_nonstandard_weights,
        } => {
            let (network, entry) = library.add(file, None, *allow_nonstandard_weights)?;
            print(&format!("{} sha256:{}", network.name(), entry.sha256))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(library: &PretrainedStore) -> Result<(), Failure> {
    let (inside, beside): (Vec<&str>, Vec<&str>) = bundled::names()
        .iter()
        .partition(|name| bundled::is_compiled_in(name));
    print(&format!("compiled in: {}", inside.join(", ")))?;
    let folders = bundled::folders().into_iter();
    let found = folders.filter(|folder| folder.is_dir());
    let found = found.map(|folder| folder.display().to_string()).next();
    print(&format!(
        "beside the program ({}): {}",
        found.as_deref().unwrap_or("not here"),
        beside.join(", ")
    ))?;
    for network in Network::ALL {
        let about = published(network);
        let here = match library.entry(network)? {
            Some(entry) => {
                let kind = if entry.standard {
                    "here"
                } else {
                    "here, not the papers' file"
                };
                format!("{kind}: {} bytes, sha256:{}", entry.bytes, entry.sha256)
            }
            None => "not here".to_owned(),
        };
        let known = match about.hash {
            Ok(prefix) => format!("SHA-256 begins with {prefix}"),
            Err(how) => format!("no hash is published; recognised by: {how}"),
        };
        let name = network.name();
        let how = match about.address {
            Some(address) => format!("{address}\n    get it: pipeline weights fetch {name}"),
            None => format!(
                "{}\n    get it by hand, then: pipeline weights add FILE",
                about.source
            ),
        };
        print(&format!(
            "\n{name}: {here}\n    for: {}\n    file: {} ({known})\n    from: {how}",
            about.metrics, about.file
        ))?;
    }
    Ok(())
}

fn fetch(library: &PretrainedStore, name: &str) -> Result<(), Failure> {
    let network = Network::ALL
        .into_iter()
        .find(|network| network.name() == name);
    let Some(network) = network else {
        let known: Vec<&str> = Network::ALL.iter().map(|network| network.name()).collect();
        return Err(Failure::refused(
            format!(
                "no network is called `{name}`; there are {}",
                known.join(", ")
            ),
            "`pipeline weights list` says what each is for",
        ));
    };
    let about = published(network);
    let Some(address) = about.address else {
        return Err(Failure::refused(
            format!("`{name}` has no fixed address: {}", about.source),
            "download it by hand, then `pipeline weights add FILE`",
        ));
    };
    make_dir(library.folder())?;
    let file = library.folder().join(about.file);
    say(address);
    let done = Command::new("curl")
        .args([
            "--fail",
            "--location",
            "--silent",
            "--show-error",
            "--output",
        ])
        .arg(&file)
        .arg(address)
        .status();
    let by_hand = format!(
        "download it by hand, then `pipeline weights add {}`",
        about.file
    );
    match done {
        Ok(status) if status.success() => {}
        Ok(status) => {
            std::fs::remove_file(&file).ok();
            return Err(Failure::failed(
                format!("cannot download ({status}): {address}"),
                by_hand,
            ));
        }
        Err(error) => {
            return Err(Failure::failed(
                format!("cannot start `curl`: {error}"),
                by_hand,
            ));
        }
    }
    let added = library.add(&file, Some(network), false);
    // The library keeps a copy of its own.
    std::fs::remove_file(&file).ok();
    let (_, entry) = added?;
    print(&format!("{name} sha256:{}", entry.sha256))
}
