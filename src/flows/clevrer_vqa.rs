//! Decode, encode, answer in several ways, score, report.

use std::path::Path;

use slotflow_datasets::GroundTruth;
use slotflow_datasets::source::open;

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{Artifact, Options, Run};
use crate::models::WeightsKind;
use crate::models::reasoner::AloeConfig;
use crate::plan::ClevrerVqaPlan;
use crate::plan::clevrer_vqa::AnswererName;
use crate::plan::video_predict::AnswerConfig;
use crate::stages::clevrer::answer::{Answer, sees};
use crate::stages::clevrer::answers::{Answers, AnswersOfClips};
use crate::stages::clevrer::neuro_symbolic::NeuroSymbolic;
use crate::stages::clevrer::noisy_oracle::{CountMisreadings, NoisyOracle};
use crate::stages::clevrer::oracle::Oracle;
use crate::stages::clevrer::score_answers::{Answerer, ScoreAnswers};
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::report::answer_report::AnswerReport;
use crate::stages::{Loaded, load};
use crate::train::objectives::aloe::Sees;
use crate::weights::WeightsError;

/// Frames of CLEVRER's videos.
const CLEVRER_FRAMES: usize = 128;

/// The weights files of a plan, read and hashed.
struct Models {
    encoder: Loaded,
    dynamics: Loaded,
    aloe: Loaded,
    baselines: Vec<(String, Loaded)>,
    head: Option<Loaded>,
}

impl Models {
    fn open(plan: &ClevrerVqaPlan) -> Result<Self, WeightsError> {
        let baselines = plan
            .baselines
            .iter()
            .map(|(name, file)| Ok((name.clone(), load(file)?)));
        Ok(Self {
            encoder: load(&plan.encode.weights)?,
            dynamics: load(&plan.dynamics)?,
            aloe: load(&plan.answer.weights)?,
            baselines: baselines.collect::<Result<_, WeightsError>>()?,
            head: plan
                .neuro_symbolic
                .as_ref()
                .map(|config| load(&config.weights))
                .transpose()?,
        })
    }

    /// Refuses models that do not go together, or not with the plan.
    fn check(&self, plan: &ClevrerVqaPlan) -> Result<(), FlowError> {
        let encoder = fits::encoder(&plan.decode, &plan.encode, &self.encoder)?;
        let encoder = encoder.as_ref();
        let all = ("decode.frames", usize::MAX);
        fits::dynamics(("dynamics", &self.dynamics), encoder, all)?;
        for weights in self.baselines.iter().map(|(_, weights)| weights) {
            // A reasoner that does not see the clip has other sizes.
            if sees(weights)? == Sees::Clip {
                fits::reasoner(("baselines", weights), encoder, &plan.decode, "")?;
            }
        }
        fits::reasoner(("answer.weights", &self.aloe), encoder, &plan.decode, "")?;
        Ok(())
    }
}

/// Answers of one that answers.
struct AnswersBy<'a> {
    name: AnswererName,
    /// What it is, for the note of its scores.
    about: String,
    answers: Answers,
    weights: &'a Loaded,
}

