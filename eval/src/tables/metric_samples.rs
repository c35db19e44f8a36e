//! Values of items, gathered while clips go by, and the score that they make together.

use std::collections::BTreeMap;

use super::item::ItemValue;
use super::score::Score;
use crate::metric::MetricId;
use crate::metric::definition::Compute;
use crate::stats::bootstrap::{Cluster, Resampling, bca, mean};

/// What to write into `ci_method` beside an interval made here.
pub const METHOD: &str = "bca bootstrap over clips, 95 %";

/// The values of one metric under one profile on one subset.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSamples {
    id: MetricId,
    subset: String,
    values: Vec<Value>,
    degenerate: usize,
    left_out: Vec<(String, String)>,
}

/// Reasons that a note spells out; the rest is counted.
const SPELLED_OUT: usize = 3;

#[derive(Debug, Clone, PartialEq)]
struct Value {
    item: String,
    frame: Option<usize>,
    sum: f64,
    count: f64,
}

impl Value {
    /// The value, if there is one.
    fn ratio(&self) -> Option<f64> {
        (self.count > 0.0)
            .then(|| self.sum / self.count)
            .filter(|ratio| !ratio.is_nan())
    }
}

impl MetricSamples {
    /// Nothing yet.
    pub fn new(id: MetricId, subset: &str) -> Self {
        Self {
            id,
            subset: subset.to_owned(),
            values: Vec::new(),
            degenerate: 0,
            left_out: Vec::new(),
        }
    }

    /// The metric.
    pub fn id(&self) -> MetricId {
        self.id
    }

    /// Adds a value of a clip, or of a frame of it; `None` where the metric is undefined.
    pub fn push(&mut self, item: &str, frame: Option<usize>, value: Option<f64>) {
        self.push_ratio(
            item,
            frame,
            value.unwrap_or(0.0),
            f64::from(u8::from(value.is_some())),
        );
    }

    /// Adds a value for each frame of a clip from `first` on.
    pub fn push_frames(&mut self, item: &str, first: usize, values: impl IntoIterator<Item = f64>) {
        for (frame, value) in values.into_iter().enumerate() {
            self.push(item, Some(first + frame), Some(value));
        }
    }

    /// Adds a value that is itself a mean, with its sum and its count: the score weighs it by the count.
    pub fn push_ratio(&mut self, item: &str, frame: Option<usize>, sum: f64, count: f64) {
        self.values.push(Value {
            item: item.to_owned(),
            frame,
            sum,
            count,
        });
    }

    /// Counts a value that is settled by convention, not by the data.
    pub fn note_degenerate(&mut self) {
        self.degenerate += 1;
    }

    /// Leaves a clip out: it counts as skipped, stands in `items.csv` without a value, and the note says why.
    pub fn leave_out(&mut self, item: &str, reason: &str) {
        self.push(item, None, None);
        self.left_out.push((item.to_owned(), reason.to_owned()));
    }

    /// Why clips were left out, in words; empty if none was.
    pub fn left_out(&self) -> String {
        let mut parts: Vec<String> = self
            .left_out
            .iter()
            .take(SPELLED_OUT)
            .map(|(item, reason)| format!("`{item}` left out: {reason}"))
            .collect();
        if self.left_out.len() > SPELLED_OUT {
            parts.push(format!(
                "{} more left out",
                self.left_out.len() - SPELLED_OUT
            ));
        }
        parts.join("; ")
    }

    /// The rows of `items.csv`.
    pub fn rows(&self) -> Vec<ItemValue> {
        let row = |value: &Value| ItemValue {
            metric: self.id.into(),
            profile: self.id.profile().to_owned(),
            subset: self.subset.clone(),
            item: value.item.clone(),
            frame: value.frame,
            value: value.ratio().and_then(|ratio| self.reported(ratio)),
        };
        self.values.iter().map(row).collect()
    }

    /// What is reported of a mean of values: itself, but for a metric that pools before a last step.
    fn reported(&self, mean: f64) -> Option<f64> {
        match self.id.compute() {
            Compute::Frame(metric) => metric.after_mean.map_or(Some(mean), |step| step(mean)),
            _ => Some(mean),
        }
    }

    /// Whether [`Self::reported`] falls in its argument, which exchanges the ends of an interval.
    fn is_reported_falling(&self) -> bool {
        matches!(self.id.compute(), Compute::Frame(metric) if metric.after_mean.is_some())
    }

    /// Each clip's values, in the order of the names; undefined and infinite ones are left out.
    pub fn clusters(&self) -> BTreeMap<&str, Cluster> {
        let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
        for value in self
            .values
            .iter()
            .filter(|value| value.ratio().is_some_and(f64::is_finite))
        {
            let cluster = clusters.entry(&value.item).or_default();
            cluster.sum += value.sum;
            cluster.count += value.count;
        }
        clusters
    }

    /// The mean over all values; `None` where nothing is defined.
    pub fn mean(&self) -> Option<f64> {
        let clusters: Vec<Cluster> = self.clusters().into_values().collect();
        mean(&clusters).and_then(|mean| self.reported(mean))
    }

