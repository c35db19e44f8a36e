//! A plan that trains every model small and predicts with what they learned: other plans, each with changes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::source::Needs;
use slotflow_datasets::{Dataset, GroundTruth};

use crate::plan::flow::Flow;
use crate::plan::training::TrainPlan;
use crate::plan::video_predict::VideoPredictPlan;

/// A plan that trains models one after the other and then predicts with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpeedrunPlan {
    /// Which flow: `speedrun`.
    pub flow: Flow,
    /// The seed of everything random, in place of those of the plans.
    #[serde(default)]
    pub seed: u64,
    /// The data set of every training and of the prediction, in place of those of the plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataChoice>,
    /// The prediction at the end.
    pub predict: Part,
    /// The trainings, in order.
    pub train: Vec<Part>,
}

/// Another plan with changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name or file.
    pub plan: String,
    /// Changes of the form `table.key=value`. What begins with `runs/` is meant inside the folder of the whole run.
    #[serde(default)]
    pub set: Vec<String>,
}

impl Part {
    /// The last part of the plan's name: its folder.
    pub fn name(&self) -> &str {
        let last = self.plan.rsplit('/').next().unwrap_or(&self.plan);
        last.trim_end_matches(".toml")
    }
}

/// A data set, as `--videos`, `--dataset` and `--root` name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataChoice {
    /// The data set; `videos` for own files.
    pub dataset: Dataset,
    /// The folder of a data set on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Video files and folders of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub videos: Vec<PathBuf>,
}

impl DataChoice {
    /// The choice as changes of a training (`data`) or a prediction (`decode`).
    fn changes(&self, table: &str) -> Vec<String> {
        let quoted = |path: &PathBuf| toml::Value::String(path.display().to_string()).to_string();
        let mut changes = vec![format!("{table}.dataset={}", self.dataset)];
        changes.extend(
            self.root
                .as_ref()
                .map(|root| format!("{table}.root={}", quoted(root))),
        );
        if !self.videos.is_empty() {
            let videos: Vec<String> = self.videos.iter().map(quoted).collect();
            changes.push(format!("{table}.videos=[{}]", videos.join(", ")));
        }
        changes
    }

    /// The choice as changes of a training.
    pub fn of_training(&self) -> Vec<String> {
        self.changes("data")
    }

    /// The choice as changes of a prediction: of test clips, cut from start to end where they are own videos.
    pub fn of_prediction(&self) -> Vec<String> {
        let mut changes = self.changes("decode");
        if self.dataset.needs() == Needs::Videos {
            let own = ["split-own=true", "windows=true", "stride=unset"];
            changes.extend(own.map(|change| format!("decode.{change}")));
        }
        changes
    }
}

/// The plans of a speedrun, each whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Trainings that the data set cannot serve, and what it lacks.
    pub skipped: Vec<(String, GroundTruth)>,
    /// Folder names and trainings, in order.
    pub trainings: Vec<(String, TrainPlan)>,
    /// The prediction.
    pub predict: VideoPredictPlan,
}
