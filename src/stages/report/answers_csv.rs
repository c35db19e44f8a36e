//! `answers.csv`: one row an answer.

use std::path::Path;

use crate::artifacts::RunError;
use crate::artifacts::files::write_atomic;
use crate::stages::clevrer::answers::AnswerRecord;

/// Writes `answers.csv`.
///
/// # Errors
/// When it cannot be written.
pub fn write_answers(path: &Path, rows: &[AnswerRecord]) -> Result<(), RunError> {
    let fault = |error: &dyn std::fmt::Display| RunError::Unfit {
        reason: format!("cannot write ({error}): `{}`", path.display()),
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    let head = [
        "video",
        "question_id",
        "type",
        "question",
        "option",
        "program",
        "truth",
        "answer",
        "probability",
    ];
    table.write_record(head).map_err(|error| fault(&error))?;
    for row in rows {
        table
            .write_record(row.record())
            .map_err(|error| fault(&error))?;
    }
    let bytes = table.into_inner().map_err(|error| fault(&error))?;
    write_atomic(path, &bytes)
}
