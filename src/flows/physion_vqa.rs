//! Decode, encode, roll out, read out, score, report: will the red object touch the yellow one?

use std::path::{Path, PathBuf};

use slotflow_datasets::source::open;
use slotflow_datasets::synth::contact::OBSERVED;
use slotflow_datasets::{Source, Split, Window};
use slotflow_eval::report::{AnswerRow, Page};
use slotflow_eval::{ItemTable, ScoreTable};

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::files::write_atomic;
use crate::artifacts::{Options, Run, RunError, Slots};
use crate::plan::video_predict::{DecodeConfig, RolloutConfig};
use crate::plan::{PhysionVqaPlan, Plan};
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::physion::contact_prediction::ContactPrediction;
use crate::stages::physion::labelled_slots::PhysionPart;
use crate::stages::physion::learned::check_outcomes;
use crate::stages::physion::tables::{ContactAnswer, ContactScores, ContactTables};
use crate::stages::predict::rollout::Rollout;
use crate::stages::report::run_folder::{made, stage_rows, write_page, write_run_folder};
use crate::stages::{Loaded, load};

/// Readout clips up to which outcomes are counted before work.
const SMALL: usize = 100;

/// Runs a plan of contact prediction and writes its folder.
///
/// # Errors
/// What stopped it.
#[expect(clippy::too_many_lines, reason = "the whole pipeline on one screen")]
pub fn physion_vqa(
    plan: &PhysionVqaPlan,
    out: &Path,
    options: Options,
) -> Result<Outcome, FlowError> {
    let (encoder, dynamics) = (load(&plan.encode.weights)?, load(&plan.rollout.weights)?);
    let run = Run::open(options)?;
    let parts = [
        (Split::Train, plan.physion.clips),
        (Split::Test, plan.decode.clips),
    ];
    let configs = parts.map(|(split, clips)| DecodeConfig {
        split,
        clips,
        ..plan.decode.clone()
    });
    let window = window(&plan.decode, None);
    let [readout, test] = &configs;
    let source = |config: &DecodeConfig| open(config.dataset, &source_config(config, &window));
    let sources = [source(readout)?, source(test)?];
    let observed = OBSERVED.div_ceil(plan.decode.stride.unwrap_or(1));
    for (config, source) in configs.iter().zip(&sources) {
        fits::clips(config, &**source)?;
    }
    check_models(plan, (&encoder, &dynamics), observed)?;
    check_enough(readout, &*sources[0])?;
    let rollout = SlotRollout {
        plan,
        run: &run,
        encoder: &encoder,
        dynamics: &dynamics,
        rollout: RolloutConfig {
            burn_in: observed,
            ..plan.rollout.clone()
        },
    };
    let slots = [
        rollout.of_part(readout, &*sources[0], window)?,
        rollout.of_part(test, &*sources[1], window)?,
    ];
    let part = |part: usize| PhysionPart {
        source: &*sources[part],
        slots: &slots[part],
    };
    let scratch = run.options().cache.join("readouts");
    let both = [encoder.id.as_str(), dynamics.id.as_str()].concat();
    let contacts = run.stage(&ContactPrediction {
        config: &plan.physion,
        readout: part(0),
        test: part(1),
        scratch: &scratch,
        checkpoint: blake3::hash(both.as_bytes()).to_hex()[..32].to_owned(),
    })?;
    let mut failures: Vec<(String, String)> = contacts
        .failures()
        .iter()
        .map(|(clip, why)| (clip.to_string(), why.clone()))
        .collect();
    failures.extend(sources.iter().flat_map(|source| source.unjoined()));
    let report = (!run.options().dry)
        .then(|| write_folder(plan, &contacts, &failures, out, &run))
        .transpose()?;
    Ok(Outcome {
        report,
        stages: run.records(),
        failures,
    })
}

/// Refuses models that do not go together, or not with the plan.
fn check_models(
    plan: &PhysionVqaPlan,
    (encoder, dynamics): (&Loaded, &Loaded),
    observed: usize,
) -> Result<(), FlowError> {
    let encoder = fits::encoder(&plan.decode, &plan.encode, encoder)?;
    let needed = ("decode.stride", observed);
    fits::dynamics(("rollout.weights", dynamics), encoder.as_ref(), needed)?;
    Ok(())
}

