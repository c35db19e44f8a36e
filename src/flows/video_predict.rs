//! Decode, encode, roll out, render, answer, evaluate, report.

use std::path::{Path, PathBuf};

use slotflow_datasets::source::open;
use slotflow_datasets::{DataError, GroundTruth};

use crate::artifacts::{Options, Record, Run, RunError};
use crate::device::DeviceError;
use crate::flows::fits::{self, UnfitError};
use crate::metrics::pretrained::PretrainedStore;
use crate::plan::edit::EditError;
use crate::plan::video_predict::WeightsName;
use crate::plan::{PlanError, VideoPredictPlan};
use crate::stages::clevrer::answer::Answer;
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::{Encode, slot_count};
use crate::stages::predict::evaluate::Evaluate;
use crate::stages::predict::render::Render;
use crate::stages::predict::rollout::Rollout;
use crate::stages::report::run_folder::made;
use crate::stages::report::run_report::Report;
use crate::stages::{Loaded, load};
use crate::train::TrainError;
use crate::weights::WeightsError;

/// Why a prediction could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The clips could not be found.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A weights file cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A stage stopped.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A training stopped.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A plan names another one that cannot be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An edit was refused.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<UnfitError> for FlowError {
    fn from(error: UnfitError) -> Self {
        match error {
            UnfitError::Plan(error) => Self::Plan(error),
            UnfitError::Weights(error) => Self::Weights(error),
        }
    }
}

impl FlowError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Data(error) => error.hint().to_owned(),
            Self::Weights(error) => error.hint().to_owned(),
            Self::Device(error) => error.hint().to_owned(),
            Self::Run(error) => error.hint().to_owned(),
            Self::Train(error) => error.hint().to_owned(),
            Self::Plan(error) => error.hint(),
            Self::Edit(error) => error.hint().to_owned(),
        }
    }
}

/// What came of a prediction.
#[derive(Debug)]
pub struct Outcome {
    /// The page; absent after a dry run.
    pub report: Option<PathBuf>,
    /// What became of every stage.
    pub stages: Vec<Record>,
    /// Clips that could not be done, with the reason.
    pub failures: Vec<(String, String)>,
}

/// The weights files of a plan, read and hashed.
struct Models {
    encoder: Loaded,
    dynamics: Loaded,
    decoder: Loaded,
    reasoner: Option<Loaded>,
    motion: Option<Loaded>,
}

impl Models {
    fn open(plan: &VideoPredictPlan) -> Result<Self, WeightsError> {
        Ok(Self {
            encoder: load(&plan.encode.weights)?,
            dynamics: load(&plan.rollout.weights)?,
            decoder: load(&plan.render.weights)?,
            reasoner: plan
                .answer
                .as_ref()
                .map(|answer| load(&answer.weights))
                .transpose()?,
            motion: plan.evaluate.motion.as_ref().map(load).transpose()?,
        })
    }

    /// Each with its role and its name in the plan.
    fn named<'a>(
        &'a self,
        plan: &'a VideoPredictPlan,
    ) -> Vec<(&'a str, &'a WeightsName, &'a Loaded)> {
        let mut named = vec![
            ("encoder", &plan.encode.weights, &self.encoder),
            ("dynamics", &plan.rollout.weights, &self.dynamics),
            ("decoder", &plan.render.weights, &self.decoder),
        ];
        if let (Some(answer), Some(reasoner)) = (&plan.answer, &self.reasoner) {
            named.push(("reasoner", &answer.weights, reasoner));
        }
        if let (Some(name), Some(motion)) = (&plan.evaluate.motion, &self.motion) {
            named.push(("motion network", name, motion));
        }
        named
    }

    /// Refuses models that do not go together, or not with the plan.
    fn check(&self, plan: &VideoPredictPlan, asks: bool) -> Result<(), FlowError> {
        let encoder = fits::encoder(&plan.decode, &plan.encode, &self.encoder)?;
        let encoder = encoder.as_ref();
        let observed = ("rollout.burn-in", plan.rollout.burn_in);
        fits::dynamics(("rollout.weights", &self.dynamics), encoder, observed)?;
        let sampler = &plan.render.sampler;
        fits::decoder(("render.weights", &self.decoder), sampler, encoder)?;
        if let Some(reasoner) = self.reasoner.as_ref().filter(|_| asks) {
            let instead = "; `--set answer=unset` asks none";
            fits::reasoner(("answer.weights", reasoner), encoder, &plan.decode, instead)?;
        }
        Ok(fits::motion(self.motion.as_ref())?)
    }

    /// One hash over all models under test.
    fn checkpoint(&self) -> String {
        let all = [&self.encoder, &self.dynamics, &self.decoder]
            .map(|loaded| loaded.id.as_str())
            .concat();
        blake3::hash(all.as_bytes()).to_hex()[..32].to_owned()
    }
}

/// Runs the whole chain of a plan and writes its folder.
///
/// # Errors
/// What stopped it.
#[expect(clippy::too_many_lines, reason = "the whole pipeline on one screen")]
pub fn video_predict(
    plan: &VideoPredictPlan,
    out: &Path,
    options: Options,
) -> Result<Outcome, FlowError> {
    let models = Models::open(plan)?;
    let run = Run::open(options)?;
    let trained_fps = models
        .encoder
        .trained("fps")
        .and_then(serde_json::Value::as_f64)
        .map(|fps| fps as f32);
    let window = window(&plan.decode, trained_fps);
    let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
    fits::clips(&plan.decode, &*source)?;
    models.check(plan, source.knows(GroundTruth::Questions))?;
    let slots = slot_count(&plan.encode, &models.encoder)?;

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
    let rollout = run.stage(&Rollout {
        config: &plan.rollout,
        weights: &models.dynamics,
        slots: &encoded,
    })?;
    let frames = run.stage(&Render {
        config: &plan.render,
        weights: &models.decoder,
        clips: &clips,
        encoded: &encoded,
        rollout: &rollout,
    })?;
    let answers = match (&plan.answer, &models.reasoner) {
        (Some(config), Some(weights)) => Some(run.stage(&Answer {
            config,
            weights,
            dynamics: Some(&models.dynamics),
            clips: &clips,
            encoded: &encoded,
        })?),
        _ => None,
    };
    let cache = run.options().cache.clone();
    let pretrained = PretrainedStore::of_cache(&cache)
        .entries()
        .map_err(|error| RunError::Unfit {
            reason: error.to_string(),
        })?;
    let scores = run.stage(&Evaluate {
        config: &plan.evaluate,
        cache: &cache,
        pretrained: &pretrained,
        motion: models.motion.as_ref(),
        clips: &clips,
        seen: &encoded,
        frames: &frames,
        answers: answers.as_ref(),
        imagined: &rollout,
        slots,
        checkpoint: models.checkpoint(),
    })?;
    let failures = scores
        .failures()
        .iter()
        .map(|(clip, why)| (clip.to_string(), why.clone()))
        .collect();
    let report = Report {
        plan,
        clips: &clips,
        encoded: &encoded,
        rollout: &rollout,
        frames: &frames,
        answers: answers.as_ref(),
        scores: &scores,
        trained: models.decoder.header().training.clone(),
        made: made(&run, &models.named(plan)),
    };
    let report = if run.options().dry {
        None
    } else {
        Some(report.write(out, &run)?)
    };
    Ok(Outcome {
        report,
        stages: run.records(),
        failures,
    })
}
