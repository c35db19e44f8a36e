//! Which stages a plan runs.

use serde::{Deserialize, Serialize};

/// What a plan's `flow` says: which stages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Decode, encode, roll out, render, answer, evaluate, report.
    #[default]
    VideoPredict,
    /// Decode, encode, answer, score, report.
    ClevrerVqa,
    /// Decode, encode, roll out, read out, score, report.
    PhysionVqa,
    /// Decode, encode, segment, score, report.
    Segment,
    /// Decode, encode, compose, render, evaluate, report.
    Compose,
    /// Decode, encode, edit, render, compare with the truth.
    EditBenchmark,
    /// Train one model.
    Train,
    /// Train several, then predict with them.
    Speedrun,
    /// Train under several values of a setting, evaluate each, compare.
    Ablation,
}
