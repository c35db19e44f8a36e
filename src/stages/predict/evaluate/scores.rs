//! The tables of a run on disk: [`Scores`].

use slotflow_datasets::ClipId;
use slotflow_eval::{ItemTable, ScoreTable};

use crate::artifacts::{Artifact, RunError};

/// Scores on disk.
#[derive(Debug, Clone)]
pub struct Scores(pub Artifact);

impl Scores {
    /// The two tables: one row a number, one row a value of an item.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn tables(&self) -> Result<(ScoreTable, ItemTable), RunError> {
        let (scores, items) = self.0.read(&ClipId::new("scores"))?.note()?;
        Ok((ScoreTable { rows: scores }, ItemTable { rows: items }))
    }
}
