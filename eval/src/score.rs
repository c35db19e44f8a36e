//! A number that judges, with all that is needed to believe it: [`Score`], and the tables they are kept in.
//!
//! One row of `scores.csv` is one [`Score`]; the values it was averaged from are [`ItemValue`]s, the rows of
//! `items.csv`. Columns stand in the order of the fields. No row holds a time, so equal runs give equal bytes.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// What stands in a text column when the field does not apply to the metric (empty means: not known).
pub const NOT_APPLICABLE: &str = "n/a";

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Larger is better, as for PSNR.
    #[default]
    Higher,
    /// Smaller is better, as for a distance.
    Lower,
}

/// One number: metric, profile and subset say what was measured; the rest says how and how surely.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Name of the metric, such as `psnr`.
    pub metric: String,
    /// Which definition of it, such as `per-image-mean`.
    pub profile: String,
    /// What it was measured on, such as `imagined`.
    pub subset: String,
    /// The number; absent when it was not computed, and then `note` says why.
    pub value: Option<f64>,
    /// What one gets without looking: the worst that a useful model may score.
    pub floor: Option<f64>,
    /// What a perfect model would score here.
    pub ceiling: Option<f64>,
    /// How many items the number is taken over.
    pub n_items: usize,
    /// Lower end of the interval.
    pub ci_low: Option<f64>,
    /// Upper end of the interval.
    pub ci_high: Option<f64>,
    /// How the interval was made, in words; empty without one.
    pub ci_method: String,
    /// Which way is better.
    pub direction: Direction,
    /// Items left out because the metric is undefined there.
    pub n_skipped: usize,
    /// Items counted although their score is settled by convention, not by the data.
    pub n_degenerate: usize,
    /// Items on the true side of a distance between sets.
    pub n_real: Option<usize>,
    /// Items on the predicted side of a distance between sets.
    pub n_fake: Option<usize>,
    /// Frames in a clip.
    pub clip_len: Option<usize>,
    /// Where in the video a clip starts.
    pub offset_policy: String,
    /// Order in which frames are taken.
    pub frame_order: String,
    /// Kernel that resized the pixels before measuring.
    pub resize_kernel: String,
    /// `biased` or `unbiased` covariance.
    pub cov_estimator: String,
    /// Hash of the network that made the features.
    pub weights_sha256: String,
    /// Hash of the list of what was measured.
    pub data_manifest_sha256: String,
    /// Hash of the model under test.
    pub checkpoint_sha256: String,
    /// Seed of whatever was drawn.
    pub seed: Option<u64>,
    /// Version of the program.
    pub code_version: String,
    /// Name of the run, where one table holds several.
    pub run: String,
    /// What a reader must know: why there is no value, or what to beware of.
    pub note: String,
}

impl Score {
    /// A score yet without a value.
    pub fn new(metric: &str, profile: &str, subset: &str, direction: Direction) -> Self {
        Self {
            metric: metric.to_owned(),
            profile: profile.to_owned(),
            subset: subset.to_owned(),
            direction,
            ..Self::default()
        }
    }

    /// A row that says why there is no number.
    pub fn not_computed(
        metric: &str,
        profile: &str,
        subset: &str,
        direction: Direction,
        reason: &str,
    ) -> Self {
        Self {
            note: format!("not computed: {reason}"),
            ..Self::new(metric, profile, subset, direction)
        }
    }

    /// The same score with its number and the count of items behind it.
    #[must_use]
    pub fn with_value(self, value: f64, n_items: usize) -> Self {
        Self {
            value: Some(value),
            n_items,
            ..self
        }
    }

    /// The same score with what one gets without looking, and what a perfect model gets.
    #[must_use]
    pub fn with_bounds(self, floor: Option<f64>, ceiling: Option<f64>) -> Self {
        Self {
            floor,
            ceiling,
            ..self
        }
    }

    /// The same score with an interval.
    #[must_use]
    pub fn with_interval(self, low: f64, high: f64, method: &str) -> Self {
        Self {
            ci_low: Some(low),
            ci_high: Some(high),
            ci_method: method.to_owned(),
            ..self
        }
    }

    /// Names of provenance fields that are still unknown; a number with any of them is shown greyed.
    pub fn unknown_fields(&self) -> Vec<&'static str> {
        let texts = [
            ("ci_method", &self.ci_method),
            ("offset_policy", &self.offset_policy),
            ("frame_order", &self.frame_order),
            ("resize_kernel", &self.resize_kernel),
            ("cov_estimator", &self.cov_estimator),
            ("weights_sha256", &self.weights_sha256),
            ("data_manifest_sha256", &self.data_manifest_sha256),
            ("checkpoint_sha256", &self.checkpoint_sha256),
            ("code_version", &self.code_version),
        ];
        texts
            .into_iter()
            .filter(|(_, text)| text.is_empty())
            .map(|(name, _)| name)
            .collect()
    }
}

/// One value that a score was made from: an item of a subset, and a frame of it where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemValue {
    /// Name of the metric.
    pub metric: String,
    /// Which definition of it.
    pub profile: String,
    /// What it was measured on.
    pub subset: String,
    /// The clip or question.
    pub item: String,
    /// Frame within the clip, counted from its first sampled frame; absent for a whole clip.
    pub frame: Option<usize>,
    /// The value; absent where the metric is undefined.
    pub value: Option<f64>,
}

