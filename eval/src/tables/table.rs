//! Tables with one typed row per line, as CSV.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::spreadsheet::{guarded_csv, unguarded};
use crate::error::EvalError;

/// A table with one typed row per line: [`ScoreTable`](super::ScoreTable) or [`ItemTable`](super::ItemTable).
#[derive(Debug, Clone, PartialEq)]
pub struct Table<R> {
    /// The rows, in the order in which they are written.
    pub rows: Vec<R>,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<R> FromIterator<R> for Table<R> {
    fn from_iter<T: IntoIterator<Item = R>>(rows: T) -> Self {
        Self {
            rows: rows.into_iter().collect(),
        }
    }
}

/// A row of a [`Table`].
pub trait Row: Serialize + DeserializeOwned {
    /// What the rows are called in messages.
    const NAME: &'static str;
    /// Names of the columns, in the order in which a row is serialised.
    const COLUMNS: &'static [&'static str];

    /// The words of the key, and every number of the row; none may be NaN.
    fn numbers(&self) -> (String, Vec<Option<f64>>);
}

impl<R: Row> Table<R> {
    /// Writes a header and the rows as CSV. Numbers are in the shortest form that reads back to the same bits.
    ///
    /// # Errors
    /// A NaN in a row (an undefined value must be absent), or a writer that fails.
    pub fn write(&self, mut out: impl Write) -> Result<(), EvalError> {
        for row in &self.rows {
            let (key, numbers) = row.numbers();
            if numbers.into_iter().flatten().any(f64::is_nan) {
                return Err(EvalError::NotFinite {
                    what: R::NAME,
                    place: key,
                });
            }
        }
        let table = |source| EvalError::Table {
            what: R::NAME,
            source,
        };
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        writer.write_record(R::COLUMNS).map_err(table)?;
        for row in &self.rows {
            writer.serialize(row).map_err(table)?;
        }
        let text = writer.into_inner();
        let text = text.map_err(|error| table(error.into_error().into()))?;
        let text = guarded_csv(&text).map_err(table)?;
        out.write_all(&text).map_err(|error| table(error.into()))
    }

    /// The rows of a CSV that [`Table::write`] made.
    ///
    /// # Errors
    /// A missing column or a field that is not of its type.
    pub fn read(from: impl Read) -> Result<Self, EvalError> {
        let mut reader = csv::Reader::from_reader(from);
        let mut rows = || {
            let head = reader.headers()?.clone();
            let records = reader.records().map(|record| {
                let record: csv::StringRecord = record?.iter().map(unguarded).collect();
                record.deserialize(Some(&head))
            });
            records.collect::<Result<Vec<R>, csv::Error>>()
        };
        let rows = rows().map_err(|source| EvalError::Table {
            what: R::NAME,
            source,
        })?;
        Ok(Self { rows })
    }

    /// Writes the table to a file.
    ///
    /// # Errors
    /// As [`Table::write`], and a file that cannot be made.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        let file = File::create(path);
        let file = file.map_err(|source| EvalError::File {
            action: "write",
            source,
            path: path.to_owned(),
        })?;
        self.write(BufWriter::new(file))
    }

    /// The table in a file.
    ///
    /// # Errors
    /// As [`Table::read`], and a file that cannot be opened.
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        // Opening a pipe would wait for who writes to it.
        let found = fs::metadata(path).and_then(|meta| {
            if !meta.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
            }
            File::open(path)
        });
        let file = found.map_err(|source| EvalError::File {
            action: "read",
            source,
            path: path.to_owned(),
        })?;
        Self::read(BufReader::new(file))
    }
}
