//! A number with all that is needed to believe it: [`Score`], a row of `scores.csv`.
//!
//! Columns stand in the order of [`Row::COLUMNS`]. No row holds a time, so equal runs give equal bytes.

use serde::{Deserialize, Serialize};

use super::provenance::Provenance;
use super::table::{Row, Table};
use crate::metric::{Direction, MetricId, MetricName};

/// One number: metric, profile and subset say what was measured; the rest says how and how surely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Score {
    /// The metric.
    pub metric: MetricName,
    /// Which definition of it, such as `per-image-mean`; of answers, who answered.
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
    /// How the number was made.
    pub provenance: Provenance,
    /// Name of the run, where one table holds several.
    pub run: String,
    /// What a reader must know: why there is no value, or what to beware of.
    pub note: String,
}

/// `scores.csv`.
pub type ScoreTable = Table<Score>;

impl Score {
    /// A score yet without a value.
    pub fn new(id: MetricId, subset: &str) -> Self {
        Self {
            metric: id.into(),
            profile: id.profile().to_owned(),
            subset: subset.to_owned(),
            value: None,
            floor: None,
            ceiling: None,
            n_items: 0,
            ci_low: None,
            ci_high: None,
            ci_method: String::new(),
            direction: id.direction(),
            n_skipped: 0,
            n_degenerate: 0,
            n_real: None,
            n_fake: None,
            provenance: Provenance::default(),
            run: String::new(),
            note: String::new(),
        }
    }

    /// A row that says why there is no number.
    pub fn not_computed(id: MetricId, subset: &str, reason: &str) -> Self {
        Self {
            note: format!("not computed: {reason}"),
            ..Self::new(id, subset)
        }
    }

    /// Puts more words behind the note; nothing where there are none.
    pub fn add_note(&mut self, words: &str) {
        let parts = [self.note.as_str(), words];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.note = said.join("; ");
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

    /// The same score, what is not known of its making taken from what all rows of its table share. A score without an
    /// interval says `none`.
    #[must_use]
    pub fn with_provenance(self, shared: &Provenance) -> Self {
        let ci_method = if self.ci_method.is_empty() {
            "none".to_owned()
        } else {
            self.ci_method
        };
        Self {
            ci_method,
            provenance: self.provenance.or(shared),
            ..self
        }
    }

    /// Names of provenance columns that are still unknown; a number with any of them is shown greyed.
    pub fn unknown_fields(&self) -> Vec<&'static str> {
        [("ci_method", self.ci_method.as_str())]
            .into_iter()
            .chain(self.provenance.texts())
            .filter(|(_, text)| text.is_empty())
            .map(|(name, _)| name)
            .collect()
    }
}

impl ScoreTable {
    /// The first row with this metric and subset, whatever its profile.
    pub fn find(&self, metric: &str, subset: &str) -> Option<&Score> {
        self.rows
            .iter()
            .find(|score| score.metric == *metric && score.subset == subset)
    }
}

impl Row for Score {
    const NAME: &'static str = "scores";
    #[rustfmt::skip]
    const COLUMNS: &'static [&'static str] = &[
        "metric", "profile", "subset", "value", "floor", "ceiling", "n_items", "ci_low", "ci_high", "ci_method",
        "direction", "n_skipped", "n_degenerate", "n_real", "n_fake", "clip_len", "offset_policy", "frame_order",
        "resize_kernel", "cov_estimator", "weights_sha256", "data_manifest_sha256", "checkpoint_sha256", "seed",
        "code_version", "run", "note",
    ];

    fn numbers(&self) -> (String, Vec<Option<f64>>) {
        let key = format!("{}/{}/{}", self.metric, self.profile, self.subset);
        let numbers = [
            self.value,
            self.floor,
            self.ceiling,
            self.ci_low,
            self.ci_high,
        ];
        (key, numbers.to_vec())
    }
}

/// A [`Score`] as it is written: one level, a field a column, for CSV knows no other.
#[derive(Serialize, Deserialize)]
struct Record {
    metric: MetricName,
    profile: String,
    subset: String,
    value: Option<f64>,
    floor: Option<f64>,
    ceiling: Option<f64>,
    n_items: usize,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    ci_method: String,
    direction: Direction,
    n_skipped: usize,
    n_degenerate: usize,
    n_real: Option<usize>,
    n_fake: Option<usize>,
    clip_len: Option<usize>,
    offset_policy: String,
    frame_order: String,
    resize_kernel: String,
    cov_estimator: String,
    weights_sha256: String,
    data_manifest_sha256: String,
    checkpoint_sha256: String,
    seed: Option<u64>,
    code_version: String,
    run: String,
    note: String,
}

