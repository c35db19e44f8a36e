//! A plan that trains one model under several values of a setting and compares what comes out.

use serde::{Deserialize, Serialize};

use super::speedrun::Part;
use crate::plan::flow::Flow;
use crate::plan::segment::SegmentPlan;
use crate::plan::training::TrainPlan;

/// A plan that trains under several values of one setting, several seeds each, with equal budgets, and evaluates each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AblationPlan {
    /// Which flow: `ablation`.
    pub flow: Flow,
    /// The first seed of the trainings, and the seed of all evaluations.
    #[serde(default)]
    pub seed: u64,
    /// Seeds that every value is trained with.
    pub seeds: u64,
    /// The setting of the training that is varied.
    pub key: String,
    /// Its values.
    pub values: Vec<toml::Value>,
    /// Steps of every training, in place of those of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Test clips of every evaluation, in place of those of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clips: Option<usize>,
    /// Pairs of measures that are drawn against each other, `SUBSET/METRIC` each.
    #[serde(default)]
    pub figures: Vec<[String; 2]>,
    /// The training.
    pub train: Part,
    /// How what was trained is evaluated. In its folder, `runs/train` holds the weights.
    pub segment: Part,
}

/// One training of an ablation, and its evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name: the last part of the key with the value, and the seed.
    pub name: String,
    /// The value, as TOML.
    pub value: String,
    /// The seed of the training.
    pub seed: u64,
    /// The training.
    pub training: TrainPlan,
    /// The evaluation.
    pub evaluation: SegmentPlan,
}

/// Folder of a case's weights, inside its own.
pub const TRAINING: &str = "train";

/// Folder of a case's evaluation, inside its own.
pub const EVALUATION: &str = "segment";
