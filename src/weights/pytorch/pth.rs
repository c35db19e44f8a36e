//! The official checkpoints: zip files of PyTorch 1.6 and later, a pickle beside raw numbers.
//!
//! Source: `torch/serialization.py` (`_save`), `torch/_utils.py` (`_rebuild_tensor_v2`).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Id, Node, Pickle};
use crate::weights::{StateDict, Value, Values, WeightsError};

mod legacy;
mod state_dict;
mod strided;

use state_dict::{is_allowed, state_entries, unreadable};
use strided::{Number, Strided};

/// Largest pickle that is read; real ones have some hundred kilobytes.
const PICKLE_LIMIT: u64 = 256 << 20;

/// What kind of file parameters came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// A state dict, or a trainer's dict around one.
    Checkpoint,
    /// A compiled model (TorchScript): names of fields, joined by dots.
    TorchScript,
}

/// The state dict of an official checkpoint, under official names.
///
/// The file holds either the state dict itself or a dict with `state_dict` and the trainer's fields,
/// which are skipped. A prefix `module.` is dropped. Where a tensor lived (`cuda:0`) does not matter.
///
/// # Errors
/// When the file is no checkpoint, is damaged, asks for code, or an array of it cannot be read.
pub fn read_pth(path: impl AsRef<Path>) -> Result<StateDict, WeightsError> {
    read_published(path).map(|(state, _)| state)
}

/// The same for any file that PyTorch writes: also of the time before zip files, and compiled models.
///
/// # Errors
/// As [`read_pth`].
pub fn read_published(path: impl AsRef<Path>) -> Result<(StateDict, Container), WeightsError> {
    if legacy::is_legacy(path.as_ref())? {
        return legacy::read(path.as_ref()).map(|state| (state, Container::Checkpoint));
    }
    let mut archive = Archive::open(path.as_ref())?;
    let bytes = archive.pickle()?;
    let path = archive.path.clone();
    let pickle = Pickle::parse(&bytes, &is_allowed).map_err(|error| unreadable(error, &path))?;
    let (entries, container) = match pickle.fields(pickle.root()) {
        Some(_) => (script_entries(&pickle), Container::TorchScript),
        None => (state_entries(&pickle, &path)?, Container::Checkpoint),
    };
    let mut budget = archive.length;
    let mut state = StateDict::new(path.clone());
    for (key, id) in entries {
        let array = |why: String| WeightsError::Array {
            key: key.clone(),
            why,
            path: path.clone(),
        };
        let tensor = Strided::describe(&pickle, id).map_err(array)?;
        // All arrays together are no larger than the file that holds them: checked before allocation.
        budget = budget
            .checked_sub(tensor.bytes())
            .ok_or_else(|| array("the arrays claim more bytes than the file has".into()))?;
        let value = archive.read(&tensor).map_err(array)?;
        state.insert(key.strip_prefix("module.").unwrap_or(&key), value);
    }
    Ok((state, container))
}

/// Names and nodes of the tensors in a compiled model.
fn script_entries(pickle: &Pickle<'_>) -> Vec<(String, Id)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), pickle.root())];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((prefix, module)) = open.pop() {
        // A module that two fields share, or that holds itself, is read once.
        if !seen.insert(module) {
            continue;
        }
        for (key, value) in pickle.fields(module).unwrap_or_default() {
            let Node::Text(name) = pickle.node(*key) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            if pickle.fields(*value).is_some() {
                open.push((format!("{name}."), *value));
            } else if Strided::describe(pickle, *value).is_ok() {
                found.push((name, *value));
            }
        }
    }
    found
}

struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Folder inside the zip file that holds everything.
    root: String,
    /// Bytes of the file.
    length: u64,
    path: PathBuf,
}

