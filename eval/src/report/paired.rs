//! How far runs are apart on the same clips and questions: one [`Difference`] a measure and run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::MetricName;
use crate::stats::bootstrap::{Cluster, Resampling, mean, paired_difference};
use crate::stats::proportion::mcnemar;
use crate::tables::{ItemTable, Score, ScoreTable};

/// One run.
#[derive(Debug, Clone)]
pub struct RunView<'a> {
    /// Its name, different from that of any other.
    pub name: String,
    /// One row a number.
    pub scores: &'a ScoreTable,
    /// One row a value of a clip or frame.
    pub items: &'a ItemTable,
    /// Its plan with every value resolved, as TOML.
    pub plan: String,
}

/// How far a run is from the first one in one measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The metric.
    pub metric: MetricName,
    /// Which definition of it.
    pub profile: String,
    /// What it was measured on.
    pub subset: String,
    /// The run that differences are taken from.
    pub base: String,
    /// The other run.
    pub run: String,
    /// How much more the other run has, over the clips of both.
    pub difference: f64,
    /// Lower end of the interval.
    pub ci_low: Option<f64>,
    /// Upper end of the interval.
    pub ci_high: Option<f64>,
    /// How many clips both have.
    pub n_clips: usize,
    /// Of values that are right or wrong: how many only the first run has right.
    pub only_base: Option<usize>,
    /// How many only the other run has right.
    pub only_run: Option<usize>,
    /// Two-sided p-value of McNemar's exact test on these two counts; it takes questions as independent.
    pub mcnemar_p: Option<f64>,
}

impl Difference {
    /// Whether it is about this score of this run.
    pub fn is_of(&self, score: &Score, run: &str) -> bool {
        self.run == run
            && (&self.metric, &self.profile, &self.subset)
                == (&score.metric, &score.profile, &score.subset)
    }
}

/// All differences of the runs from the first, in the order of its scores.
pub fn differences(runs: &[RunView<'_>], resampling: Resampling) -> Vec<Difference> {
    let Some((base, others)) = runs.split_first() else {
        return Vec::new();
    };
    let of_base = Clusters::of(base.items);
    let of_others: Vec<Clusters<'_>> = others.iter().map(|run| Clusters::of(run.items)).collect();
    let mut found = Vec::new();
    for score in &base.scores.rows {
        for (run, items) in others.iter().zip(&of_others) {
            let same = |row: &&Score| key(row) == key(score);
            let other = run.scores.rows.iter().find(same);
            let values = other.and_then(|other| Some([score.value?, other.value?]));
            let apart = values.and_then(|values| of_base.apart(items, score, values, resampling));
            found.extend(apart.map(|apart| Difference {
                base: base.name.clone(),
                run: run.name.clone(),
                ..apart
            }));
        }
    }
    found
}

/// Metric, profile and subset: what makes numbers of runs comparable.
pub(super) type Key<'a> = (&'a str, &'a str, &'a str);

pub(super) fn key(score: &Score) -> Key<'_> {
    (score.metric.as_str(), &score.profile, &score.subset)
}

/// A run's values by what they are of and by clip.
struct Clusters<'a>(BTreeMap<Key<'a>, BTreeMap<&'a str, Vec<f64>>>);

impl<'a> Clusters<'a> {
    fn of(items: &'a ItemTable) -> Self {
        let mut found: BTreeMap<Key<'a>, BTreeMap<&'a str, Vec<f64>>> = BTreeMap::new();
        for row in &items.rows {
            let key = (row.metric.as_str(), &*row.profile, &*row.subset);
            let values = found.entry(key).or_default().entry(&row.item).or_default();
            values.extend(row.value);
        }
        Self(found)
    }

    /// How much more the other run has on the clips that both have with equally many values; absent where a score
    /// is no plain mean over its values.
    fn apart(
        &self,
        other: &Self,
        score: &Score,
        scores: [f64; 2],
        resampling: Resampling,
    ) -> Option<Difference> {
        let key = key(score);
        let plain = |run: &Self, score: f64| {
            let clips = run
                .0
                .get(&key)?
                .values()
                .filter(|values| !values.is_empty());
            let all: Vec<Cluster> = clips.map(|values| Cluster::of(values)).collect();
            mean(&all).filter(|mean| (mean - score).abs() <= 1e-6 * score.abs().max(1e-9))
        };
        plain(self, scores[0]).and(plain(other, scores[1]))?;
        let (base, other) = (self.0.get(&key)?, other.0.get(&key)?);
        let pairs = base.iter().filter_map(|(clip, base)| {
            let other = other.get(clip)?;
            (!base.is_empty() && other.len() == base.len()).then_some((base, other))
        });
        let pairs: Vec<(&Vec<f64>, &Vec<f64>)> = pairs.collect();
        let clusters = pairs
            .iter()
            .map(|(base, other)| (Cluster::of(other), Cluster::of(base)));
        let (of_other, of_base): (Vec<_>, Vec<_>) = clusters.unzip();
        let (apart, interval) = paired_difference(&of_other, &of_base, resampling).ok()?;
        let only = only_right(&pairs);
        Some(Difference {
            metric: score.metric.clone(),
            profile: score.profile.clone(),
            subset: score.subset.clone(),
            base: String::new(),
            run: String::new(),
            difference: apart,
            ci_low: interval.map(|interval| interval.low),
            ci_high: interval.map(|interval| interval.high),
            n_clips: pairs.len(),
            only_base: only.map(|[base, _]| base),
            only_run: only.map(|[_, other]| other),
            mcnemar_p: only.map(|[base, other]| mcnemar(base, other)),
        })
    }
}

