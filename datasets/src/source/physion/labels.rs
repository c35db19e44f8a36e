//! Physion's label files, as the authors, pandas and spreadsheets write them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::DataError;
use crate::listing::unreadable;
use crate::regular;

/// What a spreadsheet writes before its text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A video's name as labels write it: without what the renderings add.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.trim_end_matches("_img").replace("-redyellow", "")
}

/// Labels of clips by name, from a label file.
///
/// The columns are separated by commas, semicolons or tabs, as the first line says. The labels stand under
/// `ground truth outcome` or `label`, the names in the first other column that is not all numbers: pandas writes a column
/// of row numbers before it.
///
/// # Errors
/// When it cannot be read, has no such column, says something else than true or false, or gives a clip two labels that
/// differ.
pub fn read_labels(path: &Path) -> Result<BTreeMap<String, bool>, DataError> {
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: path.to_owned(),
    };
    let bytes = regular::read(path).map_err(|source| unreadable(source, path))?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(malformed(
            "text in UTF-16; save the table as UTF-8".to_owned(),
        ));
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let mut table = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .from_reader(text);
    let error = |error: csv::Error| malformed(error.to_string());
    let head = table.headers().map_err(error)?;
    let column = head.iter().position(is_label);
    let column = column.ok_or_else(|| {
        malformed("no column is called `ground truth outcome` or `label`".to_owned())
    })?;
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().map_err(error)?;
    let name_column = name_column(&rows, column);
    let mut labels = BTreeMap::new();
    for row in &rows {
        let cell = |column: usize| row.get(column).unwrap_or_default().trim();
        let (written, said) = (cell(name_column), cell(column));
        if written.is_empty() && said.is_empty() {
            // Spreadsheets leave empty rows behind.
            continue;
        }
        let yes = truth(said).ok_or_else(|| {
            malformed(format!(
                "the label of `{written}` is `{said}`, neither True nor False"
            ))
        })?;
        let name = name_of(Path::new(&format!(
            "{}.csv",
            written.trim_end_matches(".mp4")
        )));
        if labels
            .insert(name.clone(), yes)
            .is_some_and(|before| before != yes)
        {
            return Err(malformed(format!("`{name}` has two labels that differ")));
        }
    }
    Ok(labels)
}

/// The separator of columns that the first line has most of; a comma where it has none.
fn separator(text: &[u8]) -> u8 {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| first.split(|byte| *byte == separator).count();
    // Of equals the last counts.
    let all = [b'\t', b';', b','];
    all.into_iter()
        .max_by_key(|one| count(*one))
        .unwrap_or(b',')
}

fn is_label(column: &str) -> bool {
    let column = column.trim().to_lowercase();
    matches!(column.as_str(), "ground truth outcome" | "label")
}

/// The first column beside the labels that is not all numbers; the first column where there is none.
fn name_column(rows: &[csv::StringRecord], labels: usize) -> usize {
    let columns = rows.first().map_or(0, csv::StringRecord::len);
    let is_number = |cell: &str| cell.trim().is_empty() || cell.trim().parse::<f64>().is_ok();
    let named = |column: &usize| {
        let cells = rows.iter().filter_map(|row| row.get(*column));
        *column != labels && cells.into_iter().any(|cell| !is_number(cell))
    };
    (0..columns).find(named).unwrap_or(0)
}

/// What pandas and spreadsheets write for true and false.
fn truth(said: &str) -> Option<bool> {
    match said.to_lowercase().as_str() {
        "true" | "1" | "1.0" => Some(true),
        "false" | "0" | "0.0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<BTreeMap<String, bool>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        fs::write(&path, text).unwrap();
        read_labels(&path)
    }

    #[test]
    fn labels_are_read_as_pandas_and_spreadsheets_write_them() {
        let expected = BTreeMap::from([("a_01".to_owned(), true), ("b_01".to_owned(), false)]);
        for text in [
            ",ground truth outcome\na_01-redyellow_img,True\nb_01,False\n",
            "\u{feff}stimulus;ground truth outcome\r\na_01_img;TRUE\r\nb_01_img;FALSE\r\n;\r\n",
            "\"\",\"ground truth outcome\"\n\"a_01\",\"true\"\n\"b_01\",\"false\"\n",
            ",Unnamed: 0,stim,seed,Ground Truth Outcome\n0,0,a_01,7,1.0\n1,1,b_01,7,0.0\n",
            "name\tlabel\na_01.mp4\t1\nb_01.mp4\t0",
            "label,\"name, long\"\n1, a_01\n0, b_01\n",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_says_something_else_is_named() {
        for (text, reason) in [
            (
                &b",label\na_01,maybe\n"[..],
                "the label of `a_01` is `maybe`",
            ),
            (b",label\na_01,\n", "the label of `a_01` is ``"),
            (b",colour\na_01,True\n", "no column is called"),
            (b"", "no column is called"),
            (
                b",label\na_01,True\na_01_img,False\n",
                "two labels that differ",
            ),
            (b",label\na_01,True,7\n", "found record with 3 fields"),
            (b"\xff\xfe,\0l\0", "UTF-16"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(
                said.contains(reason) && said.contains("labels.csv"),
                "{said}"
            );
        }
    }
}
