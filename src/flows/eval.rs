//! Predictions in folders → tables, and a page about them.

use std::path::PathBuf;

use slotflow_eval::EvalError;
use slotflow_eval::tables::{Row, Table};

use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::lock::PathLock;
use crate::artifacts::{Invocation, RunError};
use crate::metrics::{Evaluation, MetricsError, Request, evaluate};
use crate::stages::report::evaluation_page;

/// Files that [`eval`] writes.
#[derive(Debug, Clone)]
pub struct EvalFiles {
    /// `scores.csv`
    pub scores: PathBuf,
    /// `items.csv`
    pub items: PathBuf,
    /// The page, where one is wanted.
    pub report: Option<PathBuf>,
    /// The command that asks, for the page.
    pub invocation: Option<Invocation>,
}

/// Evaluates predictions against truth, and writes the tables and the page. Nothing is written where nothing can be
/// evaluated.
///
/// # Errors
/// As [`evaluate`]; a file that cannot be written.
pub fn eval(request: &Request, files: &EvalFiles) -> Result<Evaluation, MetricsError> {
    let _lock = PathLock::take(&files.scores)?;
    let evaluation = evaluate(request)?;
    if let Some(folder) = files.scores.parent() {
        make_dir(folder)?;
    }
    write_atomic(&files.items, &bytes(&evaluation.items)?)?;
    write_atomic(&files.scores, &bytes(&evaluation.scores)?)?;
    if let Some(path) = &files.report {
        evaluation_page::write(request, &evaluation, path, files.invocation.as_ref())?;
    }
    Ok(evaluation)
}

/// A table as CSV. What cannot be written is no refusal of the request but a failure of the run.
fn bytes<R: Row>(table: &Table<R>) -> Result<Vec<u8>, RunError> {
    let mut bytes = Vec::new();
    let written: Result<(), EvalError> = table.write(&mut bytes);
    written.map_err(|error| RunError::Unfit {
        reason: error.to_string(),
    })?;
    Ok(bytes)
}
