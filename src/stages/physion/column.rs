//! One column of the table: readouts of slots of a number of frames, and their scores.

use std::collections::BTreeMap;

use ndarray::{ArrayView4, s};
use slotflow_eval::answers::clevrer::ACCURACY;
use slotflow_eval::physion::{Readout, accuracy, by_scenario, honest, paper};
use slotflow_eval::stats::proportion::wilson;
use slotflow_eval::{EvalError, MetricId, Provenance, Score};

use crate::artifacts::{Context, RunError};
use crate::stages::physion::labelled_slots::LabelledSlots;
use crate::stages::physion::protocol::Protocol;
use crate::stages::physion::tables::{ContactAnswer, ContactTables};

/// Readouts of slots of a number of frames.
pub(crate) struct Column<'a> {
    /// `observed` or `dynamics`.
    pub(crate) name: &'static str,
    /// Frames of a clip that readouts look at.
    pub(crate) time: usize,
    /// Training of readouts, and the artifacts they are trained and tested on.
    pub(crate) protocol: &'a Protocol<'a>,
    /// Slots that readouts are trained on.
    pub(crate) readout: &'a LabelledSlots,
    /// Slots that readouts are tested on.
    pub(crate) test: &'a LabelledSlots,
}

/// Probabilities of "yes", and the threshold above which the answer is "yes".
type Predicted = (Vec<f64>, f64);

impl Column<'_> {
    /// Adds the column's scores and answers.
    pub(crate) fn score_readouts(
        &self,
        context: &Context,
        tables: &mut ContactTables,
    ) -> Result<(), RunError> {
        let ContactTables { scores, answers } = tables;
        let truth: Vec<bool> = self.test.outcomes.iter().map(|one| one.yes).collect();
        let every = self.protocol.config.hold_out.max(2);
        let (held, rest): (Vec<usize>, Vec<usize>) =
            (0..self.readout.outcomes.len()).partition(|clip| clip % every == every - 1);
        let readouts = self.readouts(&rest, &held, context)?;
        let held = held.iter().map(|clip| self.readout.outcomes[*clip].yes);
        let best = paper(&readouts, &truth).map_err(fault)?;
        let chosen = honest(&readouts, &held.collect::<Vec<_>>(), &truth).map_err(fault)?;

        let note = "best checkpoint, threshold and seed on the test clips themselves: optimistic";
        let published = (
            probabilities(&readouts, best.seed, best.checkpoint),
            best.threshold,
        );
        self.rows("paper", &[published], note, scores)?;

        let of = |one: &slotflow_eval::physion::Chosen| {
            (
                probabilities(&readouts, one.seed, one.checkpoint),
                one.threshold,
            )
        };
        let all: Vec<Predicted> = chosen.chosen.iter().map(of).collect();
        let spread = chosen
            .sd
            .map_or_else(String::new, |sd| format!(", deviation over them {sd:.3}"));
        let note = format!(
            "checkpoint and threshold chosen on held-out clips; mean over {} seeds{spread}",
            all.len()
        );
        self.rows("honest", &all, &note, scores)?;
        if let Some((probabilities, threshold)) = all.first() {
            answers.extend(self.answers("honest", probabilities, *threshold));
        }

        let physopt = self.physopt(context)?;
        answers.extend(self.answers("physopt", &physopt, 0.5));
        let note =
            "logistic regression on all slots of all frames, one a scenario, cross-validated";
        self.rows("physopt", &[(physopt, 0.5)], note, scores)
    }

    /// The column's frames of clips.
    pub(crate) fn window<'v>(&self, clips: &'v LabelledSlots) -> ArrayView4<'v, f32> {
        clips.slots.slice(s![.., ..self.time, .., ..])
    }

    /// Rows over all test clips and of every scenario; several answers (of seeds) are averaged.
    fn rows(
        &self,
        profile: &str,
        answers: &[Predicted],
        note: &str,
        scores: &mut Vec<Score>,
    ) -> Result<(), RunError> {
        let outcomes = &self.test.outcomes;
        let truth: Vec<bool> = outcomes.iter().map(|one| one.yes).collect();
        let scenarios: Vec<&str> = outcomes.iter().map(|one| one.scenario.as_str()).collect();
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (probabilities, threshold) in answers {
            accuracy(probabilities, *threshold, &truth).map_err(fault)?;
            let of = by_scenario(probabilities, *threshold, &truth, &scenarios).map_err(fault)?;
            for (scenario, (right, all)) in of {
                for name in [scenario.as_str(), "all"] {
                    let count = counts.entry(name.to_owned()).or_default();
                    *count = (count.0 + right, count.1 + all);
                }
            }
        }
        let seeds = answers.len().max(1);
        for (name, (right, all)) in counts {
            let mean = right as f64 / all.max(1) as f64;
            scores.push(Score {
                note: format!("{note}; floor: the more frequent outcome"),
                ..self.score(profile, &name, mean, all / seeds)?
            });
        }
        Ok(())
    }

    /// The share of right answers of a scenario, or of all.
    fn score(
        &self,
        profile: &str,
        scenario: &str,
        mean: f64,
        total: usize,
    ) -> Result<Score, RunError> {
        let outcomes = self.test.outcomes.iter();
        let of = outcomes.filter(|one| scenario == "all" || one.scenario == scenario);
        let yes = of.filter(|one| one.yes).count() as f64 / total.max(1) as f64;
        let subset = format!("{}/{scenario}", self.name);
        let score = Score::new(id(profile)?, &subset)
            .with_value(mean, total)
            .with_bounds(Some(yes.max(1.0 - yes)), Some(1.0));
        let correct = (mean * total as f64).round() as usize;
        let score = match wilson(correct, total, 1.0) {
            Some(interval) => score.with_interval(interval.low, interval.high, "wilson"),
            None => score,
        };
        let data = &self.protocol.test_slots.0;
        let shared = Provenance {
            checkpoint_sha256: self.protocol.checkpoint.to_owned(),
            ..Provenance::of_clips(data, env!("CARGO_PKG_VERSION"), "none")
        };
        Ok(score.with_provenance(&shared))
    }

    /// Rows of `answers.csv`: clip, scenario, column and way, truth, answer, probability of yes.
    fn answers(&self, way: &str, probabilities: &[f64], threshold: f64) -> Vec<ContactAnswer> {
        let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let all = self
            .test
            .names
            .iter()
            .zip(&self.test.outcomes)
            .zip(probabilities);
        all.map(|((clip, outcome), probability)| ContactAnswer {
            video: clip.to_string(),
            scenario: outcome.scenario.clone(),
            column: format!("{}/{way}", self.name),
            truth: word(outcome.yes),
            answer: word(*probability > threshold),
            probability: format!("{probability:.4}"),
        })
        .collect()
    }
}

/// The accuracy in a protocol's definition.
fn id(profile: &str) -> Result<MetricId, RunError> {
    ACCURACY.id(profile).ok_or_else(|| RunError::Internal {
        reason: format!("no definition `{profile}` of accuracy"),
    })
}

/// Probabilities of "yes" that a readout gives the test clips.
fn probabilities(readouts: &[Readout], seed: u64, checkpoint: usize) -> Vec<f64> {
    let wanted = |one: &&Readout| (one.seed, one.checkpoint) == (seed, checkpoint);
    let found = readouts.iter().find(wanted);
    found.map(|one| one.test.clone()).unwrap_or_default()
}

/// A fault in the arithmetic: clips and labels that do not go together.
pub(crate) fn fault(error: EvalError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}