/// A table with one typed row per line: [`ScoreTable`] or [`ItemTable`].
#[derive(Debug, Clone, PartialEq)]
pub struct Table<R> {
    /// The rows, in the order in which they are written.
    pub rows: Vec<R>,
}

/// `scores.csv`.
pub type ScoreTable = Table<Score>;
/// `items.csv`.
pub type ItemTable = Table<ItemValue>;

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
pub trait Row: Serialize + DeserializeOwned + Default {
    /// What the rows are called in messages.
    const NAME: &'static str;

    /// The words of the key, and every number of the row; none may be NaN.
    fn numbers(&self) -> (String, Vec<Option<f64>>);
}

impl Row for Score {
    const NAME: &'static str = "scores";

    fn numbers(&self) -> (String, Vec<Option<f64>>) {
        let key = format!("{}/{}/{}", self.metric, self.profile, self.subset);
        (
            key,
            vec![
                self.value,
                self.floor,
                self.ceiling,
                self.ci_low,
                self.ci_high,
            ],
        )
    }
}

impl Default for ItemValue {
    fn default() -> Self {
        let [metric, profile, subset, item] = [const { String::new() }; 4];
        Self {
            metric,
            profile,
            subset,
            item,
            frame: None,
            value: None,
        }
    }
}

impl Row for ItemValue {
    const NAME: &'static str = "items";

    fn numbers(&self) -> (String, Vec<Option<f64>>) {
        (
            format!(
                "{}/{}/{}/{}",
                self.metric, self.profile, self.subset, self.item
            ),
            vec![self.value],
        )
    }
}

impl<R: Row> Table<R> {
    /// Writes a header and the rows as CSV. Numbers are in the shortest form that reads back to the same bits.
    ///
    /// # Errors
    /// A NaN in a row (an undefined value must be absent), or a writer that fails.
    pub fn write(&self, out: impl Write) -> Result<(), EvalError> {
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
            .from_writer(out);
        writer.write_record(&header::<R>()?).map_err(table)?;
        for row in &self.rows {
            writer.serialize(row).map_err(table)?;
        }
        writer.flush().map_err(|error| table(error.into()))
    }

    /// The rows of a CSV that [`Table::write`] made.
    ///
    /// # Errors
    /// A missing column or a field that is not of its type.
    pub fn read(from: impl Read) -> Result<Self, EvalError> {
        csv::Reader::from_reader(from)
            .into_deserialize()
            .collect::<Result<Vec<R>, _>>()
            .map(|rows| Self { rows })
            .map_err(|source| EvalError::Table {
                what: R::NAME,
                source,
            })
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
        let file = File::open(path);
        let file = file.map_err(|source| EvalError::File {
            action: "read",
            source,
            path: path.to_owned(),
        })?;
        Self::read(BufReader::new(file))
    }
}

impl ScoreTable {
    /// The first row with this metric and subset, whatever its profile.
    pub fn find(&self, metric: &str, subset: &str) -> Option<&Score> {
        self.rows
            .iter()
            .find(|score| score.metric == metric && score.subset == subset)
    }
}

/// Column names of a row type: its fields in order, so that an empty table has a header too.
fn header<R: Row>() -> Result<csv::StringRecord, EvalError> {
    let table = |source| EvalError::Table {
        what: R::NAME,
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(R::default()).map_err(table)?;
    let bytes = writer
        .into_inner()
        .map_err(|error| table(error.into_error().into()))?;
    csv::Reader::from_reader(bytes.as_slice())
        .headers()
        .cloned()
        .map_err(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_score() -> Score {
        let score = Score::new("psnr", "per-image-mean", "imagined", Direction::Higher);
        let score = score.with_value(1.0 / 3.0, 8).with_bounds(Some(20.0), None);
        Score {
            n_real: Some(4),
            seed: Some(7),
            note: "a, \"quoted\" note".to_owned(),
            ..score
        }
        .with_interval(0.1, 0.5, "bca over videos")
    }

    #[test]
    fn a_table_of_scores_reads_back_as_it_was_written() {
        let missing = Score::not_computed(
            "fvd",
            "styleganv",
            "imagined",
            Direction::Lower,
            "weights missing",
        );
        let infinite = some_score().with_value(f64::INFINITY, 1);
        let table: ScoreTable = [some_score(), missing, infinite].into_iter().collect();
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        assert_eq!(ScoreTable::read(bytes.as_slice()).unwrap(), table);
    }

    #[test]
    fn columns_begin_with_what_and_how_much() {
        let mut bytes = Vec::new();
        ScoreTable::default().write(&mut bytes).unwrap();
        let header = String::from_utf8(bytes).unwrap();
        assert!(
            header.starts_with("metric,profile,subset,value,floor,ceiling,n_items,ci_low,"),
            "{header}"
        );
        let mut bytes = Vec::new();
        ItemTable::default().write(&mut bytes).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "metric,profile,subset,item,frame,value\n"
        );
    }

    #[test]
    fn a_nan_is_refused_by_name() {
        let table: ScoreTable = [some_score().with_value(f64::NAN, 1)].into_iter().collect();
        let error = table.write(Vec::new()).unwrap_err();
        assert!(
            error.to_string().contains("psnr/per-image-mean/imagined"),
            "{error}"
        );
    }

    #[test]
    fn what_is_unknown_is_named() {
        let score = Score {
            frame_order: NOT_APPLICABLE.to_owned(),
            ..some_score()
        };
        let unknown = score.unknown_fields();
        assert!(unknown.contains(&"weights_sha256") && !unknown.contains(&"frame_order"));
    }
}
