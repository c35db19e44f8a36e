//! A weights file of ours: safetensors whose header says which model it is and how it was made.
//!
//! Source: the format, <https://huggingface.co/docs/safetensors>.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slotflow_datasets::{checksum, regular};

use super::{StateDict, WeightsError, earlier};
use crate::models::WeightsKind;
use mapped_file::{map_sealed, write_stored};
use safetensors_file::write_unsynced;

/// Safetensors files as memory.
mod mapped_file;
/// Safetensors files: their heads, their checksums, their arrays.
mod safetensors_file;

pub use mapped_file::{StoredArray, map_safetensors};
pub use safetensors_file::{
    ArrayEntry, CHECKSUM, Precision, SealedFile, read_safetensors, safetensors_head,
    write_safetensors,
};

/// What a weights file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Header {
    /// What the file holds.
    pub model: WeightsKind,
    /// The model's configuration.
    pub config: serde_json::Value,
    /// Where the numbers came from: a recipe, or an imported file.
    pub origin: String,
    /// Version of this program that wrote it.
    pub code: String,
    /// Hash of the training recipe, if it was trained here.
    #[serde(default)]
    pub recipe: Option<String>,
    /// Facts of the training: frame rate, ranges, scores.
    #[serde(default)]
    pub training: serde_json::Value,
}

impl Header {
    /// A header for a model of that name and configuration.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn new(
        model: WeightsKind,
        config: &impl Serialize,
        origin: &str,
    ) -> Result<Self, WeightsError> {
        let config = serde_json::to_value(config);
        Ok(Self {
            model,
            config: config.map_err(|source| WeightsError::Config {
                source,
                path: PathBuf::new(),
            })?,
            origin: origin.into(),
            code: env!("CARGO_PKG_VERSION").into(),
            recipe: None,
            training: serde_json::Value::Null,
        })
    }
}

/// A weights file in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightsFile {
    /// What it says about itself.
    pub header: Header,
    /// Its parameters.
    pub state: StateDict,
}

/// Name of our entry among the header's metadata.
const ENTRY: &str = "slotflow";

impl WeightsFile {
    /// Reads a weights file.
    ///
    /// # Errors
    /// When it is none, is damaged, or holds a NaN.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let io = |source| WeightsError::Io {
            doing: "open",
            source,
            path: path.into(),
        };
        let file = regular::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        read_from(BufReader::new(file), length, path)
    }

    /// Reads a weights file that is in memory already; `name` stands for its path in messages.
    ///
    /// # Errors
    /// When it is none, is damaged, or holds a NaN.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self, WeightsError> {
        read_from(bytes, bytes.len() as u64, Path::new(name))
    }

    /// The model's configuration, if the file is of that model.
    ///
    /// # Errors
    /// When it is of another one, or the configuration does not parse.
    pub fn config<C: DeserializeOwned>(&self, model: WeightsKind) -> Result<C, WeightsError> {
        let path = self.state.source.clone();
        if self.header.model != model {
            return Err(WeightsError::Model {
                expected: model.name().to_owned(),
                found: self.header.model,
                path,
            });
        }
        serde_json::from_value(self.header.config.clone())
            .map_err(|source| WeightsError::Config { source, path })
    }

    /// Writes the file: whole or not at all.
    ///
    /// # Errors
    /// When a parameter is NaN, or the file system refuses.
    pub fn write(&self, path: impl AsRef<Path>, precision: Precision) -> Result<(), WeightsError> {
        let path = path.as_ref();
        write_safetensors(&self.state, Some(&self.metadata()), path, precision)
    }

    /// Writes the file without waiting until it is on the disk, for what can be made again and is renamed into its
    /// place by the caller: a file that a power failure cut short is refused by its length when it is read.
    ///
    /// # Errors
    /// When a parameter is NaN, or the file system refuses; what was written so far stays.
    pub fn write_draft(&self, path: &Path) -> Result<(), WeightsError> {
        self.state.check_finite()?;
        write_unsynced(&self.state, Some(&self.metadata()), path, Precision::Single)
            .map(|_| ())
            .map_err(|source| WeightsError::Io {
                doing: "write weights",
                source,
                path: path.into(),
            })
    }

    fn metadata(&self) -> serde_json::Value {
        metadata(&self.header)
    }
}

fn metadata(header: &Header) -> serde_json::Value {
    let header = serde_json::to_string(header).unwrap_or_default();
    json!({ CHECKSUM: checksum::PLACE, ENTRY: header })
}

