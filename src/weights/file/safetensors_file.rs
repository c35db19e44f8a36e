//! Safetensors files: what stands before their arrays, the checksum in it, and how arrays are written and read.
//!
//! Source: the format, <https://huggingface.co/docs/safetensors>.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::json;
use slotflow_datasets::checksum::{Checksum, State};
use slotflow_datasets::partial::PartialFile;

use crate::weights::{StateDict, Value, Values, WeightsError};

/// The checksum's name among a header's metadata.
pub const CHECKSUM: &str = "checksum";

/// Longest header that is read, bytes.
const HEADER_LIMIT: u64 = 64 << 20;

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Single,
    /// Rounded to half precision: half the size.
    Half,
}

/// What a header says of an array.
#[derive(Debug, Clone, Copy)]
pub struct ArrayEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its numbers, as the format spells it: `F32`, `U8`.
    pub dtype: &'static str,
    /// Lengths of its axes.
    pub shape: &'a [usize],
    /// Bytes of a number.
    pub width: usize,
}

/// What stands before the arrays in a safetensors file; they follow in this order.
///
/// # Errors
/// When the metadata cannot be written as JSON.
pub fn safetensors_head<'a>(
    arrays: impl IntoIterator<Item = ArrayEntry<'a>>,
    metadata: Option<&serde_json::Value>,
) -> io::Result<Vec<u8>> {
    let mut head = serde_json::Map::new();
    if let Some(metadata) = metadata {
        head.insert("__metadata__".into(), metadata.clone());
    }
    let mut end = 0;
    for array in arrays {
        let start = end;
        end += array.width * array.shape.iter().product::<usize>();
        let entry =
            json!({ "dtype": array.dtype, "shape": array.shape, "data_offsets": [start, end] });
        head.insert(array.name.to_owned(), entry);
    }
    let mut head = serde_json::to_vec(&head)?;
    head.resize(head.len().next_multiple_of(8), b' ');
    Ok([&(head.len() as u64).to_le_bytes()[..], &head].concat())
}

/// A file that gets its checksum when it is whole, if its head has a place for it.
#[derive(Debug)]
pub struct SealedFile {
    out: BufWriter<File>,
    checksum: Checksum,
}

impl SealedFile {
    /// Begins a file.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn create(path: &Path, head: &[u8]) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(head)?;
        let checksum = Checksum::new(head);
        Ok(Self { out, checksum })
    }

    /// Puts the checksum into its place. Nothing waits until the bytes are on the disk.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn finish(self) -> io::Result<File> {
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        if let Some((place, digits)) = self.checksum.digits() {
            file.write_all_at(&digits, place as u64)?;
        }
        Ok(file)
    }
}

impl Write for SealedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.checksum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
    write_unsynced(state, metadata, partial.path(), precision)
        .and_then(|file| file.sync_all())
        .and_then(|()| partial.keep())
        .map_err(io("write weights"))
}

/// Writes arrays as safetensors without waiting until they are on the disk.
pub fn write_unsynced(
    state: &StateDict,
    metadata: Option<&serde_json::Value>,
    path: &Path,
    precision: Precision,
) -> io::Result<File> {
    let entries = ordered(state);
    let arrays = entries.iter().map(|(key, value)| {
        let (dtype, width) = match (&value.values, precision) {
            (Values::F32(_), Precision::Single) => ("F32", 4),
            (Values::F32(_), Precision::Half) => ("F16", 2),
            (Values::I64(_), _) => ("I64", 8),
            (Values::Bool(_), _) => ("BOOL", 1),
        };
        let (name, shape) = (key.as_str(), value.shape.as_slice());
        ArrayEntry {
            name,
            dtype,
            shape,
            width,
        }
    });
    let mut out = SealedFile::create(path, &safetensors_head(arrays, metadata)?)?;
    for (_, value) in entries {
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
    out.finish()
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

/// The metadata and the arrays of a safetensors file of `length` bytes, one array at a time.
///
/// # Errors
/// When it is no safetensors file, or is damaged.
pub fn read_safetensors(
    mut reader: impl Read,
    length: u64,
    path: &Path,
) -> Result<(BTreeMap<String, String>, StateDict), WeightsError> {
    let io = |source| WeightsError::Io {
        doing: "read",
        source,
        path: path.into(),
    };
    let (metadata, mut checksum) = read_head(&mut reader, length, path)?;
    let mut state = StateDict::new(path);
    // In the order of their places in the file, which lie side by side: the parser checked that.
    for key in metadata.offset_keys() {
        let Some(info) = metadata.info(&key) else {
            continue;
        };
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        reader.read_exact(&mut bytes).map_err(io)?;
        checksum.update(&bytes);
        let values = decode(info.dtype, &bytes).ok_or_else(|| WeightsError::NumberType {
            key: key.clone(),
            found: format!("{:?}", info.dtype),
            path: path.into(),
        })?;
        let shape = info.shape.clone();
        state.insert(key, Value { shape, values });
    }
    let metadata = metadata.metadata().clone().unwrap_or_default();
    // One of an earlier version's making has none.
    if metadata.contains_key(CHECKSUM) && checksum.state() != State::Whole {
        return Err(WeightsError::Damaged {
            why: "its bytes are not those that were written".to_owned(),
            path: path.into(),
        });
    }
    Ok((metadata.into_iter().collect(), state))
}

/// What stands before the arrays of a file of `length` bytes, and the checksum so far.
pub(super) fn read_head(
    reader: &mut impl Read,
    length: u64,
    path: &Path,
) -> Result<(Metadata, Checksum), WeightsError> {
    let foreign = |why: String| WeightsError::Foreign {
        expected: "weights file",
        why,
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
    let mut head = size.to_le_bytes().to_vec();
    head.resize(head.len() + size as usize, 0);
    reader
        .read_exact(&mut head[8..])
        .map_err(|source| WeightsError::Io {
            doing: "read",
            source,
            path: path.into(),
        })?;
    let metadata: Metadata =
        serde_json::from_slice(&head[8..]).map_err(|error| foreign(error.to_string()))?;
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
    Ok((metadata, Checksum::new(&head)))
}

pub(super) fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Values> {
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
