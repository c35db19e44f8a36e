//! Accuracy of answers, as CLEVRER counts it: per option, per question, per type, and over all of them.
//!
//! A descriptive question has one word for an answer. The other types have options, each `correct` or `wrong`: *per
//! option* pools the options of all questions, *per question* wants every option of a question right. `error` is an
//! answer like any other, and never the right one.
//!
//! Reference: Yi et al. 2020, section 4; evaluation of `chuangg/CLEVRER`.

use std::collections::BTreeMap;

use crate::error::{EvalError, same_shape};
use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, Group, KeyFigure, Metric, Unit};
use crate::stats::proportion::{design_effect, wilson};
use crate::tables::{ItemValue, Score};

/// `accuracy`. Where several models answer the same questions, the profile of a row is who answered.
pub static ACCURACY: Metric = Metric {
    name: "accuracy",
    title: "Accuracy",
    meaning: "share of right answers",
    unit: Unit::Share,
    direction: Direction::Higher,
    group: Group::Answers,
    definitions: &[
        definition(PROFILE),
        definition("paper"),
        definition("honest"),
        definition("physopt"),
    ],
    in_runs: None,
    key_figures: &[KeyFigure {
        subset: "all/per-question",
        subject: "whole questions",
        floor: "answering without the video",
    }],
};

const fn definition(profile: &'static str) -> Definition {
    Definition {
        profile,
        compute: Compute::Answers,
    }
}

/// The profile under which CLEVRER's accuracies stand in tables.
pub const PROFILE: &str = "clevrer";
/// The subset that pools all types.
pub const ALL: &str = "all";

/// A question whose answer was compared with the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graded {
    /// The video that it is about.
    pub video: String,
    /// Its type, such as `predictive`.
    pub kind: String,
    /// Whether it has options, rather than one word.
    pub has_options: bool,
    /// For each option, or for the one word, whether it is right.
    pub right: Vec<bool>,
}

/// Right answers of one kind, by video.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    videos: BTreeMap<String, (usize, usize)>,
}

/// How the questions of a type did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accuracy {
    /// Options pooled over questions; empty for questions of one word.
    pub per_option: Tally,
    /// Whole questions.
    pub per_question: Tally,
}

impl Graded {
    /// A question that is answered with one word.
    pub fn word(video: &str, kind: &str, truth: &str, answer: &str) -> Self {
        let right = vec![truth == answer];
        Self {
            video: video.to_owned(),
            kind: kind.to_owned(),
            has_options: false,
            right,
        }
    }

    /// A question with options.
    ///
    /// # Errors
    /// Other counts of answers than of options, or none.
    pub fn options(
        video: &str,
        kind: &str,
        truth: &[&str],
        answers: &[&str],
    ) -> Result<Self, EvalError> {
        same_shape("options of a question", &[truth.len()], &[answers.len()])?;
        if truth.is_empty() {
            return Err(EvalError::Empty {
                what: "options of a question",
            });
        }
        let right = truth
            .iter()
            .zip(answers)
            .map(|(truth, answer)| truth == answer)
            .collect();
        Ok(Self {
            video: video.to_owned(),
            kind: kind.to_owned(),
            has_options: true,
            right,
        })
    }

    /// Whether all of it is right.
    pub fn all_right(&self) -> bool {
        self.right.iter().all(|right| *right)
    }
}

impl Tally {
    fn add(&mut self, video: &str, correct: usize, total: usize) {
        let entry = self.videos.entry(video.to_owned()).or_default();
        entry.0 += correct;
        entry.1 += total;
    }

    /// Right ones.
    pub fn correct(&self) -> usize {
        self.videos.values().map(|(correct, _)| correct).sum()
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.videos.values().map(|(_, total)| total).sum()
    }

    /// Share of right ones; `None` of nothing.
    pub fn share(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.correct() as f64 / self.total() as f64)
    }

    /// How much the answers about one video hang together.
    pub fn design_effect(&self) -> f64 {
        design_effect(&self.videos.values().copied().collect::<Vec<_>>())
    }
}

/// Accuracy of every type, and of [`ALL`] together.
pub fn tally(questions: &[Graded]) -> BTreeMap<String, Accuracy> {
    let mut kinds: BTreeMap<String, Accuracy> = BTreeMap::new();
    for question in questions {
        for kind in [question.kind.as_str(), ALL] {
            let accuracy = kinds.entry(kind.to_owned()).or_default();
            accuracy
                .per_question
                .add(&question.video, usize::from(question.all_right()), 1);
            if question.has_options {
                let right = question.right.iter().filter(|right| **right).count();
                accuracy
                    .per_option
                    .add(&question.video, right, question.right.len());
            }
        }
    }
    kinds
}

