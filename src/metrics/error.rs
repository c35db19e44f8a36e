//! Reason why predictions were not evaluated.

use std::path::PathBuf;

use slotflow_datasets::DataError;
use slotflow_eval::EvalError;
use slotflow_eval::metric::registry::UnknownMetric;

use crate::artifacts::RunError;
use crate::weights::WeightsError;

/// Reason why predictions were not evaluated.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// No metric was named.
    #[error("no metric is named")]
    NoMetrics,
    /// A metric without the folders that it needs.
    #[error("`{metric}` looks at {needs}, and no folders of {needs} are given")]
    NothingToLookAt {
        /// The metric.
        metric: String,
        /// `videos` or `masks`.
        needs: &'static str,
    },
    /// A word that names no metric.
    #[error(transparent)]
    UnknownMetric(#[from] UnknownMetric),
    /// Two folders that have no name in common.
    #[error("no name of `{}` occurs in `{}`", prediction.display(), truth.display())]
    NoPartners {
        /// The predictions.
        prediction: PathBuf,
        /// The truth.
        truth: PathBuf,
    },
    /// A folder without masks.
    #[error("no masks in the folder: `{}`", path.display())]
    NoMasks {
        /// The folder.
        path: PathBuf,
    },
    /// A file that does not hold masks.
    #[error("not masks ({reason}): `{}`", path.display())]
    NotMasks {
        /// What was found.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A file that does not hold features.
    #[error("not features ({reason}): `{}`", path.display())]
    NotFeatures {
        /// What was found.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// Clips that are shorter than the network's memory.
    #[error("`{metric}` needs clips of {needed} frames at least, asked for {found}")]
    TooShort {
        /// The metric.
        metric: String,
        /// The least.
        needed: usize,
        /// What was asked for.
        found: usize,
    },
    /// Weights of another network.
    #[error("weights of `{found}`, not of `{expected}`: `{}`", path.display())]
    OtherNetwork {
        /// What was asked for.
        expected: &'static str,
        /// What it is.
        found: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Weights of the right network that papers do not use.
    #[error("not the weights of `{network}` that papers use: {reason}: `{}`", path.display())]
    NonStandard {
        /// The network.
        network: &'static str,
        /// What gave it away.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A file of the store that is not what it was.
    #[error("damaged weights ({reason}): `{}`", path.display())]
    Store {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// Weights that cannot be read.
    #[error(transparent)]
    Weights(Box<WeightsError>),
    /// A file that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A number that cannot be made.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A file that cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl MetricsError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoMetrics => "name some with `--metrics`, such as `psnr,ssim`",
            Self::NothingToLookAt { needs: "masks", .. } => {
                "give them with `--pred-masks` and `--truth-masks`"
            }
            Self::NothingToLookAt { .. } => "give them with `--pred` and `--truth`",
            Self::UnknownMetric(error) => error.hint(),
            Self::NoPartners { .. } => {
                "name the files, or the folders of frames, alike on both sides; endings do not matter"
            }
            Self::NoMasks { .. } => {
                "masks are `CLIP.npz`, `CLIP.npy`, `CLIP.png` or folders `CLIP/0000.png`"
            }
            Self::NotMasks { .. } => {
                "masks are whole numbers, `[time, height, width]`; 0 in the truth is background, and `--void ID` names pixels that do not count"
            }
            Self::NotFeatures { .. } => "features are `.npy` of floats, `[items, dim]`",
            Self::TooShort { .. } => "raise `--clip-length`; papers take 16",
            Self::OtherNetwork { .. } => "`pipeline weights list` says which file each network has",
            Self::NonStandard { .. } => {
                "take the file that `pipeline weights list` names, or say `--allow-nonstandard-weights`: numbers made with it are named after its hash"
            }
            Self::Store { .. } => "add the file again with `pipeline weights add FILE`",
            Self::Weights(error) => error.hint(),
            Self::Data(error) => error.hint(),
            Self::Eval(error) => error.hint(),
            Self::Run(error) => error.hint(),
        }
    }
}

impl From<WeightsError> for MetricsError {
    fn from(error: WeightsError) -> Self {
        Self::Weights(Box::new(error))
    }
}