/// Refuses too few readout clips of either outcome. What happens in a generated clip is simulated, so only small parts are
/// looked at: large ones have enough by far.
fn check_enough(config: &DecodeConfig, source: &dyn Source) -> Result<(), RunError> {
    let left = source.len() - config.first.min(source.len());
    let count = config.clips.map_or(left, |clips| clips.min(left));
    if count > SMALL {
        return Ok(());
    }
    let range = config.first..config.first + count;
    let outcomes: Vec<_> = range.filter_map(|index| source.outcome(index)).collect();
    check_outcomes(&outcomes)
}

/// Clips of one part → slots observed and rolled out.
struct SlotRollout<'a> {
    plan: &'a PhysionVqaPlan,
    run: &'a Run,
    encoder: &'a Loaded,
    dynamics: &'a Loaded,
    rollout: RolloutConfig,
}

impl SlotRollout<'_> {
    fn of_part(
        &self,
        config: &DecodeConfig,
        source: &dyn Source,
        window: Window,
    ) -> Result<Slots, FlowError> {
        let clips = self.run.stage(&Decode {
            config,
            source,
            window,
        })?;
        let encoded = self.run.stage(&Encode {
            config: &self.plan.encode,
            weights: self.encoder,
            clips: &clips,
        })?;
        Ok(self.run.stage(&Rollout {
            config: &self.rollout,
            weights: self.dynamics,
            slots: &encoded,
        })?)
    }
}

/// Writes the folder of a run; the path of its page.
fn write_folder(
    plan: &PhysionVqaPlan,
    contacts: &ContactScores,
    failures: &[(String, String)],
    out: &Path,
    run: &Run,
) -> Result<PathBuf, RunError> {
    let whole = Plan::PhysionVqa(Box::new(plan.clone()));
    let ContactTables { scores, answers } = contacts.table()?;
    let scores = ScoreTable { rows: scores };
    let unfit = |error: slotflow_eval::EvalError| RunError::Unfit {
        reason: error.to_string(),
    };
    let head = "video,scenario,column,truth,answer,probability-of-yes\n".to_owned();
    let rows = answers.iter().map(line);
    let csv: String = std::iter::once(head).chain(rows).collect();
    write_run_folder(out, run, &whole, |folder, text| {
        scores.save(&folder.join("scores.csv")).map_err(unfit)?;
        write_atomic(&folder.join("answers.csv"), csv.as_bytes())?;
        let items = ItemTable::default();
        let page = Page {
            title: "Will they touch?".to_owned(),
            subtitle: format!(
                "`{}`: contacts predicted from slots of {OBSERVED} observed frames, alone and with those rolled out behind; seed {}",
                plan.decode.dataset, plan.seed
            ),
            scores: &scores,
            items: &items,
            clips: Vec::new(),
            answers: answers.iter().map(shown).collect(),
            stages: stage_rows(run),
            made: made(run, &[]),
            plan: text,
            notes: Vec::new(),
            failures: failures.to_vec(),
            burn_in: 0,
        };
        write_page(folder, &page)
    })
}

/// A line of `answers.csv`.
fn line(row: &ContactAnswer) -> String {
    let cells = [
        &row.video,
        &row.scenario,
        &row.column,
        &row.truth,
        &row.answer,
        &row.probability,
    ];
    cells.map(String::as_str).join(",") + "\n"
}

/// A row of the page.
fn shown(row: &ContactAnswer) -> AnswerRow {
    let yes: f64 = row.probability.parse().unwrap_or(0.5);
    let scenario = &row.scenario;
    AnswerRow {
        video: row.video.clone(),
        question: format!("Will the red object touch the yellow one? ({scenario})"),
        kind: row.column.clone(),
        subtype: None,
        option: None,
        truth: Some(row.truth.clone()),
        answer: row.answer.clone(),
        probability: if row.answer == "yes" { yes } else { 1.0 - yes },
        trace: Vec::new(),
    }
}
