//! Checkpoints from before PyTorch 1.6: pickles one after the other, then the numbers.
//!
//! A magic number, a version, facts about the machine, the state dict, the names of the storages; then for every
//! storage its length and its numbers.
//!
//! Source: `torch/serialization.py` (`_legacy_save`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use slotflow_datasets::regular;

use super::numbers::stored_value;
use super::state_dict::{is_allowed, state_entries, tensors, unreadable};
use super::strided::{Number, Storage};
use crate::weights::pytorch::pickle::{Node, Pickle};
use crate::weights::{StateDict, WeightsError};

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
    let file = regular::open(path).map_err(io)?;
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(io)?;
    Ok(head == MAGIC)
}

/// The state dict of such a checkpoint.
pub fn read(path: &Path) -> Result<StateDict, WeightsError> {
    let bytes = regular::read(path).map_err(|source| WeightsError::Io {
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

    let entries = state_entries(&pickle, path)?;
    let tensors = tensors(&pickle, &entries, (bytes.len(), path))?;
    // Those of the state dict, and those of trainers' fields, which lie between them.
    let described = pickle.references().map(|id| Storage::describe(&pickle, id));
    let numbers: BTreeMap<&str, Number> = described
        .flatten()
        .map(|storage| (storage.record, storage.number))
        .collect();
    let mut storages = BTreeMap::new();
    let mut rest = rest;
    for id in names.members(names.root()).unwrap_or_default() {
        let name = match names.node(*id) {
            Node::Text(name) => Some(*name),
            Node::Bytes(name) => std::str::from_utf8(name).ok(),
            _ => None,
        };
        let known = name.and_then(|name| numbers.get_key_value(name));
        let Some((name, number)) = known else {
            return Err(damaged("a storage that belongs to no array".into()));
        };
        let (storage, behind) = split(rest, *number)
            .ok_or_else(|| damaged(format!("storage `{name}` ends too early")))?;
        storages.insert(*name, storage);
        rest = behind;
    }

    let mut state = StateDict::new(path);
    for (key, tensor) in tensors {
        let array = |why: String| WeightsError::Array {
            key: key.clone(),
            why,
            path: path.into(),
        };
        let storage = storages.get(tensor.storage.record).copied();
        let storage = storage.ok_or_else(|| array("its storage is missing".into()))?;
        let value = stored_value(storage, &tensor).map_err(array)?;
        state.insert(key, value);
    }
    Ok(state)
}

/// A storage's numbers, and what lies behind them.
fn split(bytes: &[u8], number: Number) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let count = usize::try_from(i64::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(count.checked_mul(number.size())?)
}
