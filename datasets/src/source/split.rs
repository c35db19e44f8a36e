//! The three splits of a data set, and the seeds that generated clips of each have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Training, validation or test clips. Nothing is ever trained or tuned on the test split.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Split {
    /// Clips that models learn from; seeds below 1,000,000.
    Train,
    /// Clips that checkpoints and settings are chosen by; seeds below 2,000,000.
    Val,
    /// Clips that results are reported on; all other seeds.
    #[default]
    Test,
}

/// Seeds of the first two splits.
const SPLIT_SEEDS: u64 = 1_000_000;

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The split as plans, caches and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The seed of a split's clip.
    pub fn seed(self, index: u64) -> u64 {
        let first = match self {
            Self::Train => 0,
            Self::Val => SPLIT_SEEDS,
            Self::Test => 2 * SPLIT_SEEDS,
        };
        // Past its end a bounded split starts again, so that it never reaches into the next.
        match self {
            Self::Train | Self::Val => first + index % SPLIT_SEEDS,
            Self::Test => first + index,
        }
    }

    /// The split that a seed belongs to.
    pub fn of(seed: u64) -> Self {
        match seed / SPLIT_SEEDS {
            0 => Self::Train,
            1 => Self::Val,
            _ => Self::Test,
        }
    }
}

impl From<Split> for &'static str {
    fn from(split: Split) -> Self {
        split.name()
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let known = Self::ALL.into_iter().find(|split| split.name() == name);
        known.ok_or_else(|| DataError::UnknownSplit {
            name: name.to_owned(),
        })
    }
}

impl TryFrom<String> for Split {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self, DataError> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_stay_in_their_split() {
        for split in Split::ALL {
            for index in [0, 999_999, 1_000_000] {
                assert_eq!(Split::of(split.seed(index)), split);
            }
        }
    }

    #[test]
    fn a_split_is_written_as_ever_and_no_other_word_is_one() {
        let written = serde_json::to_string(&Split::ALL).unwrap();
        assert_eq!(written, r#"["train","val","test"]"#);
        let read: Vec<Split> = serde_json::from_str(&written).unwrap();
        assert_eq!(read, Split::ALL);
        let error = serde_json::from_str::<Split>(r#""tset""#).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("no split is called `tset`"), "{said}");
    }
}
