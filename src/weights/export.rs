//! Weights files of ours → one file under the official names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::import::BUFFERS;
use super::official::{OfficialModel, STABLE_DIFFUSION};
use super::{Precision, StateDict, WeightsError, WeightsFile, write_safetensors};

/// The official state dict of the weights files in a folder, or of one file.
///
/// Without `name` it is of the model that the files were imported as. A folder must hold every module of that
/// model; a file alone gives its own.
///
/// # Errors
/// When files are missing, when nothing says which model it is, or when a model has what the official one
/// has not.
pub fn official_state(from: &Path, name: Option<&str>) -> Result<StateDict, WeightsError> {
    let parts = |reason: String| WeightsError::Parts {
        reason,
        path: from.into(),
    };
    let files = read_all(from)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => imported_as(&files).map_err(parts)?,
    };
    if name == STABLE_DIFFUSION {
        return Err(WeightsError::ImportOnly {
            name,
            path: from.into(),
        });
    }
    let model = OfficialModel::named(&name)?;
    let layout = model.layout()?;
    let mut found = BTreeMap::new();
    let mut buffers = StateDict::new(from);
    for file in files {
        let part = layout
            .parts
            .iter()
            .find(|part| part.model == file.header.model);
        if let Some(part) = part {
            check_expressible(&file)?;
            found.insert(part.name, file.state);
        } else if file.header.model == BUFFERS && file.header.training["official"] == model.name {
            buffers = file.state;
        }
    }
    let lacks = layout
        .parts
        .iter()
        .filter(|part| !found.contains_key(part.name));
    let lacks: Vec<_> = lacks.map(|part| format!("`{}`", part.model)).collect();
    if found.is_empty() || from.is_dir() && !lacks.is_empty() {
        let lacks = lacks.join(", ");
        return Err(parts(format!(
            "no {lacks}, which `{}` consists of",
            model.name
        )));
    }
    let mut state = layout.merge(found)?;
    state.entries.extend(buffers.entries);
    state.source = from.into();
    Ok(state)
}

/// Writes an official state dict as safetensors that PyTorch's readers take.
///
/// # Errors
/// When the file system refuses.
pub fn write_official(state: &StateDict, path: &Path) -> Result<(), WeightsError> {
    let metadata = json!({ "format": "pt" });
    write_safetensors(state, Some(&metadata), path, Precision::Single)
}

fn read_all(from: &Path) -> Result<Vec<WeightsFile>, WeightsError> {
    if !from.is_dir() {
        return Ok(vec![WeightsFile::read(from)?]);
    }
    let io = |source| WeightsError::Io {
        doing: "read",
        source,
        path: from.into(),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(from).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path
            .extension()
            .is_some_and(|ending| ending == "safetensors")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(WeightsFile::read).collect()
}

/// The one model that all files were imported as.
fn imported_as(files: &[WeightsFile]) -> Result<String, String> {
    let names = files
        .iter()
        .filter_map(|file| file.header.training["official"].as_str());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [name] => Ok(name.to_owned()),
        [] => Err("nothing here was imported, so nothing says which official model it is".into()),
        _ => Err(format!(
            "weights of several official models: {}",
            names.join(", ")
        )),
    }
}

/// Refuses settings that change what a model computes and that the official code does not have.
fn check_expressible(file: &WeightsFile) -> Result<(), WeightsError> {
    let config = &file.header.config;
    let lacking = ["latent-stats", "first-iterations"];
    match lacking
        .into_iter()
        .find(|key| config.get(key).is_some_and(|value| !value.is_null()))
    {
        None => Ok(()),
        Some(key) => Err(WeightsError::Parts {
            reason: format!("`{key}` is set, which the official code does not have"),
            path: file.state.source.clone(),
        }),
    }
}
