//! Tables of contact prediction.

use serde::{Deserialize, Serialize};
use slotflow_eval::Score;

use crate::artifacts::{Artifact, Table};

/// One answer: whether the two objects of a clip touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactAnswer {
    /// The clip.
    pub video: String,
    /// Physion's scenario: `Collide`, `Roll`, …
    pub scenario: String,
    /// Frames that the readout looks at, and the protocol: `observed/honest`.
    pub column: String,
    /// `yes` or `no`.
    pub truth: String,
    /// `yes` or `no`.
    pub answer: String,
    /// Probability of yes, with four digits.
    pub probability: String,
}

/// Scores and answers of contact prediction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContactTables {
    /// Rows of `scores.csv`: one a number.
    pub scores: Vec<Score>,
    /// Rows of `answers.csv`: one a clip and protocol.
    pub answers: Vec<ContactAnswer>,
}

/// Scores and answers of contact prediction on disk.
pub type ContactScores = Artifact<Table<ContactTables>>;
