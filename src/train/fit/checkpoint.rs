//! A training's state on disk: model, optimiser and running average at one step, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifacts::RunError;
use crate::artifacts::progress::say;
use crate::models::WeightsKind;
use crate::weights::{Header, Precision, StateDict, Value, WeightsError, WeightsFile};

use crate::train::error::TrainError;
use crate::train::fit::adam::Adam;
use crate::train::monitor::loss_spikes::LossHistory;

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
    /// Losses so far.
    pub losses: LossHistory,
}

/// The model that validated best so far.
#[derive(Debug, Clone, PartialEq)]
pub struct BestModel {
    /// Step and value of its validation.
    pub score: ValidationScore,
    /// The model's parameters: the running average where one is kept.
    pub model: StateDict,
}

/// The figure of a validation that models are chosen by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValidationScore {
    /// Steps done.
    pub step: u64,
    /// The figure.
    pub figure: String,
    /// Its value.
    pub value: f64,
    /// Which values are better.
    pub better: Better,
}

impl ValidationScore {
    /// Whether this is better than an earlier one.
    pub fn beats(&self, earlier: &Self) -> bool {
        match self.better {
            Better::Smaller => self.value < earlier.value,
            Better::Larger => self.value > earlier.value,
        }
    }
}

/// Which values of a figure are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Errors.
    Smaller,
    /// Shares of what is right.
    Larger,
}

