//! Why a training could not go on.

use std::path::PathBuf;

use slotflow_datasets::DataError;

use crate::artifacts::RunError;
use crate::train::fit::ranks::RanksError;
use crate::weights::WeightsError;

/// Why a training could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A loss or a gradient is no number any more.
    #[error("the {what} is not a number at step {step}; the last good checkpoint: `{}`", path.display())]
    NotANumber {
        /// `loss` or `gradient`, with the name of the parameter.
        what: String,
        /// Steps done before.
        step: u64,
        /// The last good checkpoint; the training's folder where there is none.
        path: PathBuf,
    },
    /// A loss is a spike.
    #[error("the loss jumped from {median:.4} to {loss:.4} at step {step}; the last good checkpoint: `{}`", path.display())]
    Spike {
        /// The median of the losses before.
        median: f64,
        /// The loss.
        loss: f64,
        /// Steps done before.
        step: u64,
        /// The last good checkpoint; the training's folder where there is none.
        path: PathBuf,
    },
    /// The folder holds a training under other settings.
    #[error("this folder holds a training with other settings ({differences}): `{}`", path.display())]
    Changed {
        /// What differs.
        differences: String,
        /// The training's folder.
        path: PathBuf,
    },
    /// A checkpoint that cannot be read.
    #[error("not a checkpoint of this training ({reason}): `{}`", path.display())]
    Checkpoint {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// There is too little to train on.
    #[error("{reason}")]
    Data {
        /// What is missing.
        reason: String,
    },
    /// The network of a perceptual loss is not at hand.
    #[error("`vqvae.objective.perceptual` needs a network: {reason}")]
    Perceptual {
        /// What lacks, and how to get it.
        reason: String,
    },
    /// Processes cannot train together.
    #[error(transparent)]
    Ranks(#[from] RanksError),
    /// Weights could not be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Files could not be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Data could not be read.
    #[error(transparent)]
    Source(#[from] DataError),
}

impl TrainError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotANumber { .. } => {
                "lower the learning rate or set `fit.clip`, and give the checkpoint as `fit.start` in a new folder"
            }
            Self::Spike { .. } => {
                "lower the learning rate, set `fit.clip`, or `fit.on-spike=skip`, and give the checkpoint as `fit.start` in a new folder"
            }
            Self::Changed { .. } => {
                "give a new `--out`, or go back to the settings in its plan.toml"
            }
            Self::Checkpoint { .. } => "remove the file; the checkpoint before it is used then",
            Self::Data { .. } => "ask for more clips, or for shorter windows",
            Self::Perceptual { .. } => {
                "or compare pixels alone: `--set vqvae.objective.perceptual=0`"
            }
            Self::Ranks(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::Source(error) => error.hint(),
        }
    }
}
