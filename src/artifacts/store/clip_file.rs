//! One clip's share of an artifact: named arrays and a note in one safetensors file.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array, ArrayD, Dimension};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use slotflow_datasets::checksum::{self, Checksum, State};
use slotflow_datasets::regular;

use crate::artifacts::error::RunError;
use crate::artifacts::files::write_atomic;
use crate::weights::{ArrayEntry, CHECKSUM, safetensors_head};

const NOTE: &str = "note";

/// Named arrays of one clip, and a note beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClipFile {
    arrays: BTreeMap<String, Stored>,
    note: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl ClipFile {
    /// The same with an array of bytes: pixels, masks.
    #[must_use]
    pub fn with_bytes<D: Dimension>(mut self, name: &str, array: &Array<u8, D>) -> Self {
        let stored = Stored {
            dtype: Dtype::U8,
            shape: array.shape().to_vec(),
            bytes: array.iter().copied().collect(),
        };
        self.arrays.insert(name.to_owned(), stored);
        self
    }

    /// The same with an array of numbers: slots.
    #[must_use]
    pub fn with_floats<D: Dimension>(mut self, name: &str, array: &Array<f32, D>) -> Self {
        let bytes = array.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.arrays.insert(
            name.to_owned(),
            Stored {
                dtype: Dtype::F32,
                shape: array.shape().to_vec(),
                bytes,
            },
        );
        self
    }

    /// The same with one whole number: a count of frames.
    #[must_use]
    pub fn with_count(mut self, name: &str, count: usize) -> Self {
        let stored = Stored {
            dtype: Dtype::U64,
            shape: Vec::new(),
            bytes: (count as u64).to_le_bytes().to_vec(),
        };
        self.arrays.insert(name.to_owned(), stored);
        self
    }

    /// The same with a note of any kind, kept as JSON.
    ///
    /// # Errors
    /// When `note` is not representable as JSON.
    pub fn with_note<T: Serialize>(mut self, note: &T) -> Result<Self, RunError> {
        self.note = serde_json::to_string(note).map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?;
        Ok(self)
    }

    /// Whether an array of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// An array of bytes.
    ///
    /// # Errors
    /// When there is none of this name, type and number of axes.
    pub fn bytes<D: Dimension>(&self, name: &str) -> Result<Array<u8, D>, RunError> {
        let stored = self.stored(name, Dtype::U8)?;
        shaped(name, &stored.shape, stored.bytes.clone())
    }

    /// An array of numbers.
    ///
    /// # Errors
    /// When there is none of this name, type and number of axes.
    pub fn floats<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>, RunError> {
        let stored = self.stored(name, Dtype::F32)?;
        let (values, _) = stored.bytes.as_chunks::<4>();
        shaped(
            name,
            &stored.shape,
            values.iter().map(|raw| f32::from_le_bytes(*raw)).collect(),
        )
    }

    /// One whole number.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn count(&self, name: &str) -> Result<usize, RunError> {
        let stored = self.stored(name, Dtype::U64)?;
        let value = stored.bytes.first_chunk().copied();
        let value = value.and_then(|raw| usize::try_from(u64::from_le_bytes(raw)).ok());
        value.ok_or_else(|| RunError::Internal {
            reason: format!("array `{name}` has shape {:?}", stored.shape),
        })
    }

    /// The note.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn note<T: DeserializeOwned>(&self) -> Result<T, RunError> {
        serde_json::from_str(&self.note).map_err(|error| RunError::Internal {
            reason: format!("note: {error}"),
        })
    }

    fn stored(&self, name: &str, dtype: Dtype) -> Result<&Stored, RunError> {
        let found = self.arrays.get(name).filter(|stored| stored.dtype == dtype);
        found.ok_or_else(|| RunError::Internal {
            reason: format!("no {dtype:?} array `{name}`"),
        })
    }

    /// The first array with a value that is no number.
    pub(super) fn not_finite(&self) -> Option<&str> {
        let has_none = |stored: &Stored| {
            let (values, _) = stored.bytes.as_chunks::<4>();
            stored.dtype != Dtype::F32
                || values
                    .iter()
                    .all(|raw| f32::from_le_bytes(*raw).is_finite())
        };
        let mut broken = self.arrays.iter().filter(|(_, stored)| !has_none(stored));
        broken.next().map(|(name, _)| name.as_str())
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let internal = |error: std::io::Error| RunError::Internal {
            reason: error.to_string(),
        };
        // Widest numbers first: so every array starts at a multiple of its numbers' size.
        let mut arrays: Vec<_> = self.arrays.iter().collect();
        arrays.sort_by_key(|(_, stored)| std::cmp::Reverse(width(stored.dtype)));
        let entries = arrays.iter().map(|(name, stored)| ArrayEntry {
            name,
            dtype: dtype_name(stored.dtype),
            shape: &stored.shape,
            width: width(stored.dtype),
        });
        let metadata = json!({ CHECKSUM: checksum::PLACE, NOTE: self.note });
        let mut bytes = safetensors_head(entries, Some(&metadata)).map_err(internal)?;
        for (_, stored) in arrays {
            bytes.extend_from_slice(&stored.bytes);
        }
        checksum::seal(&mut bytes);
        write_atomic(path, &bytes)
    }

    /// Reads what [`ClipFile::write`] wrote.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let damaged = |reason: String| RunError::Damaged {
            reason,
            path: path.to_owned(),
        };
        let malformed = |error: safetensors::SafeTensorError| damaged(error.to_string());
        let raw = regular::read(path).map_err(|source| RunError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        })?;
        let tensors = SafeTensors::deserialize(&raw).map_err(malformed)?;
        let (head, metadata) = SafeTensors::read_metadata(&raw).map_err(malformed)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let mut names = metadata.keys();
        if let Some(name) = names.find(|name| !matches!(name.as_str(), NOTE | CHECKSUM)) {
            return Err(damaged(format!("an unknown entry `{name}` in its header")));
        }
        let (head, body) = raw.split_at(head + 8);
        let mut bytes = Checksum::new(head);
        bytes.update(body);
        // A file of an earlier version has none.
        if metadata.contains_key(CHECKSUM) && bytes.state() != State::Whole {
            return Err(damaged(
                "its bytes are not those that were written".to_owned(),
            ));
        }
        let mut file = Self::default();
        for (name, view) in tensors.iter() {
            let stored = Stored {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                bytes: view.data().to_vec(),
            };
            file.arrays.insert(name.to_owned(), stored);
        }
        file.note = metadata.get(NOTE).cloned().unwrap_or_default();
        Ok(file)
    }
}

