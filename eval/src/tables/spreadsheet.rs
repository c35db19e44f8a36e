//! Cells that a spreadsheet would run: names of files and words of questions may begin like a formula.
//!
//! Such a cell is written with a quote before it, which spreadsheets take for the sign of a text; numbers stay as they are.
//! `Table` takes the quote away again when it reads.
//!
//! Source: OWASP, CSV Injection, <https://owasp.org/www-community/attacks/CSV_Injection>.

use std::borrow::Cow;

/// The sign of a text.
const QUOTE: char = '\'';

/// Whether a cell begins like a formula, be it behind quotes.
fn begins_formula(cell: &str) -> bool {
    cell.trim_start_matches(QUOTE)
        .starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// The cell as it is written.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if begins_formula(cell) && cell.parse::<f64>().is_err() {
        Cow::Owned(format!("{QUOTE}{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The cell as it was before it was written.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(QUOTE) {
        Some(rest) if begins_formula(rest) => rest,
        _ => cell,
    }
}

/// A CSV text with all of its cells guarded.
///
/// # Errors
/// When it is no CSV text.
pub fn guarded_csv(text: &[u8]) -> Result<Vec<u8>, csv::Error> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut out = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows.records() {
        out.write_record(row?.iter().map(|cell| guarded(cell).into_owned()))?;
    }
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_come_back_and_numbers_stay() {
        for (cell, written) in [
            ("=HYPERLINK(\"a\")", "'=HYPERLINK(\"a\")"),
            ("@sum", "'@sum"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-a.mp4", "'-a.mp4"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("-0.5", "-0.5"),
            ("1e-3", "1e-3"),
            ("it's", "it's"),
            ("'quoted", "'quoted"),
            ("", ""),
        ] {
            assert_eq!(guarded(cell), written, "{cell}");
            assert_eq!(unguarded(written), cell, "{written}");
        }
        let text = guarded_csv(b"clip,psnr\n=1+1,-3.5\n").unwrap();
        assert_eq!(text, b"clip,psnr\n'=1+1,-3.5\n");
    }
}
