//! Rows of a run's tables while they are gathered: [`Rows`].

use std::fmt::Display;

use slotflow_eval::report::{CEILING_SUFFIX, FLOOR_SUFFIX};
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{EvalError, ItemValue, MetricId, MetricSamples, Provenance, Score};

use super::scores::EvaluationTables;
use crate::artifacts::RunError;

/// Rows of a run's tables while they are gathered.
pub(crate) struct Rows {
    scores: Vec<Score>,
    items: Vec<ItemValue>,
    resampling: Resampling,
}

impl Rows {
    pub(crate) fn new(resamples: usize) -> Self {
        Self {
            scores: Vec::new(),
            items: Vec::new(),
            resampling: Resampling {
                count: resamples,
                ..Resampling::default()
            },
        }
    }

    /// Adds the mean of samples with the means of floor and ceiling beside it, and every value as an item; the row, to
    /// be completed.
    pub(crate) fn add(
        &mut self,
        samples: &MetricSamples,
        floor: Option<&MetricSamples>,
        ceiling: Option<&MetricSamples>,
    ) -> &mut Score {
        let mean = |bound: Option<&MetricSamples>| bound.and_then(MetricSamples::mean);
        let score = samples.score(self.resampling);
        let score = score.with_bounds(mean(floor), mean(ceiling));
        self.items.extend(samples.rows());
        for (bound, suffix) in [(floor, FLOOR_SUFFIX), (ceiling, CEILING_SUFFIX)] {
            let rows = bound.map(MetricSamples::rows).unwrap_or_default();
            self.items.extend(rows.into_iter().map(|mut row| {
                row.subset.push_str(suffix);
                row
            }));
        }
        self.scores.push(score);
        let last = self.scores.len() - 1;
        &mut self.scores[last]
    }

    /// Adds a row that was computed, or one that says why it could not be.
    pub(crate) fn add_computed<E: Display>(
        &mut self,
        (id, subset): (MetricId, &str),
        computed: Result<Score, E>,
    ) {
        self.add_score(computed_or_reason((id, subset), computed));
    }

    /// Adds a row that has no items.
    pub(crate) fn add_score(&mut self, score: Score) {
        self.scores.push(score);
    }

    /// Adds rows and items that were made elsewhere.
    pub(crate) fn extend(&mut self, scores: Vec<Score>, items: Vec<ItemValue>) {
        self.scores.extend(scores);
        self.items.extend(items);
    }

    /// The tables, with what all rows share.
    pub(crate) fn finish(self, shared: &Provenance) -> EvaluationTables {
        let scores = self.scores.into_iter();
        EvaluationTables {
            scores: scores.map(|score| score.with_provenance(shared)).collect(),
            items: self.items,
        }
    }
}

/// A row that was computed, or one that says why it could not be: no metric ends a run.
pub(crate) fn computed_or_reason<E: Display>(
    (id, subset): (MetricId, &str),
    computed: Result<Score, E>,
) -> Score {
    computed.unwrap_or_else(|error| Score::not_computed(id, subset, &error.to_string()))
}

/// An error of the arithmetic is an error of ours: shapes were made here.
pub(crate) fn unfit(error: EvalError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}
