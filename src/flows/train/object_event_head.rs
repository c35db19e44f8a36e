//! A head that classifies objects and collisions from slots.

use std::path::PathBuf;

use serde_json::json;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::plan::training::objectives::ObjectEventHeadPlan;
use crate::train::TrainError;
use crate::train::data::head_dataset::{HeadDataset, SlotVersion};
use crate::train::data::source::Splits;
use crate::train::objectives::object_event_head::{ObjectEventHeadObjective, best_threshold};

impl TrainingRun<'_> {
    pub(super) fn object_event_head(
        &mut self,
        plan: &ObjectEventHeadPlan,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let encoder = self.pretrained_encoder(&plan.encoder)?;
        let dynamics = self.pretrained_dynamics(&plan.slotformer)?;
        let mut model = plan.model.clone();
        model.dim = encoder.config.dim;
        let (source, clips) = (self.source(), self.clips()?);
        let folder = self.store_folder();
        let store = self.slot_store(&encoder, &folder);
        let rollouts = self.rollouts(&dynamics, plan.objective.imagined);
        let datasets = Splits::read(|split| -> Result<HeadDataset, TrainError> {
            let clips = clips.of(split);
            let truth = clips.all_masks()?.ok_or_else(|| TrainError::Data {
                reason: "the clips have no masks".to_owned(),
            })?;
            let states = source.states(split, clips.numbers())?;
            let encoded = store.slots_and_masks(&self.encoding_key(&encoder, split)?, clips)?;
            Ok(HeadDataset::new(&encoded, truth.view(), states, &rollouts)?)
        })?;
        let objective = ObjectEventHeadObjective {
            model,
            config: plan.objective.clone(),
            train: datasets.train,
            held_out: datasets.held_out,
        };
        let result = self.fit(&objective)?;
        let mut facts = result.facts();
        for (version, name) in [
            (SlotVersion::Encoded, "touch-threshold"),
            (SlotVersion::RolledOut, "imagined-touch-threshold"),
        ] {
            let touches = objective.touches(&result.model, &self.execution.device, version);
            facts.insert(name.to_owned(), json!(best_threshold(&touches).0));
        }
        facts.insert("stride".to_owned(), json!(self.plan.data.stride));
        let file = self.write(
            WeightsKind::ObjectEventHead,
            &objective.model,
            &result.model,
            facts,
        )?;
        Ok(vec![file])
    }
}
