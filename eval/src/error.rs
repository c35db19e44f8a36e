//! Why a number was refused: one enum for all of the arithmetic in this crate.

use std::path::PathBuf;

/// Why a metric could not be computed, or a table not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Two inputs that must cover the same ground do not.
    #[error("{what} differ in shape: truth is {truth:?}, prediction is {prediction:?}")]
    Shapes {
        /// What was compared, in the plural: `frames`, `masks`.
        what: &'static str,
        /// Sizes on the true side.
        truth: Vec<usize>,
        /// Sizes on the predicted side.
        prediction: Vec<usize>,
    },
    /// A NaN or an infinity where a number must be.
    #[error("{what} hold a NaN or an infinity at {place}")]
    NotFinite {
        /// What was looked at, in the plural.
        what: &'static str,
        /// The item, row or frame with the first such value.
        place: String,
    },
    /// A number outside the range that the metric is defined on.
    #[error("{what} must lie in {range}, found {value} at {place}")]
    OutOfRange {
        /// What was looked at, in the plural.
        what: &'static str,
        /// The range in words.
        range: &'static str,
        /// The first value outside.
        value: f64,
        /// Where it stands.
        place: String,
    },
    /// Nothing to measure.
    #[error("no {what} to measure")]
    Empty {
        /// What is missing, in the plural.
        what: &'static str,
    },
    /// Fewer items than the statistic needs.
    #[error("{statistic} needs at least {needed} {what}, found {found}")]
    TooFew {
        /// The statistic.
        statistic: &'static str,
        /// What is counted, in the plural.
        what: &'static str,
        /// The least it can do with.
        needed: usize,
        /// What there is.
        found: usize,
    },
    /// A word that is not in the list of what is known.
    #[error("unknown {what} `{found}`; known are {known}")]
    Unknown {
        /// What was named: `profile`, `column`.
        what: &'static str,
        /// The word found.
        found: String,
        /// The words that are known.
        known: String,
    },
    /// A table that does not parse or cannot be written.
    #[error("table of {what} is not usable: {source}")]
    Table {
        /// `scores` or `items`.
        what: &'static str,
        /// What the CSV layer said.
        source: csv::Error,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} file: {source}: `{}`", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl EvalError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Shapes { .. } => {
                "compare clips of equal length and size: cut both to the shorter one, or resize both with one kernel first"
            }
            Self::NotFinite { .. } => {
                "look at what made this item: a model that diverged, or a division by zero"
            }
            Self::OutOfRange { .. } => {
                "pixels are expected in 0..1 and masks in 0..=255; convert before measuring"
            }
            Self::Empty { .. } => "check that the folders hold files whose names match",
            Self::TooFew { .. } => "measure more items, or leave this metric out",
            Self::Unknown { .. } => "see `eval/README.md` for the names",
            Self::Table { .. } => "write the table again with this version of the program",
            Self::File { .. } => "check that the folder exists, may be written and has room",
        }
    }
}

/// Nothing, when two shapes are equal.
///
/// # Errors
/// [`EvalError::Shapes`] otherwise; `what` names the things compared, in the plural.
pub fn same_shape(
    what: &'static str,
    truth: &[usize],
    prediction: &[usize],
) -> Result<(), EvalError> {
    if truth == prediction {
        return Ok(());
    }
    Err(EvalError::Shapes {
        what,
        truth: truth.to_vec(),
        prediction: prediction.to_vec(),
    })
}
