//! Where values of single pairs come from: [`PairValues`]. Shards of an evaluation write those of their pairs, and what puts
//! them together reads them.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::sharding::shard::Shard;

/// Folder of the values within that of a shard.
const FOLDER: &str = "pairs";

/// Where values of single pairs come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PairValues {
    /// Every pair is measured.
    #[default]
    Measured,
    /// A share of the pairs is measured, and their values are written.
    Share {
        /// Which share.
        shard: Shard,
        /// The folder of the shard.
        folder: PathBuf,
    },
    /// Every pair was measured by a shard; their folders.
    OfShards(Vec<PathBuf>),
}

impl PairValues {
    /// Whether only a share of the pairs is measured, so that no score can be told.
    pub(crate) fn is_share(&self) -> bool {
        matches!(self, Self::Share { .. })
    }

    /// The pairs that are looked at, of all.
    pub(crate) fn own<T>(&self, pairs: impl IntoIterator<Item = T>) -> Vec<T> {
        match self {
            Self::Share { shard, .. } => shard.share(pairs),
            _ => pairs.into_iter().collect(),
        }
    }

    /// What a section of the evaluation finds of a pair: measured now, or by a shard.
    ///
    /// # Errors
    /// When the values cannot be read or written.
    pub(crate) fn of<T: Serialize + DeserializeOwned>(
        &self,
        section: &str,
        name: &str,
        measure: impl FnOnce() -> T,
    ) -> Result<T, RunError> {
        let key = blake3::hash(format!("{section}\t{name}").as_bytes()).to_hex();
        let file = Path::new(FOLDER).join(format!("{}.cbor", &key[..32]));
        match self {
            Self::Measured => Ok(measure()),
            Self::Share { folder, .. } => {
                let path = folder.join(file);
                if path.is_file() {
                    return read(&path);
                }
                let value = measure();
                write(&path, &value)?;
                Ok(value)
            }
            Self::OfShards(folders) => {
                let mut paths = folders.iter().map(|folder| folder.join(&file));
                let path = paths.find(|path| path.is_file());
                let path = path.ok_or_else(|| RunError::Internal {
                    reason: format!("no shard has measured {section} of `{name}`"),
                })?;
                read(&path)
            }
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let bytes = regular::read(path).map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    ciborium::from_reader(&*bytes).map_err(|error| RunError::Damaged {
        reason: error.to_string(),
        path: path.to_owned(),
    })
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    if let Some(folder) = path.parent() {
        make_dir(folder)?;
    }
    write_atomic(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_shards_are_read_bit_for_bit() {
        let room = tempfile::tempdir().unwrap();
        let share = |index| PairValues::Share {
            shard: Shard::new(index, 2).unwrap(),
            folder: room.path().join(index.to_string()),
        };
        let values = [
            f64::INFINITY,
            f64::NAN,
            -0.0,
            1.0 / 3.0,
            f64::MIN_POSITIVE,
            1e300,
        ];
        let wanted: Result<Vec<f64>, String> = Ok(values.to_vec());
        assert_eq!(share(2).own(0..5), [1, 3]);
        let refused: Result<Vec<f64>, String> = Err("no".to_owned());
        for (index, name, value) in [(2, "a", &wanted), (1, "b", &refused)] {
            let kept = share(index).of("pixels", name, || value.clone());
            assert_eq!(kept.unwrap().is_ok(), value.is_ok());
        }
        let folders = ["1", "2"].map(|name| room.path().join(name));
        let all = PairValues::OfShards(folders.to_vec());
        let never = || -> Result<Vec<f64>, String> { panic!("measured again") };
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        let found = all.of("pixels", "a", never).unwrap().unwrap();
        assert_eq!(bits(found), bits(values.to_vec()));
        assert_eq!(all.of("pixels", "b", never).unwrap().unwrap_err(), "no");
        assert!(all.of("lpips", "a", never).is_err());
        // A shard that was stopped goes on with what it has.
        assert!(share(2).of("pixels", "a", never).unwrap().is_ok());
    }
}
