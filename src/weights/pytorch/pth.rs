//! The official checkpoints: zip files of PyTorch 1.6 and later, a pickle beside raw numbers.
//!
//! Source: `torch/serialization.py` (`_save`), `torch/_utils.py` (`_rebuild_tensor_v2`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use slotflow_datasets::regular;
use zip::{CompressionMethod, ZipArchive};

use super::budget::{Budget, Spent};
use super::pickle::{Id, Node, Pickle};
use crate::weights::{StateDict, WeightsError};

mod legacy;
mod numbers;
mod state_dict;
mod strided;

use numbers::stored_value;
use state_dict::{is_allowed, state_entries, tensors, unreadable};
use strided::Strided;

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
/// The file holds either the state dict itself or a dict with `state_dict`, `model` or the like and the trainer's
/// fields, which are skipped. Prefixes of wrappers (`module.`, `_orig_mod.`) are dropped. Where a tensor lived
/// (`cuda:0`) does not matter.
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
    let length = archive.length as usize;
    if pickle.fields(pickle.root()).is_some() {
        let entries = script_entries(&pickle, bytes.len());
        let entries = entries.map_err(|spent| WeightsError::Damaged {
            why: spent.into(),
            path: path.clone(),
        })?;
        let tensors = tensors(&pickle, &entries, (length, &path))?;
        return Ok((archive.read(tensors)?, Container::TorchScript));
    }
    let entries = state_entries(&pickle, &path)?;
    let tensors = tensors(&pickle, &entries, (length, &path))?;
    Ok((archive.read(tensors)?, Container::Checkpoint))
}

/// Names and nodes of the tensors in a compiled model.
fn script_entries(pickle: &Pickle<'_>, length: usize) -> Result<Vec<(String, Id)>, Spent> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), pickle.root())];
    let mut seen = std::collections::BTreeSet::new();
    // A name is as long as the way to it.
    let mut budget = Budget::of(length);
    while let Some((prefix, module)) = open.pop() {
        // A module that two fields share, or that holds itself, is read once.
        if !seen.insert(module) {
            continue;
        }
        for (key, value) in pickle.fields(module).unwrap_or_default() {
            let Node::Text(name) = pickle.node(*key) else {
                continue;
            };
            budget.spend(size_of::<(String, Id)>() + prefix.len() + name.len())?;
            let name = format!("{prefix}{name}");
            if pickle.fields(*value).is_some() {
                open.push((format!("{name}."), *value));
            } else if Strided::describe(pickle, *value).is_ok() {
                found.push((name, *value));
            }
        }
    }
    Ok(found)
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
        let file = regular::open(path).map_err(io)?;
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

    /// The numbers of tensors; each storage is read once, and whole, for a checksum stands at its end.
    fn read(&mut self, tensors: BTreeMap<String, Strided<'_>>) -> Result<StateDict, WeightsError> {
        let path = self.path.clone();
        let mut state = StateDict::new(path.clone());
        // Records may lie over each other in a zip file: all together are no more than the file could hold.
        let mut budget = Budget::of(self.length as usize);
        let mut by_storage: BTreeMap<&str, Vec<(String, Strided<'_>)>> = BTreeMap::new();
        for (key, tensor) in tensors {
            let of_storage = by_storage.entry(tensor.storage.record).or_default();
            of_storage.push((key, tensor));
        }
        for (record, tensors) in by_storage {
            let mut storage = None;
            for (key, tensor) in tensors {
                let array = |why: String| WeightsError::Array {
                    key: key.clone(),
                    why,
                    path: path.clone(),
                };
                let bytes = match &mut storage {
                    Some(bytes) => bytes,
                    none => none.insert(self.storage(record, &mut budget).map_err(array)?),
                };
                let value = stored_value(bytes, &tensor).map_err(array)?;
                state.insert(key, value);
            }
        }
        Ok(state)
    }

    /// The bytes of a storage.
    fn storage(&mut self, record: &str, budget: &mut Budget) -> Result<Vec<u8>, String> {
        let (size, mut record) = self.record(&format!("data/{record}"))?;
        budget.spend(size as usize)?;
        let mut bytes = Vec::with_capacity(size as usize);
        record
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
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
