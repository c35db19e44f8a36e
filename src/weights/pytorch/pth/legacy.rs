//! Checkpoints from before PyTorch 1.6: pickles one after the other, then the numbers.
//!
//! A magic number, a version, facts about the machine, the state dict, the names of the storages; then for every
//! storage its length and its numbers.
//!
//! Source: `torch/serialization.py` (`_legacy_save`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::state_dict::{is_allowed, state_entries, unreadable};
use super::strided::{Number, Strided};
use crate::weights::pytorch::pickle::{Node, Pickle};
use crate::weights::{StateDict, Value, Values, WeightsError};

/// The pickle of the magic number.
const MAGIC: [u8; 15] = [
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

/// Whether a file begins as such checkpoints do.
pub fn is_legacy(path: &Path) -> Result<bool, WeightsError> {
    let io = |source| WeightsError::Io {
        doing: "open",
        source,
        path: path.into(),
    };
    let mut head = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(io)?;
    Ok(head == MAGIC)
}

/// The state dict of such a checkpoint.
pub fn read(path: &Path) -> Result<StateDict, WeightsError> {
    let bytes = fs::read(path).map_err(|source| WeightsError::Io {
        doing: "read",
        source,
        path: path.into(),
    })?;
    let damaged = |why: String| WeightsError::Damaged {
        why,
        path: path.into(),
    };
    let next =
        |bytes| Pickle::parse_first(bytes, &is_allowed).map_err(|error| unreadable(error, path));
    let (_version, rest) = next(&bytes[MAGIC.len()..])?;
    let (_machine, rest) = next(rest)?;
    let (pickle, rest) = next(rest)?;
    let (names, rest) = next(rest)?;

    let mut tensors = Vec::new();
    let mut numbers = BTreeMap::new();
    for (key, id) in state_entries(&pickle, path)? {
        let tensor = Strided::describe(&pickle, id).map_err(|why| WeightsError::Array {
            key: key.clone(),
            why,
            path: path.into(),
        })?;
        numbers.insert(tensor.record.clone(), tensor.number);
        tensors.push((key, tensor));
    }
    let mut storages = BTreeMap::new();
    let mut rest = rest;
    for id in names.members(names.root()).unwrap_or_default() {
        let name = match names.node(*id) {
            Node::Text(name) => (*name).to_owned(),
            Node::Bytes(name) => String::from_utf8_lossy(name).into_owned(),
            _ => return Err(damaged("a storage without a name".into())),
        };
        let Some(number) = numbers.get(&name) else {
            return Err(damaged(format!("storage `{name}` belongs to no array")));
        };
        let (storage, behind) = split(rest, *number)
            .ok_or_else(|| damaged(format!("storage `{name}` ends too early")))?;
        storages.insert(name, storage);
        rest = behind;
    }

    let mut state = StateDict::new(path);
    for (key, tensor) in tensors {
        let array = |why: String| WeightsError::Array {
            key: key.clone(),
            why,
            path: path.into(),
        };
        let storage = storages.get(&tensor.record).copied();
        let storage = storage.ok_or_else(|| array("its storage is missing".into()))?;
        let value = value(&tensor, storage).map_err(array)?;
        state.insert(key.strip_prefix("module.").unwrap_or(&key), value);
    }
    Ok(state)
}

/// A storage's numbers, and what lies behind them.
fn split(bytes: &[u8], number: Number) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let count = usize::try_from(i64::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(count.checked_mul(number.size())?)
}

fn value(tensor: &Strided, storage: &[u8]) -> Result<Value, String> {
    if storage.len() != tensor.stored.saturating_mul(tensor.number.size()) {
        return Err("its storage is not as long as it claims".into());
    }
    let values = match tensor.number {
        Number::F32 => Values::F32(pick(tensor, storage, f32::from_le_bytes)),
        Number::I64 => Values::I64(pick(tensor, storage, i64::from_le_bytes)),
        other => return Err(format!("{other:?} is not read from files of this age")),
    };
    Ok(Value {
        shape: tensor.shape.clone(),
        values,
    })
}

fn pick<T: Copy, const N: usize>(
    tensor: &Strided,
    storage: &[u8],
    number: impl Fn([u8; N]) -> T,
) -> Vec<T> {
    let (chunks, _) = storage.as_chunks::<N>();
    if tensor.is_contiguous() {
        let wanted = &chunks[tensor.offset..tensor.offset + tensor.count];
        return wanted.iter().map(|bytes| number(*bytes)).collect();
    }
    tensor
        .places()
        .into_iter()
        .map(|place| number(chunks[place]))
        .collect()
}
