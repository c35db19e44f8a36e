//! A training's state on disk: model, optimiser and running average at one step, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::RunError;
use crate::weights::{Header, Precision, StateDict, WeightsFile};

use super::TrainError;
use super::adam::Adam;

/// Everything that the rest of a training depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// The model's parameters.
    pub model: StateDict,
    /// The optimiser.
    pub adam: Adam,
    /// The running average of the parameters, where one is kept.
    pub average: Option<StateDict>,
}

impl Checkpoint {
    /// Writes the checkpoint and removes all but the newest `keep`.
    ///
    /// # Errors
    /// When the file system says no; the checkpoints before it stay then.
    pub fn write(&self, folder: &Path, keep: usize) -> Result<(), TrainError> {
        let mut state = StateDict::default();
        let mut put = |prefix: &str, part: &StateDict| {
            for (key, value) in &part.entries {
                state.insert(format!("{prefix}.{key}"), value.clone());
            }
        };
        put("model", &self.model);
        put("adam", &self.adam.state());
        if let Some(average) = &self.average {
            put("average", average);
        }
        let header = Header::new("checkpoint", &self.step, "training")?;
        WeightsFile { header, state }.write(path_of(folder, self.step), Precision::Single)?;
        let mut older: Vec<(u64, PathBuf)> = all(folder);
        older.truncate(older.len().saturating_sub(keep));
        for (_, path) in older {
            fs::remove_file(&path).map_err(|source| RunError::Io {
                action: "remove",
                source,
                path,
            })?;
        }
        Ok(())
    }

    /// The newest checkpoint in a folder; `None` where there is none.
    ///
    /// # Errors
    /// When the newest one cannot be read.
    pub fn newest(folder: &Path) -> Result<Option<Self>, TrainError> {
        let newest = all(folder).pop();
        newest
            .map(|(step, path)| Self::read(&path, step))
            .transpose()
    }

    /// The model that a training had come to: its running average where one is kept.
    ///
    /// # Errors
    /// When the file cannot be read or is no checkpoint.
    pub fn model_of(path: &Path) -> Result<StateDict, TrainError> {
        let found = Self::read(path, 0)?;
        Ok(found.average.unwrap_or(found.model))
    }

    fn read(path: &Path, step: u64) -> Result<Self, TrainError> {
        let file = WeightsFile::read(path)?;
        let mut parts: BTreeMap<&str, StateDict> = BTreeMap::new();
        for (key, value) in &file.state.entries {
            if let Some((prefix, key)) = key.split_once('.') {
                parts.entry(prefix).or_default().insert(key, value.clone());
            }
        }
        let bad = |reason: &str| TrainError::Checkpoint {
            reason: reason.to_owned(),
            path: path.to_owned(),
        };
        let model = parts.remove("model").ok_or_else(|| bad("no model"))?;
        let adam = parts
            .remove("adam")
            .and_then(|state| Adam::from_state(&state));
        let adam = adam.ok_or_else(|| bad("no optimiser"))?;
        Ok(Self {
            step,
            model,
            adam,
            average: parts.remove("average"),
        })
    }
}

fn path_of(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("checkpoint-{step:08}.safetensors"))
}

/// The checkpoints in a folder, oldest first.
fn all(folder: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let step_of = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("checkpoint-")?
            .strip_suffix(".safetensors")?
            .parse()
            .ok()
    };
    let mut found: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((step_of(&entry.path())?, entry.path())))
        .collect();
    found.sort();
    found
}