/// Bytes of a number.
fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// A type's name in a header.
fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::U64 => "U64",
        Dtype::F32 => "F32",
        _ => "U8",
    }
}

fn shaped<T: Clone, D: Dimension>(
    name: &str,
    shape: &[usize],
    values: Vec<T>,
) -> Result<Array<T, D>, RunError> {
    let array = ArrayD::from_shape_vec(shape, values).ok();
    let array = array.and_then(|array| array.into_dimensionality::<D>().ok());
    array.ok_or_else(|| RunError::Internal {
        reason: format!("array `{name}` has shape {shape:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, Ix1, Ix2};

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.safetensors");
        let floats = Array2::from_shape_fn((2, 3), |(i, j)| i as f32 - j as f32 * 0.5);
        let file = ClipFile::default()
            .with_floats("slots", &floats)
            .with_bytes("mask", &Array1::from_vec(vec![1, 2, 3]))
            .with_count("observed", 6);
        let file = file.with_note(&vec!["a", "b"]).unwrap();
        file.write(&path).unwrap();

        let read = ClipFile::read(&path).unwrap();
        assert_eq!(read.floats::<Ix2>("slots").unwrap(), floats);
        assert_eq!(read.bytes::<Ix1>("mask").unwrap().to_vec(), [1, 2, 3]);
        assert_eq!(read.count("observed").unwrap(), 6);
        assert_eq!(read.note::<Vec<String>>().unwrap(), ["a", "b"]);
        assert!(read.floats::<Ix1>("slots").is_err() && read.bytes::<Ix1>("absent").is_err());
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.safetensors");
        let slots = Array2::from_elem((3, 4), 0.25);
        let file = ClipFile::default().with_floats("slots", &slots);
        let file = file.with_count("observed", 6).with_note(&"a").unwrap();
        file.write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            let read = ClipFile::read(&path);
            assert!(matches!(read, Err(RunError::Damaged { .. })), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_file_is_damaged_and_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.safetensors");
        ClipFile::default()
            .with_bytes("mask", &Array1::from_vec(vec![7; 64]))
            .write(&path)
            .unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert!(matches!(
            ClipFile::read(&path),
            Err(RunError::Damaged { .. })
        ));
    }
}
