//! Safetensors files as memory: an array's bytes are read when they are looked at, in the precision in which they are stored.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;
use slotflow_datasets::checksum::State;
use slotflow_datasets::regular;

use super::safetensors_file::{
    ArrayEntry, CHECKSUM, SealedFile, decode, read_head, safetensors_head,
};
use crate::kernels::mmap::Mapped;
use crate::weights::{Value, WeightsError};

/// One array as a file has it.
#[derive(Debug, Clone)]
pub struct StoredArray {
    /// Its name.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    dtype: Dtype,
    place: Place,
}

/// Where the bytes of an array are.
#[derive(Debug, Clone)]
enum Place {
    Mapped(Arc<MappedFile>, Range<usize>),
    Memory(Arc<Vec<u8>>),
}

#[derive(Debug)]
struct MappedFile {
    map: Mapped,
    path: PathBuf,
}

/// The arrays of a safetensors file. Nothing but its header is read.
///
/// # Errors
/// When it is no safetensors file, or is cut short.
pub fn map_safetensors(path: &Path) -> Result<Vec<StoredArray>, WeightsError> {
    mapped(path, false).map(|(_, arrays)| arrays)
}

/// The same of a file of ours, with the metadata in its header.
///
/// # Errors
/// Also when its bytes are not those that were written.
pub fn map_sealed(
    path: &Path,
) -> Result<(BTreeMap<String, String>, Vec<StoredArray>), WeightsError> {
    mapped(path, true)
}

fn mapped(
    path: &Path,
    is_sealed: bool,
) -> Result<(BTreeMap<String, String>, Vec<StoredArray>), WeightsError> {
    let io = |source| WeightsError::Io {
        doing: "open",
        source,
        path: path.into(),
    };
    let file = regular::open(path).map_err(io)?;
    let map = Mapped::open(&file).map_err(io)?;
    let bytes = map.bytes();
    let mut rest = bytes;
    let (metadata, mut checksum) = read_head(&mut rest, bytes.len() as u64, path)?;
    let start = bytes.len() - rest.len();
    let facts = metadata.metadata().clone().unwrap_or_default();
    if is_sealed && facts.contains_key(CHECKSUM) {
        checksum.update(rest);
        if checksum.state() != State::Whole {
            return Err(WeightsError::Damaged {
                why: "its bytes are not those that were written".to_owned(),
                path: path.into(),
            });
        }
    }
    let file = Arc::new(MappedFile {
        map,
        path: path.into(),
    });
    let arrays = metadata.offset_keys().into_iter().filter_map(|name| {
        let info = metadata.info(&name)?;
        let (from, to) = info.data_offsets;
        Some(StoredArray {
            shape: info.shape.clone(),
            dtype: info.dtype,
            place: Place::Mapped(file.clone(), start + from..start + to),
            name,
        })
    });
    Ok((facts.into_iter().collect(), arrays.collect()))
}

impl StoredArray {
    /// An array of single precision in memory.
    pub fn single(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self {
            name,
            shape,
            dtype: Dtype::F32,
            place: Place::Memory(Arc::new(bytes)),
        }
    }

    /// The same array under another name.
    #[must_use]
    pub fn renamed(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Refuses what is no parameter: whole numbers, eight bits, NaN and infinity.
    ///
    /// # Errors
    /// Names the array, and what it holds.
    pub fn check(&self, source: &Path) -> Result<(), WeightsError> {
        let path = match &self.place {
            Place::Mapped(file, _) => file.path.clone(),
            Place::Memory(_) => source.to_path_buf(),
        };
        let key = self.name.clone();
        let found = match self.dtype {
            Dtype::F32 => not_finite(self.bytes(), f32::from_le_bytes),
            Dtype::F16 => not_finite(self.bytes(), |two| f16::from_le_bytes(two).to_f32()),
            Dtype::BF16 => not_finite(self.bytes(), |two| bf16::from_le_bytes(two).to_f32()),
            other => {
                let found = format!("{other:?}");
                return Err(WeightsError::NumberType { key, found, path });
            }
        };
        match found {
            None => Ok(()),
            Some((at, value)) => Err(WeightsError::NotFinite {
                key,
                at,
                value,
                path,
            }),
        }
    }

    /// Its numbers, in single precision.
    ///
    /// # Errors
    /// When they are of a type that is not read.
    pub fn value(&self, path: &Path) -> Result<Value, WeightsError> {
        let values = decode(self.dtype, self.bytes()).ok_or_else(|| WeightsError::NumberType {
            key: self.name.clone(),
            found: format!("{:?}", self.dtype),
            path: path.into(),
        })?;
        let shape = self.shape.clone();
        Ok(Value { shape, values })
    }

    fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Mapped(file, range) => &file.map.bytes()[range.clone()],
            Place::Memory(bytes) => bytes,
        }
    }

    /// The type of its numbers, as the format spells it, and their bytes.
    fn number(&self) -> (&'static str, usize) {
        match self.dtype {
            Dtype::F16 => ("F16", 2),
            Dtype::BF16 => ("BF16", 2),
            _ => ("F32", 4),
        }
    }
}