impl Archive {
    fn open(path: &Path) -> Result<Self, WeightsError> {
        let io = |source| WeightsError::Io {
            doing: "open",
            source,
            path: path.into(),
        };
        let foreign = |why: String| WeightsError::Foreign {
            expected: "checkpoint",
            why,
            path: path.into(),
        };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length == 0 {
            return Err(foreign("the file is empty".into()));
        }
        let zip =
            ZipArchive::new(BufReader::new(file)).map_err(|error| foreign(error.to_string()))?;
        let names: Vec<String> = zip
            .file_names()
            .flatten()
            .map(|name| name.to_string())
            .collect();
        let pickle = names.iter().find_map(|name| name.strip_suffix("data.pkl"));
        let root = pickle
            .ok_or_else(|| foreign("it has no `data.pkl`".into()))?
            .to_owned();
        Ok(Self {
            zip,
            root,
            length,
            path: path.into(),
        })
    }

    fn pickle(&mut self) -> Result<Vec<u8>, WeightsError> {
        let path = self.path.clone();
        let damaged = |why: String| WeightsError::Damaged {
            why,
            path: path.clone(),
        };
        if let Ok((size, mut order)) = self.record("byteorder") {
            let mut text = String::new();
            if size > 16 || order.read_to_string(&mut text).is_err() || text != "little" {
                return Err(damaged("its numbers are not little-endian".into()));
            }
        }
        let (size, mut record) = self.record("data.pkl").map_err(&damaged)?;
        if size > PICKLE_LIMIT {
            return Err(damaged(format!("`data.pkl` claims {size} bytes")));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        record
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(format!("`data.pkl`: {error}")))?;
        Ok(bytes)
    }

    /// The size and the bytes of a record, which are stored as they are.
    fn record(&mut self, name: &str) -> Result<(u64, impl Read + '_), String> {
        let length = self.length;
        let full = format!("{}{name}", self.root);
        let record = self
            .zip
            .by_name(&full)
            .map_err(|error| format!("record `{full}`: {error}"))?;
        if record.compression() != CompressionMethod::Stored {
            return Err(format!(
                "record `{full}` is compressed, which PyTorch never does"
            ));
        }
        if record.size() > length {
            return Err(format!(
                "record `{full}` claims {} bytes, the file has {length}",
                record.size()
            ));
        }
        Ok((record.size(), record))
    }

    fn read(&mut self, tensor: &Strided) -> Result<Value, String> {
        let (size, record) = self.record(&format!("data/{}", tensor.record))?;
        let expected = (tensor.stored as u64).checked_mul(tensor.number.size() as u64);
        if expected != Some(size) {
            return Err(format!(
                "its storage has {size} bytes, not the {} numbers that it claims",
                tensor.stored
            ));
        }
        let values = match tensor.number {
            Number::F32 => Values::F32(read_numbers(record, tensor, f32::from_le_bytes)?),
            Number::F16 => Values::F32(read_numbers(record, tensor, |bytes| {
                f16::from_le_bytes(bytes).to_f32()
            })?),
            Number::Bf16 => Values::F32(read_numbers(record, tensor, |bytes| {
                bf16::from_le_bytes(bytes).to_f32()
            })?),
            Number::F64 => Values::F32(read_numbers(record, tensor, |bytes| {
                f64::from_le_bytes(bytes) as f32
            })?),
            Number::I64 => Values::I64(read_numbers(record, tensor, i64::from_le_bytes)?),
            Number::I32 => Values::I64(read_numbers(record, tensor, |bytes| {
                i64::from(i32::from_le_bytes(bytes))
            })?),
            Number::I16 => Values::I64(read_numbers(record, tensor, |bytes| {
                i64::from(i16::from_le_bytes(bytes))
            })?),
            Number::I8 => Values::I64(read_numbers(record, tensor, |bytes| {
                i64::from(i8::from_le_bytes(bytes))
            })?),
            Number::U8 => Values::I64(read_numbers(record, tensor, |[byte]: [u8; 1]| {
                i64::from(byte)
            })?),
            Number::Bool => {
                Values::Bool(read_numbers(record, tensor, |[byte]: [u8; 1]| byte != 0)?)
            }
        };
        Ok(Value {
            shape: tensor.shape.clone(),
            values,
        })
    }
}