/// How many only one side has right, and only the other, where all values are right or wrong.
fn only_right(pairs: &[(&Vec<f64>, &Vec<f64>)]) -> Option<[usize; 2]> {
    let mut only = [0, 0];
    for (base, other) in pairs {
        for values in base.iter().zip(*other) {
            match values {
                (1.0, 0.0) => only[0] += 1,
                (0.0, 1.0) => only[1] += 1,
                (0.0, 0.0) | (1.0, 1.0) => {}
                _ => return None,
            }
        }
    }
    Some(only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Graded, items, scores};
    use crate::pixel::mse::MSE;
    use crate::tables::ItemValue;

    #[test]
    fn answers_to_the_same_questions_are_compared_by_the_exact_test() {
        let graded = |right: &[bool]| -> Vec<Graded> {
            let one = |(index, right): (usize, &bool)| {
                let answer = if *right { "yes" } else { "no" };
                Graded::word(&format!("v{}", index / 2), "exist", "yes", answer)
            };
            right.iter().enumerate().map(one).collect()
        };
        // One question only the first has right, six only the second, three both.
        let first = graded(&[
            true, false, false, false, false, false, false, true, true, true,
        ]);
        let second = graded(&[false, true, true, true, true, true, true, true, true, true]);
        let tables = [first, second].map(|graded| {
            let scores = ScoreTable {
                rows: scores(&graded, &[], &[]),
            };
            (
                scores,
                ItemTable {
                    rows: items(&graded),
                },
            )
        });
        let view = |name: &str, (scores, items): &'_ (ScoreTable, ItemTable)| -> RunView<'static> {
            RunView {
                name: name.to_owned(),
                scores: Box::leak(Box::new(scores.clone())),
                items: Box::leak(Box::new(items.clone())),
                plan: String::new(),
            }
        };
        let runs = [view("one", &tables[0]), view("two", &tables[1])];
        let found = differences(&runs, Resampling::default());
        let all = found
            .iter()
            .find(|row| row.subset == "all/per-question")
            .unwrap();
        assert_eq!((all.only_base, all.only_run), (Some(1), Some(6)));
        // Two-sided binomial: 2 · (1 + 7) / 2⁷.
        assert!((all.mcnemar_p.unwrap() - 0.125).abs() < 1e-12, "{all:?}");
        assert!((all.difference - 0.5).abs() < 1e-12 && all.n_clips == 5);
        assert!(all.ci_low < Some(0.5) && Some(0.5) < all.ci_high, "{all:?}");
    }

    #[test]
    fn a_clip_that_has_no_value_in_any_frame_is_left_out() {
        let clips: [(&str, [Option<f64>; 2]); 3] = [
            ("a", [Some(1.0), Some(2.0)]),
            ("b", [None, None]),
            ("c", [Some(6.0), None]),
        ];
        let view = |name: &str, more: f64| -> RunView<'static> {
            let values = clips.iter().flat_map(|(clip, values)| {
                values.iter().enumerate().map(|(frame, value)| ItemValue {
                    metric: MSE.default_id().into(),
                    profile: "sum-chw".to_owned(),
                    subset: "changed".to_owned(),
                    item: (*clip).to_owned(),
                    frame: Some(frame),
                    value: value.map(|value| value + more),
                })
            });
            let score = Score {
                value: Some(3.0 + more),
                ..Score::new(MSE.default_id(), "changed")
            };
            let items = values.collect();
            RunView {
                name: name.to_owned(),
                scores: Box::leak(Box::new(ScoreTable { rows: vec![score] })),
                items: Box::leak(Box::new(items)),
                plan: String::new(),
            }
        };
        let runs = [view("one", 0.0), view("two", 0.5)];
        let found = differences(&runs, Resampling::default());
        assert_eq!(found.len(), 1);
        assert!((found[0].difference - 0.5).abs() < 1e-12 && found[0].n_clips == 2);
    }
}
