//! How a run is done, and what of it a stage may know.

use std::collections::BTreeSet;
use std::path::PathBuf;

use burn::tensor::Device;

use crate::device::DeviceChoice;

/// How a run is done, beside what it computes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where finished stages are kept.
    pub cache: PathBuf,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// The seed of everything random.
    pub seed: u64,
    /// Stages that are made again, with all that depends on them.
    pub fresh: BTreeSet<String>,
    /// The stage behind which the run ends; unset = it goes to its end.
    pub until: Option<String>,
    /// Only say what would be done.
    pub dry: bool,
    /// Say nothing while working.
    pub quiet: bool,
}

/// What a stage's work may ask for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where tensors live.
    pub device: Device,
    /// The seed of everything random.
    pub seed: u64,
    /// Say nothing while working.
    pub quiet: bool,
}
