//! Several seeds begin, the one that validates best goes on: slot models of one recipe differ much by their seed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use slotflow_datasets::regular;

use super::run::Execution;
use crate::artifacts::RunError;
use crate::artifacts::files::write_atomic;
use crate::artifacts::lock::FolderLock;
use crate::artifacts::progress::say;
use crate::plan::training::{SeedsConfig, TrainPlan};
use crate::train::TrainError;
use crate::train::fit::checkpoint::ValidationScore;
use crate::weights::{Precision, WeightsFile};

/// The validation of a seed at the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SeedScore {
    seed: u64,
    /// Steps at which seeds are compared.
    at: u64,
    #[serde(rename = "mark")]
    score: ValidationScore,
}

/// Trains a plan of one seed in a folder; the weights files that it wrote there.
type TrainOne = fn(&TrainPlan, &Path, Execution<'_>) -> Result<Vec<PathBuf>, TrainError>;

/// Trains every seed up to the comparison, each in a folder of its own, and the best of them to the end; its weights
/// then stand in `folder`, with what became of all seeds in their headers and in `seeds.csv`.
///
/// # Errors
/// What stopped a training.
pub fn train(
    plan: &TrainPlan,
    seeds: &SeedsConfig,
    folder: &Path,
    execution: &Execution<'_>,
    train_one: TrainOne,
) -> Result<Vec<PathBuf>, TrainError> {
    let _lock = FolderLock::take(folder)?;
    let at = seeds.compare_at(plan.fit.steps);
    let quiet = execution.options.quiet;
    let of_seed = |seed: u64, until: Option<u64>| {
        let own = TrainPlan {
            seed,
            seeds: None,
            ..plan.clone()
        };
        let execution = Execution {
            until,
            ..execution.clone()
        };
        train_one(&own, &folder.join(format!("seed-{seed}")), execution)
    };
    let mut scores: Vec<SeedScore> = Vec::new();
    for seed in (plan.seed..).take(seeds.count) {
        let note = folder.join(format!("seed-{seed}")).join("compared.json");
        let score = if let Some(score) = earlier(&note, at)? {
            score
        } else {
            if !quiet {
                say(&format!("seed {seed}: {at} of {} steps", plan.fit.steps));
            }
            let files = of_seed(seed, Some(at))?;
            let score = score_of(&files)?;
            let score = SeedScore { seed, at, score };
            write_atomic(&note, json!(score).to_string().as_bytes())?;
            score
        };
        scores.push(score);
    }
    let best = scores
        .iter()
        .fold(None, |best: Option<&SeedScore>, one| match best {
            Some(best) if !one.score.beats(&best.score) => Some(best),
            _ => Some(one),
        });
    let best = best.map_or(plan.seed, |best| best.seed);
    write_atomic(&folder.join("seeds.csv"), table(&scores, best).as_bytes())?;
    if !quiet {
        say(&format!("seed {best} goes on"));
    }
    let files = of_seed(best, None)?;
    files
        .iter()
        .map(|file| adopted(file, folder, &scores))
        .collect()
}

/// The score of a seed that an earlier run wrote.
fn earlier(note: &Path, at: u64) -> Result<Option<SeedScore>, TrainError> {
    let Ok(text) = regular::read_to_string(note) else {
        return Ok(None);
    };
    let score: SeedScore = serde_json::from_str(&text).map_err(|error| RunError::Damaged {
        reason: error.to_string(),
        path: note.to_owned(),
    })?;
    if score.at == at {
        return Ok(Some(score));
    }
    Err(TrainError::Changed {
        differences: format!("`seeds.compare-at` {} → {at}", score.at),
        path: note.to_owned(),
    })
}

/// The validation that the header of a training's weights holds.
fn score_of(files: &[PathBuf]) -> Result<ValidationScore, TrainError> {
    let unknown = || RunError::Internal {
        reason: "a training without a validation".to_owned(),
    };
    let file = WeightsFile::read(files.first().ok_or_else(unknown)?)?;
    let score = file.header.training.get("kept").cloned();
    let score = score.and_then(|score| serde_json::from_value(score).ok());
    Ok(score.ok_or_else(unknown)?)
}

fn table(scores: &[SeedScore], best: u64) -> String {
    let mut text = String::from("seed,steps,figure,value,better,continued\n");
    text.extend(scores.iter().map(|SeedScore { seed, score, .. }| {
        let better = json!(score.better);
        let better = better.as_str().unwrap_or_default();
        let ValidationScore {
            step,
            figure,
            value,
            ..
        } = score;
        format!(
            "{seed},{step},{figure},{value},{better},{}\n",
            *seed == best
        )
    }));
    text
}

/// Copies a weights file of a seed up, with what became of all seeds in its header.
fn adopted(file: &Path, folder: &Path, scores: &[SeedScore]) -> Result<PathBuf, TrainError> {
    let mut weights = WeightsFile::read(file)?;
    if let Some(training) = weights.header.training.as_object_mut() {
        training.insert("seeds".to_owned(), json!(scores));
    }
    let path = folder.join(file.file_name().unwrap_or_default());
    weights.write(&path, Precision::Half)?;
    Ok(path)
}