/// A weights file whose arrays lie in other files, in the precision in which those have them.
#[derive(Debug, Clone)]
pub struct StoredWeights {
    /// What it says about itself.
    pub header: Header,
    /// Its parameters.
    pub arrays: Vec<StoredArray>,
}

impl StoredWeights {
    /// Opens a weights file of ours. Its arrays are read when a model takes them
    /// ([`load_stored`](super::load_stored)), so that no second copy of them is in memory.
    ///
    /// # Errors
    /// When it is none, or is damaged.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let (metadata, arrays) = map_sealed(path)?;
        let header = header_of(&metadata, path)?;
        Ok(Self { header, arrays })
    }

    /// As [`WeightsFile::write_draft`]; what the arrays hold was checked before.
    ///
    /// # Errors
    /// When the file system refuses; what was written so far stays.
    pub fn write_draft(&self, path: &Path) -> Result<(), WeightsError> {
        write_stored(&self.arrays, &metadata(&self.header), path).map_err(|source| {
            WeightsError::Io {
                doing: "write weights",
                source,
                path: path.into(),
            }
        })
    }
}

fn read_from(reader: impl Read, length: u64, path: &Path) -> Result<WeightsFile, WeightsError> {
    let (metadata, mut state) = read_safetensors(reader, length, path)?;
    let header = header_of(&metadata, path)?;
    earlier::with_current_paths(&mut state);
    state.check_finite()?;
    Ok(WeightsFile { header, state })
}

fn header_of(metadata: &BTreeMap<String, String>, path: &Path) -> Result<Header, WeightsError> {
    let foreign = |why: String| WeightsError::Foreign {
        expected: "weights file",
        why,
        path: path.into(),
    };
    let entry = metadata
        .get(ENTRY)
        .ok_or_else(|| foreign("its header does not say which model it is".into()))?;
    let mut keys = metadata.keys();
    if let Some(key) = keys.find(|key| !matches!(key.as_str(), ENTRY | CHECKSUM)) {
        return Err(WeightsError::Damaged {
            why: format!("an unknown entry `{key}` in its header"),
            path: path.into(),
        });
    }
    serde_json::from_str(entry).map_err(|error| foreign(format!("its header: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{Value, Values};

    fn file() -> WeightsFile {
        let mut state = StateDict::default();
        state.insert("a.weight", Value::f32([2, 2], vec![1.0, 2.0, 0.5, -3.25]));
        state.insert(
            "a.mask",
            Value {
                shape: vec![3],
                values: Values::Bool(vec![true, false, true]),
            },
        );
        state.insert(
            "index",
            Value {
                shape: vec![2],
                values: Values::I64(vec![-1, 1 << 40]),
            },
        );
        WeightsFile {
            header: Header::new(WeightsKind::Mixture, &json!({ "dim": 2 }), "here").unwrap(),
            state,
        }
    }

    #[test]
    fn what_was_written_is_read_back_in_both_precisions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        for precision in [Precision::Single, Precision::Half] {
            file().write(&path, precision).unwrap();
            let read = WeightsFile::read(&path).unwrap();
            assert_eq!(
                (&read.header, &read.state.entries),
                (&file().header, &file().state.entries)
            );
            let embedded =
                WeightsFile::from_bytes(&std::fs::read(&path).unwrap(), "w.safetensors").unwrap();
            assert_eq!(embedded.state.entries, read.state.entries);
        }
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "a partial file stayed behind"
        );
    }

    #[test]
    fn nan_is_neither_written_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let mut broken = file();
        broken
            .state
            .insert("a.weight", Value::f32([1], vec![f32::NAN]));
        assert!(matches!(
            broken.write(&path, Precision::Single),
            Err(WeightsError::NotFinite { .. })
        ));
        assert!(!path.exists());
    }

    #[test]
    fn damaged_files_are_errors_before_anything_large_is_allocated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        file().write(&path, Precision::Single).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in [0, 7, 8, 40, whole.len() - 1] {
            assert!(
                WeightsFile::from_bytes(&whole[..end], "x").is_err(),
                "cut at {end}"
            );
        }
        let mut huge = whole.clone();
        huge[..8].copy_from_slice(&(100_u64 << 30).to_le_bytes());
        assert!(matches!(
            WeightsFile::from_bytes(&huge, "x"),
            Err(WeightsError::Foreign { .. })
        ));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        file().write(&path, Precision::Single).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(WeightsFile::from_bytes(&flipped, "x").is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_model_is_refused_by_name() {
        let refused = file()
            .config::<serde_json::Value>(WeightsKind::SlotFormer)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "weights of a `mixture`, not of a `slotformer`: ``"
        );
    }
}
