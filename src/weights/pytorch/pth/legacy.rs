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

use super::numbers::{budget, read_value};
use super::state_dict::{is_allowed, plain_name, state_entries, unreadable};
use super::strided::{Number, Storage, Strided};
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

    let tensors = tensors_of(&pickle, budget(bytes.len() as u64), path)?;
    // Those of the state dict, and those of trainers' fields, which lie between them.
    let described = pickle.references().map(|id| Storage::describe(&pickle, id));
    let numbers: BTreeMap<String, Number> = described
        .flatten()
        .map(|storage| (storage.record, storage.number))
        .collect();
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
        let storage = storages.get(&tensor.storage.record).copied();
        let storage = storage.ok_or_else(|| array("its storage is missing".into()))?;
        if storage.len() != tensor.storage.stored.saturating_mul(tensor.number().size()) {
            return Err(array("its storage is not as long as it claims".into()));
        }
        let value = read_value(storage, &tensor).map_err(array)?;
        state.insert(plain_name(&key), value);
    }
    Ok(state)
}

/// The tensors of the state dict, as the pickle describes them; all together have no more than `budget` bytes.
fn tensors_of(
    pickle: &Pickle<'_>,
    mut budget: u64,
    path: &Path,
) -> Result<Vec<(String, Strided)>, WeightsError> {
    let entries = state_entries(pickle, path)?.into_iter();
    let tensors = entries.map(|(key, id)| {
        let array = |why: String| WeightsError::Array {
            key: key.clone(),
            why,
            path: path.into(),
        };
        let tensor = Strided::describe(pickle, id).map_err(array)?;
        // Checked before allocation: a view may repeat its storage without end.
        budget = budget
            .checked_sub(tensor.bytes())
            .ok_or_else(|| array("the arrays claim more bytes than the file has".into()))?;
        Ok((key, tensor))
    });
    tensors.collect()
}

/// A storage's numbers, and what lies behind them.
fn split(bytes: &[u8], number: Number) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let count = usize::try_from(i64::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(count.checked_mul(number.size())?)
}
