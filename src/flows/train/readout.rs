//! A readout over slots that were seen and imagined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis, Ix3, concatenate, s};
use serde_json::{Map, Value, json};
use slotflow_datasets::Split;
use slotflow_datasets::source::physion::{name_of, read_labels};

use super::{Training, with_futures};
use crate::artifacts::files::content_hash;
use crate::artifacts::{Artifact, Input, RunError};
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::training::ReadoutPlan;
use crate::train::TrainError;
use crate::train::objectives::readout::{Outcomes, ReadoutConfig, ReadoutObjective};

impl Training<'_> {
    pub(super) fn readout(&mut self, plan: &ReadoutPlan) -> Result<Vec<PathBuf>, TrainError> {
        if let (Some(folder), Some(labels)) = (&plan.slots, &plan.labels) {
            return self.imported_readout(plan, folder, labels);
        }
        let missing = || TrainError::Data {
            reason: "the plan names neither slots and labels nor an encoder and a SlotFormer"
                .to_owned(),
        };
        let encoder = plan.encoder.as_ref().ok_or_else(missing)?;
        let slotformer = plan.slotformer.as_ref().ok_or_else(missing)?;
        let (encoder_config, encoder, id) = self.encoder(encoder)?;
        let dynamics = self.before("slotformer", slotformer)?.model(
            "slotformer",
            &self.device,
            SlotFormerConfig::init,
        )?;
        let (burn_in, steps) = (dynamics.0.burn_in, plan.objective.steps);
        let model = plan.model.clone().with_dim(encoder_config.dim);
        let length = burn_in + steps;
        if length > self.plan.data.frames || length < model.frames() {
            let reason = format!(
                "{burn_in} frames seen and {steps} imagined do not fit clips of {} or a readout of {}",
                self.plan.data.frames,
                model.frames()
            );
            return Err(TrainError::Data { reason });
        }
        let outcomes = |split: Split| -> Result<Outcomes, TrainError> {
            let footage = self.footage(split)?;
            let events = self.event_steps(split, &footage)?;
            let seen = self.perceived(&encoder, &id, &footage, split)?;
            let slots = with_futures(&seen, &dynamics, burn_in, steps, &self.device)?;
            // Step t lies between the frames t and t + 1.
            let collides =
                |clip: usize| (burn_in - 1..length - 1).any(|step| events[[clip, step, 0]] > 0.0);
            let labels = (0..footage.clips()).map(|clip| i64::from(collides(clip)));
            Ok(Outcomes {
                slots,
                labels: labels.collect(),
            })
        };
        let objective = ReadoutObjective {
            model,
            config: plan.objective.clone(),
            train: outcomes(Split::Train)?,
            held_out: outcomes(Split::Val)?,
        };
        let facts = Map::from_iter([
            ("burn-in".to_owned(), json!(burn_in)),
            ("imagined".to_owned(), json!(steps)),
        ]);
        self.fitted_readout(&objective, facts)
    }

    /// On imported slots and labels, in place of the generator's clips.
    fn imported_readout(
        &mut self,
        plan: &ReadoutPlan,
        folder: &Path,
        labels: &Path,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let known = read_labels(labels)?;
        self.inputs
            .push(Input::new("labels", content_hash(labels)?));
        let mut read = |split: &str| -> Result<Outcomes, TrainError> {
            let artifact = Artifact::open_any(&folder.join(split))?;
            self.inputs.push(Input::new("slots", &*artifact.id.0));
            outcomes_of(&artifact, &known, &plan.model, labels)
        };
        let (train, held_out) = (read("train")?, read("val")?);
        let objective = ReadoutObjective {
            model: plan.model.clone().with_dim(train.slots.dim().3),
            config: plan.objective.clone(),
            train,
            held_out,
        };
        self.fitted_readout(&objective, Map::new())
    }

    fn fitted_readout(
        &self,
        objective: &ReadoutObjective,
        more: Map<String, Value>,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let fitted = self.fit(objective)?;
        let mut facts = fitted.facts();
        facts.extend(more);
        let kind = objective.model.kind();
        let file = match &objective.model {
            ReadoutConfig::Physion(config) => self.keep(kind, config, &fitted.model, facts)?,
            ReadoutConfig::Phyre(config) => self.keep(kind, config, &fitted.model, facts)?,
        };
        Ok(vec![file])
    }
}

/// Slots of the clips that have a label, cut to the shortest.
fn outcomes_of(
    artifact: &Artifact,
    known: &BTreeMap<String, bool>,
    model: &ReadoutConfig,
    labels: &Path,
) -> Result<Outcomes, TrainError> {
    let (mut clips, mut said): (Vec<Array3<f32>>, Vec<i64>) = (Vec::new(), Vec::new());
    for clip in artifact.clips() {
        let name = name_of(Path::new(&format!("{clip}.safetensors")));
        if let Some(yes) = known.get(&name) {
            clips.push(artifact.read(clip)?.floats::<Ix3>("slots")?);
            said.push(i64::from(*yes));
        }
    }
    let bad = |reason: String| TrainError::Data { reason };
    let shortest = clips.iter().map(|clip| clip.dim().0).min();
    let shortest = shortest.ok_or_else(|| {
        let count = artifact.clips().len();
        bad(format!(
            "no label is of one of the {count} clips: `{}`",
            labels.display()
        ))
    })?;
    if shortest < model.frames() {
        let needed = model.frames();
        return Err(bad(format!(
            "clips of {shortest} frames for a readout of {needed}"
        )));
    }
    let cut: Vec<_> = clips
        .iter()
        .map(|clip| clip.slice(s![..shortest, .., ..]).insert_axis(Axis(0)))
        .collect();
    let slots = concatenate(Axis(0), &cut).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(Outcomes {
        slots,
        labels: said,
    })
}
