//! `answers.csv`: one row an answer.

use std::path::Path;

use crate::artifacts::RunError;
use crate::artifacts::files::write_rows;
use crate::stages::clevrer::answers::AnswerRecord;

/// Writes `answers.csv`.
///
/// # Errors
/// When it cannot be written.
pub fn write_answers(path: &Path, rows: &[AnswerRecord]) -> Result<(), RunError> {
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
    let head = head.map(str::to_owned);
    write_rows(
        path,
        std::iter::once(head).chain(rows.iter().map(AnswerRecord::record)),
    )
}