/// Every question and every option as a row of `items.csv`, 1 for right and 0 for wrong, under the subsets of [`scores`].
/// The number of a question or option among those of its video and subset stands for the frame.
pub fn items(questions: &[Graded]) -> Vec<ItemValue> {
    let mut next: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for question in questions {
        for kind in [question.kind.as_str(), ALL] {
            let whole = [question.all_right()];
            let mut parts: Vec<(&str, &[bool])> = vec![("per-question", &whole)];
            if question.has_options {
                parts.push(("per-option", &question.right));
            }
            for (part, right) in parts {
                let subset = format!("{kind}/{part}");
                for right in right {
                    let place = next.entry((subset.clone(), &question.video)).or_default();
                    rows.push(ItemValue {
                        metric: ACCURACY.default_id().into(),
                        profile: PROFILE.to_owned(),
                        subset: subset.clone(),
                        item: question.video.clone(),
                        frame: Some(*place),
                        value: Some(f64::from(u8::from(*right))),
                    });
                    *place += 1;
                }
            }
        }
    }
    rows
}

/// Rows `accuracy` with subsets `TYPE/per-question` and, where there are options, `TYPE/per-option`. The interval is
/// Wilson's, widened by the design effect, which stands in the note. `blind` are the same questions answered without
/// the video: they make the floor. `ceiling` are those answered from the truth about the scene, where that was done.
pub fn scores(questions: &[Graded], blind: &[Graded], ceiling: &[Graded]) -> Vec<Score> {
    let (blind, ceiling) = (tally(blind), tally(ceiling));
    let mut rows = Vec::new();
    for (kind, accuracy) in tally(questions) {
        let bounds = [blind.get(&kind), ceiling.get(&kind)];
        let pick = |of: fn(&Accuracy) -> &Tally| {
            bounds.map(|bound| bound.and_then(|bound| of(bound).share()))
        };
        let question = row(
            &kind,
            "per-question",
            &accuracy.per_question,
            pick(|accuracy| &accuracy.per_question),
        );
        let option = row(
            &kind,
            "per-option",
            &accuracy.per_option,
            pick(|accuracy| &accuracy.per_option),
        );
        rows.extend(question.into_iter().chain(option));
    }
    rows
}

fn row(kind: &str, unit: &str, tally: &Tally, [floor, ceiling]: [Option<f64>; 2]) -> Option<Score> {
    let (correct, total) = (tally.correct(), tally.total());
    let effect = tally.design_effect();
    let interval = wilson(correct, total, effect)?;
    let subset = format!("{kind}/{unit}");
    let score = Score::new(ACCURACY.default_id(), &subset)
        .with_value(tally.share()?, total)
        .with_bounds(floor, ceiling)
        .with_interval(
            interval.low,
            interval.high,
            "wilson, widened by the design effect of videos",
        );
    Some(Score {
        note: format!(
            "design effect {effect:.2} over {} videos",
            tally.videos.len()
        ),
        ..score
    })
}

/// How often each true answer was given each answer.
pub fn confusion<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<(String, String), usize> {
    let mut table = BTreeMap::new();
    for (truth, answer) in pairs {
        *table
            .entry((truth.to_owned(), answer.to_owned()))
            .or_default() += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_right_only_with_all_of_its_options() {
        let half = Graded::options(
            "v",
            "predictive",
            &["correct", "wrong"],
            &["correct", "correct"],
        )
        .unwrap();
        let all = tally(&[half]);
        assert_eq!(all["predictive"].per_option.share(), Some(0.5));
        assert_eq!(all["predictive"].per_question.share(), Some(0.0));
        assert!(Graded::options("v", "predictive", &["correct"], &[]).is_err());
        assert!(Graded::options("v", "predictive", &[], &[]).is_err());
    }

    #[test]
    fn every_row_has_an_interval_about_its_value_and_a_floor() {
        let ask = |right: bool| {
            Graded::word(
                "v",
                "descriptive",
                "red",
                if right { "red" } else { "blue" },
            )
        };
        let rows = scores(
            &[ask(true), ask(true), ask(false)],
            &[ask(false), ask(true)],
            &[],
        );
        let subsets: Vec<_> = rows.iter().map(|row| row.subset.as_str()).collect();
        assert_eq!(subsets, ["all/per-question", "descriptive/per-question"]);
        for row in rows {
            assert!(row.ci_low < row.value && row.value < row.ci_high, "{row:?}");
            assert_eq!((row.floor, row.ceiling, row.n_items), (Some(0.5), None, 3));
        }
    }

    #[test]
    fn confusions_are_counted() {
        let table = confusion([("red", "red"), ("red", "blue"), ("red", "blue")]);
        assert_eq!(table[&("red".to_owned(), "blue".to_owned())], 2);
    }
}
