//! Trained on readout clips: the papers' readout at every checkpoint of every seed, and logistic regressions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};
use slotflow_datasets::source::Outcome;
use slotflow_eval::logistic::cross_validated;
use slotflow_eval::physion::Readout;

use crate::artifacts::files::make_dir;
use crate::artifacts::{Context, RunError};
use crate::models::reasoner::PhysionReadoutConfig;
use crate::rng::{Init, SeededRng};
use crate::stages::physion::column::{Column, fault};
use crate::stages::physion::labelled_slots::LabelledSlots;
use crate::tensor_conversion::floats;
use crate::train::FitConfig;
use crate::train::data::readout_dataset::ReadoutDataset;
use crate::train::fit::checkpoint::Checkpoint;
use crate::train::fit::ranks::group::OneRank;
use crate::train::fit::schedule::Schedule;
use crate::train::fit::training_loop::{FitContext, fit};
use crate::train::objectives::readout::{ReadoutConfig, ReadoutObjective, ReadoutObjectiveConfig};
use crate::weights::load_into;

/// Folds of the cross-validation.
const FOLDS: usize = 5;

impl Column<'_> {
    /// Readouts of every seed at every checkpoint.
    pub(crate) fn readouts(
        &self,
        rest: &[usize],
        held: &[usize],
        context: &Context,
    ) -> Result<Vec<Readout>, RunError> {
        let config = self.protocol.config;
        let of = |clips: &[usize]| ReadoutDataset {
            slots: self.window(self.readout).select(Axis(0), clips),
            labels: clips
                .iter()
                .map(|clip| i64::from(self.readout.outcomes[*clip].yes))
                .collect(),
        };
        let objective = ReadoutObjective {
            model: ReadoutConfig::Physion(PhysionReadoutConfig {
                dim: self.test.slots.dim().3,
                ..config.model.clone()
            }),
            config: ReadoutObjectiveConfig {
                batch: config.batch,
                steps: 0,
            },
            train: of(rest),
            held_out: of(held),
        };
        let test = ReadoutDataset {
            slots: self.window(self.test).to_owned(),
            labels: Vec::new(),
        };
        let mut readouts = Vec::new();
        for seed in 0..config.seeds.max(1) {
            let folder = self.train(&objective, seed, context)?;
            for (step, path) in checkpoints(&folder)? {
                let predict =
                    |clips: &ReadoutDataset| probabilities(&objective, &path, clips, context);
                readouts.push(Readout {
                    seed,
                    checkpoint: step,
                    held_out: predict(&objective.held_out)?,
                    test: predict(&test)?,
                });
            }
        }
        Ok(readouts)
    }

    /// Trains a readout, from its newest checkpoint on; the folder of its checkpoints.
    fn train(
        &self,
        objective: &ReadoutObjective,
        seed: u64,
        context: &Context,
    ) -> Result<PathBuf, RunError> {
        let config = self.protocol.config;
        let folder = self.folder(seed);
        let plan = FitConfig {
            steps: config.steps,
            schedule: Schedule {
                rate: config.rate,
                warmup: 0.0,
                ..Schedule::default()
            },
            save_every: config.save_every,
            validate_every: config.steps,
            keep: usize::MAX,
            ..FitConfig::default()
        };
        let fit_context = FitContext {
            folder: &folder,
            device: &context.device,
            seed: context.seed + seed,
            quiet: context.quiet,
            until: None,
            ranks: &OneRank,
            recipe: "",
        };
        fit(objective, &plan, &fit_context).map_err(trained)?;
        Ok(folder)
    }

    /// A folder of its own for everything that the training depends on.
    fn folder(&self, seed: u64) -> PathBuf {
        let protocol = self.protocol;
        let config = serde_json::to_string(protocol.config).unwrap_or_default();
        let what = format!(
            "{config} {} {} {} {seed}",
            protocol.readout_slots.0, self.name, self.time
        );
        let key = blake3::hash(what.as_bytes()).to_hex();
        protocol
            .scratch
            .join(format!("{}-{seed}-{}", self.name, &key[..16]))
    }

    /// Probabilities of one logistic regression a scenario.
    pub(crate) fn physopt(&self, context: &Context) -> Result<Vec<f64>, RunError> {
        let mut predicted = vec![0.5; self.test.outcomes.len()];
        let outcomes = self.test.outcomes.iter();
        let mut scenarios: Vec<&str> = outcomes.map(|one| one.scenario.as_str()).collect();
        scenarios.sort_unstable();
        scenarios.dedup();
        for scenario in scenarios {
            let mut noise = SeededRng::new(context.seed, &["physopt", scenario]);
            let train = of_scenario(self.readout, scenario);
            let train = balanced(&train, &self.readout.outcomes, &mut noise);
            let test = of_scenario(self.test, scenario);
            enough(train.len(), scenario)?;
            let labels = train.iter().map(|clip| self.readout.outcomes[*clip].yes);
            // The clips stand yes, no, yes, no: pairs go round, so that each fold has as many of both.
            let folds: Vec<usize> = (0..train.len()).map(|place| place / 2 % FOLDS).collect();
            let probabilities = cross_validated(
                self.flat(self.readout, &train)?.view(),
                &labels.collect::<Vec<_>>(),
                &folds,
                self.flat(self.test, &test)?.view(),
            )
            .map_err(fault)?;
            for (clip, probability) in test.into_iter().zip(probabilities) {
                predicted[clip] = probability;
            }
        }
        Ok(predicted)
    }

    /// All numbers of a clip's slots in one row, `[clips, numbers]`.
    fn flat(&self, clips: &LabelledSlots, chosen: &[usize]) -> Result<Array2<f64>, RunError> {
        let window = self.window(clips);
        let width = window.len() / window.dim().0.max(1);
        let mut all = Vec::with_capacity(chosen.len() * width);
        for clip in chosen {
            let of = window.index_axis(Axis(0), *clip);
            all.extend(of.iter().map(|value| f64::from(*value)));
        }
        Array2::from_shape_vec((chosen.len(), width), all).map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })
    }
}