/// The first number that is none, and its place.
fn not_finite<const N: usize>(
    bytes: &[u8],
    number: impl Fn([u8; N]) -> f32 + Sync,
) -> Option<(usize, f32)> {
    let numbers = bytes.as_chunks::<N>().0;
    let at = numbers
        .par_iter()
        .with_min_len(1 << 16)
        .position_first(|chunk| !number(*chunk).is_finite())?;
    Some((at, number(numbers[at])))
}

/// Writes arrays as they are stored, without waiting until they are on the disk.
///
/// # Errors
/// When the file system refuses.
pub fn write_stored(
    arrays: &[StoredArray],
    metadata: &serde_json::Value,
    path: &Path,
) -> io::Result<()> {
    // Widest numbers first, then by name: so every array starts at a multiple of its numbers' size.
    let mut arrays: Vec<_> = arrays.iter().collect();
    arrays.sort_by_key(|array| (std::cmp::Reverse(array.number().1), &array.name));
    let entries = arrays.iter().map(|array| {
        let (dtype, width) = array.number();
        ArrayEntry {
            name: &array.name,
            dtype,
            shape: &array.shape,
            width,
        }
    });
    let mut out = SealedFile::create(path, &safetensors_head(entries, Some(metadata))?)?;
    for array in arrays {
        out.write_all(array.bytes())?;
    }
    out.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::weights::read_safetensors;

    #[test]
    fn arrays_are_written_in_the_precision_that_they_had() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        let half = StoredArray {
            name: "half".into(),
            shape: vec![2],
            dtype: Dtype::BF16,
            place: Place::Memory(Arc::new(
                [bf16::from_f32(1.5), bf16::from_f32(-2.0)]
                    .iter()
                    .flat_map(|x| x.to_le_bytes())
                    .collect(),
            )),
        };
        let arrays = [
            half,
            StoredArray::single("whole".into(), vec![1, 3], &[0.1, 0.2, 0.3]),
        ];
        write_stored(&arrays, &json!({}), &first).unwrap();
        let read = map_safetensors(&first).unwrap();
        write_stored(&read, &json!({}), &second).unwrap();
        let bytes = std::fs::read(&first).unwrap();
        assert_eq!(bytes, std::fs::read(&second).unwrap());
        let (_, state) = read_safetensors(&*bytes, bytes.len() as u64, &first).unwrap();
        assert_eq!(state.get("half").unwrap().as_f32().unwrap(), [1.5, -2.0]);
        assert_eq!(state.get("whole").unwrap().shape, [1, 3]);
        std::fs::write(&second, &bytes[..bytes.len() - 1]).unwrap();
        assert!(map_safetensors(&second).is_err());
    }

    #[test]
    fn what_is_no_number_and_what_is_no_parameter_are_named() {
        let values = [0.0, f32::INFINITY];
        let array = StoredArray::single("w".into(), vec![2], &values);
        let said = array.check(Path::new("x.bin")).unwrap_err().to_string();
        assert_eq!(said, "`w` holds inf at 1: `x.bin`");
        let array = StoredArray {
            dtype: Dtype::F8_E4M3,
            ..array
        };
        let said = array.check(Path::new("x.bin")).unwrap_err().to_string();
        assert!(said.contains("`w`") && said.contains("F8_E4M3"), "{said}");
    }
}
