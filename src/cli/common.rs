//! Options that commands share.

/// A share of a command's work.
pub mod shard;

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;

use super::messages::failure::Failure;
use crate::artifacts::inventory::default_folder;
use crate::artifacts::progress::Watch;
use crate::artifacts::{Invocation, Options};
use crate::device::DeviceChoice;

/// Exit code: done, but some clips failed.
pub const SOME_FAILED: u8 = 3;

/// The data set in place of the plan's, of `run` and `train`.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Your own video files, or folders of videos or of numbered frames
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub videos: Vec<PathBuf>,
    #[arg(long, conflicts_with = "videos", value_name = "NAME", help = slotflow_datasets::source::help())]
    pub dataset: Option<String>,
    /// Folder of the data set
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

impl DataArgs {
    /// Changes of a plan's table that name the data set.
    pub fn changes(&self, table: &str) -> Vec<String> {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let path = |path: &PathBuf| quoted(&path.display().to_string());
        let mut changes = Vec::new();
        if !self.videos.is_empty() {
            let files: Vec<String> = self.videos.iter().map(path).collect();
            changes.push(format!("{table}.dataset=\"videos\""));
            changes.push(format!("{table}.videos=[{}]", files.join(", ")));
            changes.push(format!("{table}.clips=unset"));
        }
        if let Some(dataset) = &self.dataset {
            changes.push(format!("{table}.dataset={}", quoted(dataset)));
        }
        if let Some(root) = &self.root {
            changes.push(format!("{table}.root={}", path(root)));
        }
        changes
    }
}

/// Options of `run` and `train`.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Change one value of the plan; may be given several times
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    pub changes: Vec<String>,
    /// Seed of all random numbers [default: the plan's]
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub machine: Machine,
}

/// The variable of the environment that names the cache.
const VARIABLE: &str = "SLOTFLOW_CACHE";

/// Where the cache lies, of every command that has one.
#[derive(Debug, Clone, Args)]
pub struct CacheArg {
    /// Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
    #[arg(long, value_name = "DIR", global = true)]
    cache: Option<PathBuf>,
}

impl CacheArg {
    /// The folder that is named, else the default one.
    pub fn folder(&self) -> PathBuf {
        let named = self.cache.clone().map(Into::into);
        let named = named.or_else(|| std::env::var_os(VARIABLE).filter(|value| !value.is_empty()));
        named.map_or_else(default_folder, PathBuf::from)
    }
}

/// Where work is done, and how it is told.
#[derive(Debug, Clone, Args)]
pub struct Machine {
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: String,
    #[command(flatten)]
    pub cache: CacheArg,
    /// Print no progress
    #[arg(long, short)]
    pub quiet: bool,
}

impl Machine {
    /// The device that is named.
    ///
    /// # Errors
    /// When no device has that name.
    pub fn device(&self) -> Result<DeviceChoice, Failure> {
        self.device.parse().map_err(Failure::from)
    }

    /// How stages and trainings are executed.
    ///
    /// # Errors
    /// When no device has that name.
    pub fn options(&self, seed: u64) -> Result<Options, Failure> {
        Ok(Options {
            cache: self.cache.folder(),
            device: self.device()?,
            seed,
            fresh: std::collections::BTreeSet::new(),
            until: None,
            dry: false,
            shard: None,
            quiet: self.quiet,
            watch: Watch::default(),
            invocation: Some(invocation()),
        })
    }
}

/// The command line of this process, at this time.
pub fn invocation() -> Invocation {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    Invocation::new(words, SystemTime::now())
}

impl Common {
    /// How stages and trainings are executed.
    ///
    /// # Errors
    /// When no device has that name.
    pub fn options(&self, seed: u64) -> Result<Options, Failure> {
        self.machine.options(seed)
    }

    /// The changes of `--set`, and `--seed` as one more.
    pub fn all_changes(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.changes.iter().cloned().chain(seed).collect()
    }
}