impl From<Score> for Record {
    fn from(score: Score) -> Self {
        let made = score.provenance;
        Self {
            metric: score.metric,
            profile: score.profile,
            subset: score.subset,
            value: score.value,
            floor: score.floor,
            ceiling: score.ceiling,
            n_items: score.n_items,
            ci_low: score.ci_low,
            ci_high: score.ci_high,
            ci_method: score.ci_method,
            direction: score.direction,
            n_skipped: score.n_skipped,
            n_degenerate: score.n_degenerate,
            n_real: score.n_real,
            n_fake: score.n_fake,
            clip_len: made.clip_len,
            offset_policy: made.offset_policy,
            frame_order: made.frame_order,
            resize_kernel: made.resize_kernel,
            cov_estimator: made.cov_estimator,
            weights_sha256: made.weights_sha256,
            data_manifest_sha256: made.data_manifest_sha256,
            checkpoint_sha256: made.checkpoint_sha256,
            seed: made.seed,
            code_version: made.code_version,
            run: score.run,
            note: score.note,
        }
    }
}

impl From<Record> for Score {
    fn from(record: Record) -> Self {
        let provenance = Provenance {
            clip_len: record.clip_len,
            offset_policy: record.offset_policy,
            frame_order: record.frame_order,
            resize_kernel: record.resize_kernel,
            cov_estimator: record.cov_estimator,
            weights_sha256: record.weights_sha256,
            data_manifest_sha256: record.data_manifest_sha256,
            checkpoint_sha256: record.checkpoint_sha256,
            seed: record.seed,
            code_version: record.code_version,
        };
        Self {
            metric: record.metric,
            profile: record.profile,
            subset: record.subset,
            value: record.value,
            floor: record.floor,
            ceiling: record.ceiling,
            n_items: record.n_items,
            ci_low: record.ci_low,
            ci_high: record.ci_high,
            ci_method: record.ci_method,
            direction: record.direction,
            n_skipped: record.n_skipped,
            n_degenerate: record.n_degenerate,
            n_real: record.n_real,
            n_fake: record.n_fake,
            provenance,
            run: record.run,
            note: record.note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::metrics::FVD;
    use crate::pixel::psnr::PSNR;
    use crate::tables::{ItemTable, NOT_APPLICABLE};

    fn some_score() -> Score {
        let score = Score::new(PSNR.default_id(), "imagined");
        let score = score.with_value(1.0 / 3.0, 8).with_bounds(Some(20.0), None);
        Score {
            n_real: Some(4),
            provenance: Provenance {
                seed: Some(7),
                ..Provenance::default()
            },
            note: "a, \"quoted\" note".to_owned(),
            ..score
        }
        .with_interval(0.1, 0.5, "bca over videos")
    }

    #[test]
    fn a_table_of_scores_reads_back_as_it_was_written() {
        let missing = Score::not_computed(FVD.default_id(), "imagined", "weights missing");
        let infinite = some_score().with_value(f64::INFINITY, 1);
        let table: ScoreTable = [some_score(), missing, infinite].into_iter().collect();
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        assert_eq!(ScoreTable::read(bytes.as_slice()).unwrap(), table);
    }

    #[test]
    fn a_row_is_written_under_its_columns_in_csv_and_in_json() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(some_score()).unwrap();
        let bytes = writer.into_inner().unwrap();
        let header = String::from_utf8(bytes).unwrap();
        assert_eq!(header.lines().next().unwrap(), Score::COLUMNS.join(","));
        let json = serde_json::to_string(&some_score()).unwrap();
        let places = Score::COLUMNS
            .iter()
            .map(|name| json.find(&format!("\"{name}\":")).unwrap());
        assert!(places.is_sorted(), "{json}");
        assert!(
            json.starts_with("{\"metric\":\"psnr\",\"profile\":\"per-image-mean\""),
            "{json}"
        );
    }

    #[test]
    fn weights_that_papers_do_not_use_stand_behind_a_star() {
        let name = Score::new(FVD.default_id(), "videos").metric;
        let name = name.with_nonstandard_weights("0123456789abcdef");
        assert_eq!(name, "fvd*[sha256:01234567]");
        assert_eq!(name.metric().unwrap().name, "fvd");
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
            provenance: Provenance {
                frame_order: NOT_APPLICABLE.to_owned(),
                ..Provenance::default()
            },
            ..some_score()
        };
        let unknown = score.unknown_fields();
        assert!(unknown.contains(&"weights_sha256") && !unknown.contains(&"frame_order"));
    }
}