/// The numbers of a view. The whole record is read, because its checksum stands at the end.
fn read_numbers<T: Copy, const N: usize>(
    mut record: impl Read,
    tensor: &Strided,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let wanted = if tensor.is_contiguous() {
        tensor.offset..tensor.offset + tensor.count
    } else {
        0..tensor.stored
    };
    let mut values = Vec::with_capacity(wanted.len());
    let mut buffer = vec![0; N << 16];
    let mut at = 0;
    loop {
        let filled = fill(&mut record, &mut buffer).map_err(|error| error.to_string())?;
        let (chunks, _) = buffer[..filled].as_chunks::<N>();
        let first = wanted.start.saturating_sub(at).min(chunks.len());
        let last = wanted.end.saturating_sub(at).min(chunks.len());
        values.extend(chunks[first..last].iter().map(|bytes| number(*bytes)));
        at += chunks.len();
        if filled < buffer.len() {
            break;
        }
    }
    if values.len() != wanted.len() {
        return Err("its storage ends too early".into());
    }
    if tensor.is_contiguous() {
        return Ok(values);
    }
    Ok(tensor
        .places()
        .into_iter()
        .map(|place| values[place])
        .collect())
}

/// Reads until the buffer is full or the record ends.
fn fill(record: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match record.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::strided::checked_extent;
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/models")
            .join(name)
    }

    #[test]
    fn a_wrapped_checkpoint_gives_its_state_dict_alone() {
        let state = read_pth(fixture("slotformer.pth")).unwrap();
        assert_eq!(state.shape("rollouter.enc_t_pe").unwrap(), [1, 4, 32]);
        assert!(
            state
                .entries
                .keys()
                .all(|key| key.starts_with("rollouter.") || key.starts_with("decoder"))
        );
    }

    #[test]
    fn whole_numbers_keep_their_type() {
        let state = read_pth(fixture("physion_readout.pth")).unwrap();
        assert_eq!(state.get("comb_idx").unwrap().kind(), "i64");
    }

    #[test]
    fn a_view_is_read_through_its_strides() {
        let tensor = Strided {
            number: Number::U8,
            record: String::new(),
            stored: 7,
            offset: 1,
            shape: vec![3, 2],
            strides: vec![1, 3],
            count: 6,
        };
        let bytes = [9_u8, 0, 1, 2, 3, 4, 5];
        let values = read_numbers(&bytes[..], &tensor, |[byte]: [u8; 1]| byte).unwrap();
        assert_eq!(values, [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn a_view_beyond_its_storage_is_refused_before_it_is_read() {
        assert!(checked_extent(&[2, 3], &[3, 1], 0, 6).is_ok());
        assert!(checked_extent(&[2, 3], &[3, 1], 1, 6).is_err());
        assert!(checked_extent(&[usize::MAX, 2], &[1, 1], 0, 6).is_err());
        assert!(checked_extent(&[2], &[usize::MAX], 1, 6).is_err());
    }

    #[test]
    fn damaged_and_foreign_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pth");
        let whole = std::fs::read(fixture("physion_readout.pth")).unwrap();
        for bytes in [
            &b""[..],
            b"a text file",
            &whole[..whole.len() / 2],
            &whole[..whole.len() - 1],
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert!(read_pth(&path).is_err(), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_never_passes_unnoticed_in_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pth");
        let whole = std::fs::read(fixture("physion_readout.pth")).unwrap();
        let state = read_pth(fixture("physion_readout.pth")).unwrap();
        for at in (0..whole.len()).step_by(37) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&path, &flipped).unwrap();
            if let Ok(read) = read_pth(&path) {
                assert_eq!(read.entries, state.entries, "bit flipped at {at}");
            }
        }
    }
}
