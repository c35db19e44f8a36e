//! Options that `run` and `train` share.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::artifacts::Options;
use crate::device::DeviceChoice;

/// Options of `run` and `train`.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Change one value of the plan; may be given several times
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    pub changes: Vec<String>,
    /// Seed of all random numbers [default: the plan's]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder of cached stages and generated clips
    #[arg(long, default_value = ".cache", value_name = "DIR")]
    pub cache: PathBuf,
    /// Print no progress
    #[arg(long, short)]
    pub quiet: bool,
}

impl Common {
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
            cache: self.cache.clone(),
            device: self.device()?,
            seed,
            fresh: std::collections::BTreeSet::new(),
            dry: false,
            quiet: self.quiet,
        })
    }

    /// The changes of `--set`, and `--seed` as one more.
    pub fn all_changes(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.changes.iter().cloned().chain(seed).collect()
    }
}
