//! The tables of a run on disk: [`Scores`].

use serde::{Deserialize, Serialize};
use slotflow_eval::{ItemTable, ItemValue, Score, ScoreTable};

use crate::artifacts::{Artifact, Table};

/// The tables of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvaluationTables {
    /// Rows of `scores.csv`: one a number.
    pub scores: Vec<Score>,
    /// Rows of `items.csv`: one a value of an item.
    pub items: Vec<ItemValue>,
}

impl EvaluationTables {
    /// The tables as they are written: `scores.csv` and `items.csv`.
    pub fn into_tables(self) -> (ScoreTable, ItemTable) {
        let scores = ScoreTable { rows: self.scores };
        (scores, ItemTable { rows: self.items })
    }
}

/// The tables of an evaluation on disk.
pub type Scores = Artifact<Table<EvaluationTables>>;