/// Runs a plan of question answering and writes its folder.
///
/// # Errors
/// What stopped it.
#[expect(clippy::too_many_lines, reason = "the whole pipeline on one screen")]
pub fn clevrer_vqa(
    plan: &ClevrerVqaPlan,
    out: &Path,
    options: Options,
) -> Result<Outcome, FlowError> {
    let models = Models::open(plan)?;
    let run = Run::open(options)?;
    let window = window(&plan.decode, None);
    let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
    fits::clips(&plan.decode, &*source)?;
    models.check(plan)?;
    let stride = plan.decode.stride.unwrap_or(1);
    let facts = plan.decode.dataset.facts();
    let video_frames = facts.frames.unwrap_or(CLEVRER_FRAMES);

    let clips = run.stage(&Decode {
        config: &plan.decode,
        source: &*source,
        window,
    })?;
    let encoded = run.stage(&Encode {
        config: &plan.encode,
        weights: &models.encoder,
        clips: &clips,
    })?;
    let truth = if source.knows(GroundTruth::Events) {
        let states = sizes(&models, plan)?;
        Some(run.stage(&Oracle {
            source: &*source,
            clips: &clips,
            states,
            stride,
        })?)
    } else {
        None
    };
    let answer = |weights: &Loaded| -> Result<Option<Answers>, FlowError> {
        let sees = sees(weights)?;
        let known = truth.as_ref().filter(|_| source.knows(GroundTruth::States));
        let states = known.map(Artifact::read_as::<SlotsOfClips>);
        let encoded = match (sees, &states) {
            (Sees::States, None) => return Ok(None),
            (Sees::States, Some(states)) => states,
            _ => &encoded,
        };
        let config = AnswerConfig {
            steps: plan.answer.steps,
            ..plan.answer.clone()
        };
        let dynamics = (sees == Sees::Clip).then_some(&models.dynamics);
        Ok(Some(run.stage(&Answer {
            config: &config,
            weights,
            dynamics,
            clips: &clips,
            encoded,
        })?))
    };
    let mut all: Vec<AnswersBy<'_>> = Vec::new();
    if let Some(answers) = answer(&models.aloe)? {
        all.push(AnswersBy {
            name: AnswererName::Aloe,
            about: "Aloe on slots".to_owned(),
            answers,
            weights: &models.aloe,
        });
    }
    for (name, weights) in &models.baselines {
        if let Some(answers) = answer(weights)? {
            all.push(AnswersBy {
                name: AnswererName::Baseline(name.clone()),
                about: about(sees(weights)?).to_owned(),
                answers,
                weights,
            });
        }
    }
    if let (Some(config), Some(weights)) = (&plan.neuro_symbolic, &models.head) {
        let reading = NeuroSymbolic {
            config,
            weights,
            dynamics: &models.dynamics,
            clips: &clips,
            encoded: &encoded,
            stride,
            video_frames,
        };
        all.push(AnswersBy {
            name: AnswererName::NeuroSymbolic,
            about: NEURO_SYMBOLIC.to_owned(),
            answers: run.stage(&reading)?,
            weights,
        });
        if truth.is_some() && source.knows(GroundTruth::States) {
            let source = &*source;
            let misreadings = run.stage(&CountMisreadings {
                reading: &reading,
                source,
            })?;
            let rates = (!run.options().dry).then(|| misreadings.table());
            let rates = rates.transpose()?.unwrap_or_default();
            all.push(AnswersBy {
                name: AnswererName::Baseline(NOISY_TRUTH.to_owned()),
                about: format!("programs on true events with as many errors as the head makes on these clips ({rates})"),
                answers: run.stage(&NoisyOracle {
                    source,
                    clips: &clips,
                    misreadings: &misreadings,
                })?,
                weights,
            });
        }
    }
    let answerers: Vec<Answerer<'_>> = all
        .iter()
        .map(|one| Answerer {
            name: one.name.profile().to_owned(),
            about: one.about.clone(),
            answers: &one.answers,
            checkpoint: one.weights.id.clone(),
        })
        .collect();
    let truth = truth.as_ref().map(Artifact::read_as::<AnswersOfClips>);
    let unjoined = source.unjoined();
    let scores = run.stage(&ScoreAnswers {
        clips: &clips,
        answerers: &answerers,
        truth: truth.as_ref(),
        remark: remark(unjoined.len()),
    })?;
    let mut failures: Vec<(String, String)> = scores
        .failures()
        .iter()
        .map(|(clip, why)| (clip.to_string(), why.clone()))
        .collect();
    failures.extend(unjoined);
    let mut named: Vec<(String, &Answers)> = all
        .iter()
        .map(|one| (one.name.profile().to_owned(), &one.answers))
        .collect();
    named.extend(truth.as_ref().map(|truth| ("truth".to_owned(), truth)));
    let report = AnswerReport {
        plan,
        clips: &clips,
        answers: &named,
        scores: &scores,
        failures: failures.clone(),
    };
    let report = (!run.options().dry)
        .then(|| report.write(out, &run))
        .transpose()?;
    Ok(Outcome {
        report,
        stages: run.records(),
        failures,
    })
}

/// The profile of programs on true events with as many errors as the head makes.
const NOISY_TRUTH: &str = "noisy-truth";

/// The note of the scores of neuro-symbolic answers.
const NEURO_SYMBOLIC: &str = "programs on events that a head predicts from slots, encoded and rolled out; the head is supervised by \
                      generated events, the programs are the questions' own";

fn about(sees: Sees) -> &'static str {
    match sees {
        Sees::Clip => "another Aloe on slots",
        Sees::LastFrame => "floor: Aloe on the slots of the last observed frame alone",
        Sees::Question => "floor: Aloe on the question alone",
        Sees::States => "ceiling: Aloe on true states in place of slots, also behind the clip",
    }
}

fn remark(orphans: usize) -> String {
    match orphans {
        0 => String::new(),
        count => format!("; {count} videos that questions ask about are missing and not counted"),
    }
}

/// Frames and objects of true states: what the reasoner that looks at them reads.
fn sizes(models: &Models, plan: &ClevrerVqaPlan) -> Result<[usize; 2], FlowError> {
    for (_, weights) in &models.baselines {
        if sees(weights)? == Sees::States {
            let config: AloeConfig = weights.config(WeightsKind::Aloe)?;
            return Ok([config.frames + plan.answer.steps, config.slots]);
        }
    }
    Ok([1, 1])
}
