//! A plan that trains every model small and predicts with what they learned: other plans, each with changes.

use serde::{Deserialize, Serialize};

use super::flow::Flow;
use super::training::TrainPlan;
use super::video_predict::VideoPredictPlan;

/// A plan that trains models one after the other and then predicts with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpeedrunPlan {
    /// Which flow: `speedrun`.
    pub flow: Flow,
    /// The seed of everything random, in place of those of the plans.
    #[serde(default)]
    pub seed: u64,
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

/// The plans of a speedrun, each whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Folder names and trainings, in order.
    pub trainings: Vec<(String, TrainPlan)>,
    /// The prediction.
    pub predict: VideoPredictPlan,
}
