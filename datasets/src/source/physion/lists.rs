//! Which clips of a part of Physion are for training and which for validation.
//!
//! SlotFormer ships lists, `splits/Physion/{training,readout}_{train,val}.json`: tables of scenarios with the paths of
//! their videos. Where both lists lie below the root, they decide. Where they do not, a clip is for validation if the first
//! eight bytes of the BLAKE3 hash of its name, as a little-endian number, fall in the lowest twentieth: near the shares of
//! the lists (798 of 15,998 and 404 of 8,005), and the same for a clip whatever lies beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::labels::name_of;
use super::part::Part;
use crate::error::DataError;
use crate::listing::read_text;
use crate::source::split::Split;

/// One clip of this many is for validation where there are no lists.
const ONE_IN: u64 = 20;

/// The clips of one split.
#[derive(Debug)]
pub(super) enum SplitList {
    /// By the list that is shipped.
    Listed {
        /// The names in it.
        names: BTreeSet<String>,
    },
    /// By hash of the name.
    Hashed { split: Split },
}

impl SplitList {
    /// The rule for a part and a split.
    ///
    /// # Errors
    /// When a list is damaged, or one of the two is missing.
    pub(super) fn open(root: &Path, part: Part, split: Split) -> Result<Self, DataError> {
        let folders = ["splits/Physion", "splits", ""].map(|name| root.join(name));
        let file = |split: Split| format!("{}_{split}.json", part.word());
        let found = |split: Split| {
            let mut paths = folders.iter().map(|folder| folder.join(file(split)));
            paths.find(|path| path.is_file())
        };
        match (found(Split::Train), found(Split::Val)) {
            (Some(train), Some(val)) => {
                let path = if split == Split::Train { train } else { val };
                Ok(Self::Listed {
                    names: read(&path)?,
                })
            }
            (None, None) => Ok(Self::Hashed { split }),
            (Some(there), None) => Err(alone(&there, &file(Split::Val))),
            (None, Some(there)) => Err(alone(&there, &file(Split::Train))),
        }
    }

    /// Whether a clip belongs to the split.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Listed { names } => names.contains(name),
            Self::Hashed { split } => is_held_out(name) == (*split == Split::Val),
        }
    }

    /// Listed names beside those given.
    pub(super) fn without(&self, seen: &BTreeSet<&str>) -> Vec<String> {
        match self {
            Self::Listed { names } => {
                let missing = names.iter().filter(|name| !seen.contains(name.as_str()));
                missing.cloned().collect()
            }
            Self::Hashed { .. } => Vec::new(),
        }
    }
}

/// The part that encoders and dynamics are trained on: the training clips, or the readout clips of a copy that has no
/// others.
pub fn part_to_train_on(root: &Path) -> Part {
    match Part::Training.videos(root, false) {
        Ok(videos) if !videos.is_empty() => Part::Training,
        _ => Part::Readout,
    }
}

/// Whether a clip is for validation where there are no lists.
fn is_held_out(name: &str) -> bool {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first) < u64::MAX / ONE_IN
}

fn alone(there: &Path, other: &str) -> DataError {
    DataError::Malformed {
        reason: format!("there is no list `{other}` beside this one"),
        path: there.to_owned(),
    }
}

/// The names in a list of videos by scenario.
fn read(path: &Path) -> Result<BTreeSet<String>, DataError> {
    let bytes = read_text(path)?;
    let table: Result<BTreeMap<String, Vec<PathBuf>>, _> = serde_json::from_slice(&bytes);
    let table = table.map_err(|error| DataError::Malformed {
        reason: format!("not a table of scenarios and their videos ({error})"),
        path: path.to_owned(),
    })?;
    let videos = table.values().flatten();
    Ok(videos.map(|video| name_of(video)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_lists_every_clip_is_in_one_split_and_a_twentieth_is_held_out() {
        let root = tempfile::tempdir().unwrap();
        let rule = |split| SplitList::open(root.path(), Part::Training, split).unwrap();
        let (train, val) = (rule(Split::Train), rule(Split::Val));
        let mut held_out = 0;
        for number in 0..16_000 {
            let name = format!("pilot_towers_{number:04}");
            assert_ne!(train.has(&name), val.has(&name));
            held_out += usize::from(val.has(&name));
        }
        assert!((700..900).contains(&held_out), "{held_out}");
    }
}
