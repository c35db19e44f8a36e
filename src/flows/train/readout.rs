//! A readout over slots: encoded and rolled out ones, or imported ones.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use slotflow_datasets::source::physion::read_labels;

use super::run::TrainingRun;
use crate::artifacts::Slots;
use crate::artifacts::files::content_hash;
use crate::plan::training::objectives::ReadoutPlan;
use crate::train::TrainError;
use crate::train::data::readout_dataset::{ReadoutDataset, collides, labelled};
use crate::train::data::source::Splits;
use crate::train::objectives::readout::{ReadoutConfig, ReadoutObjective};

impl TrainingRun<'_> {
    pub(super) fn readout(&mut self, plan: &ReadoutPlan) -> Result<Vec<PathBuf>, TrainError> {
        if let (Some(folder), Some(labels)) = (&plan.slots, &plan.labels) {
            return self.imported_readout(plan, folder, labels);
        }
        let missing = || TrainError::Data {
            reason: "the plan names neither slots and labels nor an encoder and a SlotFormer"
                .to_owned(),
        };
        let encoder = self.pretrained_encoder(plan.encoder.as_ref().ok_or_else(missing)?)?;
        let dynamics = plan.slotformer.as_ref().ok_or_else(missing)?;
        let dynamics = self.pretrained_dynamics(dynamics)?;
        let (burn_in, steps) = (dynamics.config.burn_in, plan.objective.steps);
        let model = plan.model.clone().with_dim(encoder.config.dim);
        let length = burn_in + steps;
        if length > self.plan.data.frames || length < model.frames() {
            let reason = format!(
                "{burn_in} observed frames and a rollout of {steps} do not fit clips of {} or a readout of {}",
                self.plan.data.frames,
                model.frames()
            );
            return Err(TrainError::Data { reason });
        }
        let clips = self.clips()?;
        let encoded = self.encoded(&encoder, &clips)?;
        let (source, rollouts) = (self.source(), self.rollouts(&dynamics, steps));
        let datasets = Splits::read(|split| -> Result<ReadoutDataset, TrainError> {
            Ok(ReadoutDataset {
                slots: rollouts.behind(encoded.of(split).view(), burn_in)?,
                labels: collides(
                    source
                        .event_labels(split, clips.of(split).numbers())?
                        .view(),
                    burn_in,
                    steps,
                ),
            })
        })?;
        let objective = ReadoutObjective {
            model,
            config: plan.objective.clone(),
            train: datasets.train,
            held_out: datasets.held_out,
        };
        let facts = Map::from_iter([
            ("burn-in".to_owned(), json!(burn_in)),
            ("imagined".to_owned(), json!(steps)),
        ]);
        self.readout_on(&objective, facts)
    }

    /// On imported slots and labels.
    fn imported_readout(
        &mut self,
        plan: &ReadoutPlan,
        folder: &Path,
        labels: &Path,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let known = read_labels(labels)?;
        self.depends_on("labels", content_hash(labels)?);
        let mut read = |split: &str| -> Result<ReadoutDataset, TrainError> {
            let artifact = Slots::open_any(&folder.join(split))?;
            self.depends_on("slots", &*artifact.id().0);
            labelled(&artifact, &known, plan.model.frames(), labels)
        };
        let (train, held_out) = (read("train")?, read("val")?);
        let objective = ReadoutObjective {
            model: plan.model.clone().with_dim(train.slots.dim().3),
            config: plan.objective.clone(),
            train,
            held_out,
        };
        self.readout_on(&objective, Map::new())
    }

    fn readout_on(
        &self,
        objective: &ReadoutObjective,
        more: Map<String, Value>,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let result = self.fit(objective)?;
        let mut facts = result.facts();
        facts.extend(more);
        let kind = objective.model.kind();
        let file = match &objective.model {
            ReadoutConfig::Physion(config) => self.write(kind, config, &result.model, facts)?,
            ReadoutConfig::Phyre(config) => self.write(kind, config, &result.model, facts)?,
        };
        Ok(vec![file])
    }
}