impl BestModel {
    /// The best model in a folder; `None` where nothing was validated, or the file is damaged, which is said.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, TrainError> {
        let path = folder.join(BEST);
        if !path.exists() {
            return Ok(None);
        }
        match Self::read(path) {
            Err(TrainError::Weights(error @ WeightsError::Damaged { .. })) => {
                say(&format!(
                    "warning: {error}; the best of the models from here on is kept"
                ));
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    fn read(path: PathBuf) -> Result<Self, TrainError> {
        let file = WeightsFile::read(&path)?;
        let score = file.config(WeightsKind::Best)?;
        let model = parts(&with_current_names(file.state))
            .remove("model")
            .ok_or_else(|| {
                let reason = "no model".to_owned();
                TrainError::Checkpoint { reason, path }
            })?;
        Ok(Self { score, model })
    }

    /// Writes it in place of the one before.
    ///
    /// # Errors
    /// When a parameter is no number, or the file system says no; the one before stays then.
    pub fn write(
        score: &ValidationScore,
        model: &StateDict,
        folder: &Path,
    ) -> Result<(), TrainError> {
        let mut state = StateDict::default();
        put(&mut state, "model", model);
        let header = Header::new(WeightsKind::Best, score, "training")?;
        Ok(WeightsFile { header, state }.write(folder.join(BEST), Precision::Single)?)
    }
}

const BEST: &str = "best.safetensors";

/// Modules that have another name since: before, and now.
const RENAMED: [(&str, &str); 1] = [("summary.", "probe.")];

/// The parts of a checkpoint whose keys are parameter paths, and what stands before the path there.
const PARAMETERS: [&str; 4] = ["model.", "average.", "adam.first.", "adam.second."];

/// The arrays of a file with the parameter paths of today, whatever version wrote it.
fn with_current_names(state: StateDict) -> StateDict {
    let mut renamed = StateDict {
        entries: BTreeMap::new(),
        ..state
    };
    for (key, value) in state.entries {
        renamed.insert(current_name(&key).unwrap_or(key), value);
    }
    renamed
}

/// The key of today; `None` where it has not changed.
fn current_name(key: &str) -> Option<String> {
    let prefix = PARAMETERS.iter().find(|prefix| key.starts_with(**prefix))?;
    let path = &key[prefix.len()..];
    let (earlier, now) = RENAMED
        .iter()
        .find(|(earlier, _)| path.starts_with(earlier))?;
    Some(format!("{prefix}{now}{}", &path[earlier.len()..]))
}

fn put(state: &mut StateDict, prefix: &str, part: &StateDict) {
    for (key, value) in &part.entries {
        state.insert(format!("{prefix}.{key}"), value.clone());
    }
}

/// What stands under each prefix.
fn parts(state: &StateDict) -> BTreeMap<&str, StateDict> {
    let mut parts: BTreeMap<&str, StateDict> = BTreeMap::new();
    for (key, value) in &state.entries {
        if let Some((prefix, key)) = key.split_once('.') {
            parts.entry(prefix).or_default().insert(key, value.clone());
        }
    }
    parts
}

impl Checkpoint {
    /// Writes the checkpoint and removes all but the newest `keep`.
    ///
    /// # Errors
    /// When the file system says no; the checkpoints before it stay then.
    pub fn write(&self, folder: &Path, keep: usize) -> Result<(), TrainError> {
        let mut state = StateDict::default();
        put(&mut state, "model", &self.model);
        put(&mut state, "adam", &self.adam.state());
        if let Some(average) = &self.average {
            put(&mut state, "average", average);
        }
        let losses = self.losses.numbers();
        state.insert("watch.losses", Value::f32([losses.len()], losses));
        let header = Header::new(WeightsKind::Checkpoint, &self.step, "training")?;
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

    /// The newest checkpoint in a folder that is whole; `None` where there is none. Damaged ones are named, and the one
    /// before is taken.
    ///
    /// # Errors
    /// When there are checkpoints and not one can be read.
    pub fn newest(folder: &Path) -> Result<Option<Self>, TrainError> {
        let mut first = None;
        for (step, path) in all(folder).into_iter().rev() {
            match Self::read(&path, step) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(error) => {
                    say(&format!(
                        "warning: {error}; the checkpoint before it is taken"
                    ));
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// The file of the newest checkpoint in a folder.
    pub fn newest_path(folder: &Path) -> Option<PathBuf> {
        all(folder).pop().map(|(_, path)| path)
    }

    /// The model that a training had come to, its running average where one is kept; or the model of a weights file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn model_of(path: &Path) -> Result<StateDict, TrainError> {
        let file = WeightsFile::read(path)?;
        let state = with_current_names(file.state);
        if !matches!(
            file.header.model,
            WeightsKind::Checkpoint | WeightsKind::Best
        ) {
            return Ok(state);
        }
        let mut parts = parts(&state);
        let model = parts.remove("average").or_else(|| parts.remove("model"));
        let mut model = model.ok_or_else(|| TrainError::Checkpoint {
            reason: "no model".to_owned(),
            path: path.to_owned(),
        })?;
        path.clone_into(&mut model.source);
        Ok(model)
    }

    fn read(path: &Path, step: u64) -> Result<Self, TrainError> {
        let state = with_current_names(WeightsFile::read(path)?.state);
        let mut parts = parts(&state);
        let bad = |reason: &str| TrainError::Checkpoint {
            reason: reason.to_owned(),
            path: path.to_owned(),
        };
        let model = parts.remove("model").ok_or_else(|| bad("no model"))?;
        let adam = parts
            .remove("adam")
            .and_then(|state| Adam::from_state(&state));
        let adam = adam.ok_or_else(|| bad("no optimiser"))?;
        let losses = parts.remove("watch").and_then(|state| {
            let values = state.get("losses")?.as_f32()?;
            Some(LossHistory::from_numbers(values))
        });
        let losses = losses.unwrap_or_default();
        Ok(Self {
            step,
            model,
            adam,
            average: parts.remove("average"),
            losses,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_under_the_names_of_earlier_versions() {
        for (earlier, now) in [
            ("model.summary.weight", Some("model.probe.weight")),
            ("adam.second.summary.bias", Some("adam.second.probe.bias")),
            ("model.encoder.summary.weight", None),
            ("watch.losses", None),
        ] {
            assert_eq!(current_name(earlier).as_deref(), now, "{earlier}");
        }
    }
}