    /// The mean over all values with a bootstrap interval over clips. `n_items` counts clips that have a value,
    /// `n_skipped` the values left out: undefined ones, and infinite ones (the PSNR of equal frames), which would make
    /// every mean infinite; the note says how many.
    pub fn score(&self, resampling: Resampling) -> Score {
        let clusters: Vec<Cluster> = self.clusters().into_values().collect();
        let undefined = self
            .values
            .iter()
            .filter(|value| value.ratio().is_none())
            .count();
        let infinite = self
            .values
            .iter()
            .filter(|value| value.ratio().is_some_and(f64::is_infinite))
            .count();
        let counted = |score: Score| Score {
            n_skipped: undefined + infinite,
            n_degenerate: self.degenerate,
            ..score
        };
        let Some(value) = mean(&clusters) else {
            let reason = match (self.values.len(), infinite) {
                (0, _) => "nothing was measured".to_owned(),
                (all, infinite) => format!(
                    "{} of {all} values undefined, {infinite} infinite",
                    all - infinite
                ),
            };
            let mut none = Score::not_computed(self.id, &self.subset, &reason);
            none.add_note(&self.left_out());
            return counted(none);
        };
        let mut score = Score {
            value: self.reported(value),
            n_items: clusters.len(),
            ..Score::new(self.id, &self.subset)
        };
        if let Some(interval) = bca(&clusters, resampling) {
            let ends = [interval.low, interval.high].map(|end| self.reported(end));
            // A quantile goes through a falling function as it is: only its end changes.
            let [low, high] = if self.is_reported_falling() {
                [ends[1], ends[0]]
            } else {
                ends
            };
            (score.ci_low, score.ci_high) = (low, high);
            METHOD.clone_into(&mut score.ci_method);
            score.provenance.seed = Some(resampling.seed);
        }
        if infinite > 0 {
            score.note = format!("{infinite} infinite values left out of the mean");
        }
        score.add_note(&self.left_out());
        counted(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::mse::MSE;
    use crate::pixel::psnr::PSNR;
    use crate::pixel::ssim::SSIM;

    fn psnr() -> MetricSamples {
        let mut measured = MetricSamples::new(PSNR.default_id(), "imagined");
        measured.push_frames("b", 6, [30.0, 20.0]);
        measured.push_frames("a", 6, [40.0, f64::INFINITY]);
        measured.push("c", None, None);
        measured
    }

    #[test]
    fn a_score_is_the_mean_of_what_is_defined_and_says_what_is_not() {
        let score = psnr().score(Resampling::default());
        assert_eq!(
            (score.value, score.n_items, score.n_skipped),
            (Some(30.0), 2, 2)
        );
        assert!(score.note.contains("1 infinite"), "{}", score.note);
        assert!(
            score.ci_low.unwrap() >= 25.0 && score.ci_high.unwrap() <= 40.0,
            "{score:?}"
        );
        assert_eq!(score.provenance.seed, Some(0));
    }

    #[test]
    fn every_value_is_an_item() {
        assert_eq!(psnr().rows().len(), 5);
        assert_eq!(psnr().rows()[0].metric, "psnr");
    }

    #[test]
    fn errors_that_are_pooled_before_the_logarithm_have_their_interval_the_right_way_round() {
        let mut pooled = MetricSamples::new(PSNR.id("global").unwrap(), "videos");
        for (clip, error) in [("a", 0.1), ("b", 0.01), ("c", 0.001), ("d", 0.02)] {
            pooled.push(clip, Some(0), Some(error));
        }
        let score = pooled.score(Resampling::default());
        let expected = -10.0 * (0.131_f64 / 4.0).log10();
        assert!((score.value.unwrap() - expected).abs() < 1e-12);
        assert!(
            score.ci_low < score.value && score.value < score.ci_high,
            "{score:?}"
        );
        assert_eq!(pooled.rows()[1].value, Some(20.0));
    }

    #[test]
    fn means_with_counts_are_pooled() {
        let mut changed = MetricSamples::new(MSE.id("mean").unwrap(), "imagined-changed");
        changed.push_ratio("a", Some(6), 1.0, 10.0);
        changed.push_ratio("b", Some(6), 5.0, 20.0);
        changed.push_ratio("b", Some(7), 0.0, 0.0);
        let score = changed.score(Resampling::default());
        assert_eq!((score.value, score.n_skipped), (Some(0.2), 1));
        assert_eq!(changed.rows()[1].value, Some(0.25));
    }

    #[test]
    fn clips_that_are_left_out_are_counted_with_their_reasons() {
        let mut measured = psnr();
        for clip in ["d", "e", "f", "g"] {
            measured.leave_out(clip, "too short");
        }
        let score = measured.score(Resampling::default());
        assert_eq!((score.value, score.n_skipped), (Some(30.0), 6));
        assert!(
            score.note.contains("`d` left out: too short") && score.note.contains("1 more"),
            "{}",
            score.note
        );
        let mut none = MetricSamples::new(PSNR.id("global").unwrap(), "videos");
        none.leave_out("d", "too short");
        let note = none.score(Resampling::default()).note;
        assert!(
            note.starts_with("not computed:") && note.contains("too short"),
            "{note}"
        );
    }

    #[test]
    fn nothing_measured_is_said_to_be_so() {
        let empty = MetricSamples::new(SSIM.default_id(), "imagined");
        let score = empty.score(Resampling::default());
        assert_eq!(score.value, None);
        assert!(score.note.starts_with("not computed:"), "{}", score.note);
    }
}
