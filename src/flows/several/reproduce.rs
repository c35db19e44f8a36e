//! The scores of bundled weights, or the weights themselves, made again as their card says.

use std::path::{Path, PathBuf};

use slotflow_eval::{EvalError, ScoreTable};

use super::any::run_plan;
use crate::artifacts::progress::say;
use crate::artifacts::{Options, RunError};
use crate::flows::train::train;
use crate::flows::video_predict::FlowError;
use crate::plan::{Plan, PlanError};
use crate::train::fit::ranks::group::OneRank;
use crate::weights::bundled::cards::{Card, Column, StatedScore, Step};

/// A score as its card states it, and as it was measured now.
#[derive(Debug, Clone, PartialEq)]
pub struct ReproducedScore {
    /// The card's.
    pub stated: StatedScore,
    /// What was measured; none where the table has no such row or value.
    pub found: Option<f64>,
}

impl ReproducedScore {
    /// Whether what was measured is as near as the card promises.
    pub fn holds(&self) -> bool {
        let near = |found: f64| (found - self.stated.value).abs() <= self.stated.tolerance;
        self.found.is_some_and(near)
    }
}

/// Runs the evaluation of a card into `out` and looks up its scores; none of a dry run.
///
/// # Errors
/// What stopped the run, or when its table cannot be read.
pub fn scores_of(
    card: &Card,
    out: &Path,
    options: Options,
) -> Result<Vec<ReproducedScore>, FlowError> {
    let plan = Plan::load(&card.evaluation.plan, &card.evaluation.set)?;
    let outcome = run_plan(&plan, out, options)?;
    let Some(report) = outcome.report else {
        return Ok(Vec::new());
    };
    let path = report.with_file_name("scores.csv");
    let table = ScoreTable::load(&path).map_err(|error: EvalError| RunError::Damaged {
        reason: error.to_string(),
        path,
    })?;
    Ok(looked_up(card, &table))
}

fn looked_up(card: &Card, table: &ScoreTable) -> Vec<ReproducedScore> {
    let find = |stated: &StatedScore| {
        let rows = table.rows.iter();
        let mut rows = rows.filter(|row| {
            let of_profile = stated.profile.as_ref();
            row.metric == *stated.metric
                && row.subset == stated.subset
                && of_profile.is_none_or(|profile| *profile == row.profile)
        });
        rows.find_map(|row| match stated.column {
            Column::Value => row.value,
            Column::Ceiling => row.ceiling,
        })
    };
    let scores = card.score.iter();
    scores
        .map(|stated| ReproducedScore {
            stated: stated.clone(),
            found: find(stated),
        })
        .collect()
}

/// Trains what a card needs from nothing, each in a folder of its own inside `out`, where it goes on if it was stopped; the
/// weights files of the last.
///
/// # Errors
/// When a plan of the card is none, or what stopped a training.
pub fn trained_anew(card: &Card, out: &Path, options: &Options) -> Result<Vec<PathBuf>, FlowError> {
    let device = options.device.open()?;
    let mut files = Vec::new();
    for (index, step) in card.training.iter().enumerate() {
        if !options.quiet {
            let (at, count) = (index + 1, card.training.len());
            say(&format!("{}: training {at} of {count}", name_of(step)));
        }
        let Plan::Train(plan) = Plan::load_inside(&step.plan, &step.set, out)? else {
            return Err(FlowError::Plan(PlanError::Parse {
                reason: "the card names a plan that trains nothing".to_owned(),
                path: step.plan.clone().into(),
            }));
        };
        let folder = out.join(name_of(step));
        files = train(&plan, &folder, options, device.clone(), &OneRank)?.files;
    }
    Ok(files)
}

/// The folder of a training: the last part of its plan's name.
fn name_of(step: &Step) -> &str {
    step.plan.rsplit('/').next().unwrap_or(&step.plan)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use slotflow_eval::Score;
    use slotflow_eval::metric::registry::METRICS;
    use slotflow_eval::pixel::psnr::PSNR;

    use super::*;
    use crate::weights::bundled::{self, cards::cards};

    #[test]
    fn every_bundled_file_has_a_card_whose_plans_curve_and_metrics_are_there() {
        let cards = cards().unwrap();
        let names: BTreeSet<&str> = cards.iter().map(|card| card.name.as_str()).collect();
        assert_eq!(names.len(), cards.len(), "two cards of one name");
        let files: BTreeSet<&str> = bundled::names().iter().copied().collect();
        assert_eq!(names, files);
        let curves = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/weights/curves");
        for card in &cards {
            let name = &card.name;
            assert!(curves.join(&card.curve).is_file(), "{name}: {}", card.curve);
            assert!(
                !card.score.is_empty() && !card.training.is_empty(),
                "{name}"
            );
            let run = Plan::load(&card.evaluation.plan, &card.evaluation.set).unwrap();
            assert!(!matches!(run, Plan::Train(_)), "{name}");
            for stated in &card.score {
                let is_known = METRICS.iter().any(|metric| metric.name == stated.metric);
                assert!(is_known, "{name}: {}", stated.metric);
                let inside = |[low, high]: [f64; 2]| low <= stated.value && stated.value <= high;
                assert!(stated.interval.is_none_or(inside), "{name}: {stated:?}");
            }
            // What a training starts from was trained before, or is bundled.
            let mut made = BTreeSet::new();
            for step in &card.training {
                let plan = Plan::load_inside(&step.plan, &step.set, Path::new("here")).unwrap();
                let text = plan.to_toml().unwrap();
                for part in text.split("here/").skip(1) {
                    let folder = part.split('/').next().unwrap();
                    assert!(made.contains(folder), "{name}: {folder} is not made before");
                }
                made.insert(name_of(step).to_owned());
            }
        }
    }

    #[test]
    fn a_score_holds_within_its_tolerance_and_a_missing_one_does_not() {
        let card = &cards().unwrap()[0];
        let stated = |value: f64| StatedScore {
            metric: "psnr".to_owned(),
            profile: None,
            subset: "imagined".to_owned(),
            column: Column::Value,
            value,
            interval: None,
            tolerance: 0.1,
        };
        let card = Card {
            score: vec![
                stated(23.0),
                stated(23.3),
                StatedScore {
                    subset: "nowhere".to_owned(),
                    ..stated(23.0)
                },
            ],
            ..card.clone()
        };
        let table = ScoreTable {
            rows: vec![Score::new(PSNR.default_id(), "imagined").with_value(23.05, 8)],
        };
        let found = looked_up(&card, &table);
        let holds: Vec<bool> = found.iter().map(ReproducedScore::holds).collect();
        assert_eq!(holds, [true, false, false]);
        assert_eq!(found[2].found, None);
    }
}