/// Probabilities of a positive outcome by a checkpoint's readout.
fn probabilities(
    objective: &ReadoutObjective,
    checkpoint: &Path,
    of: &ReadoutDataset,
    context: &Context,
) -> Result<Vec<f64>, RunError> {
    let state = Checkpoint::model_of(checkpoint).map_err(trained)?;
    let blank = objective.model.init(&mut Init::blank(&context.device));
    let model = load_into(blank, state).map_err(RunError::weights)?;
    let logits = floats(model.forward(&of.tensor(&context.device)));
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-f64::from(logit)).exp());
    Ok(logits.into_iter().map(sigmoid).collect())
}

fn of_scenario(clips: &LabelledSlots, scenario: &str) -> Vec<usize> {
    let all = clips.outcomes.iter().enumerate();
    all.filter(|(_, one)| one.scenario == scenario)
        .map(|(clip, _)| clip)
        .collect()
}

/// Refuses readout clips of which too few have the one or the other outcome.
///
/// # Errors
/// Names the scenario.
pub(crate) fn check_outcomes(outcomes: &[Outcome]) -> Result<(), RunError> {
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for one in outcomes {
        counts.entry(&one.scenario).or_default()[usize::from(one.yes)] += 1;
    }
    let mut scenarios = counts.into_iter();
    scenarios.try_for_each(|(scenario, [no, yes])| enough(2 * no.min(yes), scenario))
}

/// Refuses fewer balanced clips of a scenario than folds take.
fn enough(balanced: usize, scenario: &str) -> Result<(), RunError> {
    if balanced >= 2 * FOLDS {
        return Ok(());
    }
    Err(RunError::Refused {
        reason: format!(
            "{balanced} readout clips of `{scenario}`, as many of either outcome, are too few to cross-validate; {} are needed",
            2 * FOLDS
        ),
        hint: "take more readout clips: `--set physion.clips=200`",
    })
}

/// As many positive clips as negative ones, in turn, drawn at random.
fn balanced(clips: &[usize], outcomes: &[Outcome], noise: &mut SeededRng) -> Vec<usize> {
    let order = noise.shuffled(clips.len());
    let shuffled: Vec<usize> = order.into_iter().map(|place| clips[place]).collect();
    let (yes, no): (Vec<usize>, Vec<usize>) =
        shuffled.into_iter().partition(|clip| outcomes[*clip].yes);
    yes.into_iter()
        .zip(no)
        .flat_map(|(yes, no)| [yes, no])
        .collect()
}

/// The checkpoints in a folder by their step.
fn checkpoints(folder: &Path) -> Result<Vec<(usize, PathBuf)>, RunError> {
    make_dir(folder)?;
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: folder.to_owned(),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let step = name
            .strip_prefix("checkpoint-")
            .and_then(|rest| rest.strip_suffix(".safetensors"));
        if let Some(step) = step.and_then(|step| step.parse().ok()) {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found)
}

fn trained(error: crate::train::TrainError) -> RunError {
    match error {
        crate::train::TrainError::Run(error) => error,
        other => RunError::Unfit {
            reason: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_and_negative_clips_take_turns() {
        let outcome = |yes| Outcome {
            scenario: "Drop".to_owned(),
            yes,
        };
        let outcomes: Vec<_> = [true, true, true, false, false].map(outcome).into();
        let chosen = balanced(&[0, 1, 2, 3, 4], &outcomes, &mut SeededRng::new(1, &[]));
        let outcomes_in_turn: Vec<bool> = chosen.iter().map(|clip| outcomes[*clip].yes).collect();
        assert_eq!(outcomes_in_turn, [true, false, true, false]);
    }
}
