//! A weights file of ours: safetensors whose header says which model it is and how it was made.
//!
//! Source: the format, <https://huggingface.co/docs/safetensors>.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slotflow_datasets::partial::PartialFile;

use super::{StateDict, Value, Values, WeightsError, earlier};
use crate::models::WeightsKind;

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

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Single,
    /// Rounded to half precision: half the size.
    Half,
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

/// Longest header that is read, bytes.
const HEADER_LIMIT: u64 = 64 << 20;

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
        let file = File::open(path).map_err(io)?;
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
        let metadata = json!({ ENTRY: serde_json::to_string(&self.header).unwrap_or_default() });
        write_safetensors(&self.state, Some(&metadata), path, precision)
    }

    /// Writes the file without waiting until it is on the disk, for what can be made again and is renamed into its
    /// place by the caller: a file that a power failure cut short is refused by its length when it is read.
    ///
    /// # Errors
    /// When a parameter is NaN, or the file system refuses; what was written so far stays.
    pub fn write_draft(&self, path: &Path) -> Result<(), WeightsError> {
        self.state.check_finite()?;
        let metadata = json!({ ENTRY: serde_json::to_string(&self.header).unwrap_or_default() });
        write_partial(&self.state, Some(&metadata), path, Precision::Single)
            .map(|_| ())
            .map_err(|source| WeightsError::Io {
                doing: "write weights",
                source,
                path: path.into(),
            })
    }
}

/// Writes arrays as safetensors: whole or not at all, the same bytes for the same arrays.
///
/// # Errors
/// When a parameter is NaN, or the file system refuses.
pub fn write_safetensors(
    state: &StateDict,
    metadata: Option<&serde_json::Value>,
    path: &Path,
    precision: Precision,
) -> Result<(), WeightsError> {
    state.check_finite()?;
    let io = |doing| {
        move |source| WeightsError::Io {
            doing,
            source,
            path: path.into(),
        }
    };
    let partial = PartialFile::create(path).map_err(io("write weights"))?;
    write_partial(state, metadata, partial.path(), precision)
        .and_then(|file| file.sync_all())
        .and_then(|()| partial.keep())
        .map_err(io("write weights"))
}

fn write_partial(
    state: &StateDict,
    metadata: Option<&serde_json::Value>,
    path: &Path,
    precision: Precision,
) -> std::io::Result<File> {
    let mut head = serde_json::Map::new();
    if let Some(metadata) = metadata {
        head.insert("__metadata__".into(), metadata.clone());
    }
    let mut end = 0;
    for (key, value) in ordered(state) {
        let (dtype, size) = match (&value.values, precision) {
            (Values::F32(_), Precision::Single) => ("F32", 4),
            (Values::F32(_), Precision::Half) => ("F16", 2),
            (Values::I64(_), _) => ("I64", 8),
            (Values::Bool(_), _) => ("BOOL", 1),
        };
        let start = end;
        end += size * value.shape.iter().product::<usize>();
        head.insert(
            key.clone(),
            json!({ "dtype": dtype, "shape": value.shape, "data_offsets": [start, end] }),
        );
    }
    let mut head = serde_json::to_vec(&head)?;
    head.resize(head.len().next_multiple_of(8), b' ');
    let file = File::create(path)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&(head.len() as u64).to_le_bytes())?;
    out.write_all(&head)?;
    for (_, value) in ordered(state) {
        match (&value.values, precision) {
            (Values::F32(values), Precision::Single) => {
                write_numbers(&mut out, values, f32::to_le_bytes)?;
            }
            (Values::F32(values), Precision::Half) => {
                write_numbers(&mut out, values, |x| f16::from_f32(x).to_le_bytes())?;
            }
            (Values::I64(values), _) => write_numbers(&mut out, values, i64::to_le_bytes)?,
            (Values::Bool(values), _) => write_numbers(&mut out, values, |x| [u8::from(x)])?,
        }
    }
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
}

/// Widest numbers first, then by name: so every array starts at a multiple of its numbers' size.
fn ordered(state: &StateDict) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = state.entries.iter().collect();
    entries.sort_by_key(|(_, value)| match value.values {
        Values::I64(_) => 0,
        Values::F32(_) => 1,
        Values::Bool(_) => 2,
    });
    entries
}

fn write_numbers<T: Copy, const N: usize>(
    out: &mut impl Write,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(N << 14);
    for part in values.chunks(1 << 14) {
        buffer.clear();
        buffer.extend(part.iter().flat_map(|value| bytes(*value)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn read_from(reader: impl Read, length: u64, path: &Path) -> Result<WeightsFile, WeightsError> {
    let (metadata, mut state) = read_safetensors(reader, length, path)?;
    let foreign = |why: String| WeightsError::Foreign {
        expected: "weights file",
        why,
        path: path.into(),
    };
    let entry = metadata
        .get(ENTRY)
        .ok_or_else(|| foreign("its header does not say which model it is".into()))?;
    let header =
        serde_json::from_str(entry).map_err(|error| foreign(format!("its header: {error}")))?;
    earlier::with_current_paths(&mut state);
    state.check_finite()?;
    Ok(WeightsFile { header, state })
}

/// The metadata and the arrays of a safetensors file of `length` bytes, one array at a time.
///
/// # Errors
/// When it is no safetensors file, or is damaged.
pub fn read_safetensors(
    mut reader: impl Read,
    length: u64,
    path: &Path,
) -> Result<(BTreeMap<String, String>, StateDict), WeightsError> {
    let foreign = |why: String| WeightsError::Foreign {
        expected: "weights file",
        why,
        path: path.into(),
    };
    let io = |source| WeightsError::Io {
        doing: "read",
        source,
        path: path.into(),
    };
    let mut size = [0; 8];
    reader
        .read_exact(&mut size)
        .map_err(|_| foreign("it is too short".into()))?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT || size + 8 > length {
        return Err(foreign(
            "it does not begin with the size of a header".into(),
        ));
    }
    let mut head = vec![0; size as usize];
    reader.read_exact(&mut head).map_err(io)?;
    let metadata: Metadata =
        serde_json::from_slice(&head).map_err(|error| foreign(error.to_string()))?;
    if metadata.data_len() as u64 + size + 8 != length {
        let why = format!(
            "it should have {} bytes of numbers and has {}",
            metadata.data_len(),
            length - size - 8
        );
        return Err(WeightsError::Damaged {
            why,
            path: path.into(),
        });
    }
    let mut state = StateDict::new(path);
    // In the order of their places in the file, which lie side by side: the parser checked that.
    for key in metadata.offset_keys() {
        let Some(info) = metadata.info(&key) else {
            continue;
        };
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        reader.read_exact(&mut bytes).map_err(io)?;
        let values = decode(info.dtype, &bytes).ok_or_else(|| WeightsError::Array {
            key: key.clone(),
            why: format!("numbers of type {:?} are not supported", info.dtype),
            path: path.into(),
        })?;
        state.insert(
            key,
            Value {
                shape: info.shape.clone(),
                values,
            },
        );
    }
    let metadata = metadata.metadata().clone().unwrap_or_default();
    Ok((metadata.into_iter().collect(), state))
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Values> {
    fn each<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|chunk| number(*chunk))
            .collect()
    }
    Some(match dtype {
        Dtype::F32 => Values::F32(each(bytes, f32::from_le_bytes)),
        Dtype::F16 => Values::F32(each(bytes, |chunk| f16::from_le_bytes(chunk).to_f32())),
        Dtype::BF16 => Values::F32(each(bytes, |chunk| {
            half::bf16::from_le_bytes(chunk).to_f32()
        })),
        Dtype::F64 => Values::F32(each(bytes, |chunk| f64::from_le_bytes(chunk) as f32)),
        Dtype::I64 => Values::I64(each(bytes, i64::from_le_bytes)),
        Dtype::I32 => Values::I64(each(bytes, |chunk| i64::from(i32::from_le_bytes(chunk)))),
        Dtype::U8 => Values::I64(each(bytes, |[byte]: [u8; 1]| i64::from(byte))),
        Dtype::BOOL => Values::Bool(each(bytes, |[byte]: [u8; 1]| byte != 0)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
