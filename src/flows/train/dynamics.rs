//! `SlotFormer`: on slots that are perceived now, or on imported ones.

use std::path::PathBuf;

use slotflow_datasets::Split;

use super::Training;
use crate::artifacts::Input;
use crate::flows::slots::strided;
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::training::SlotFormerPlan;
use crate::train::TrainError;
use crate::train::data::slot_store::Slots;
use crate::train::objectives::slotformer::{self, Pictures, SlotFormerObjective};

impl Training<'_> {
    pub(super) fn slotformer(&mut self, plan: &SlotFormerPlan) -> Result<Vec<PathBuf>, TrainError> {
        if let Some(folder) = &plan.slots {
            let stride = self.plan.data.stride;
            let (id, train) = strided(&folder.join("train"), stride)?;
            let (_, held_out) = strided(&folder.join("val"), stride)?;
            self.inputs.push(Input::new("slots", id));
            return self.dynamics(plan, [train, held_out].map(Slots::from), None);
        }
        let encoder = plan.encoder.as_ref().ok_or_else(|| TrainError::Data {
            reason: "the plan names neither an encoder nor slots".to_owned(),
        })?;
        let (_, encoder, id) = self.encoder(encoder)?;
        let decoder = plan.decoder.as_ref();
        let decoder = decoder
            .map(|file| self.before("decoder", file))
            .transpose()?;
        let decoder = decoder.map(|file| file.decoder(&self.device)).transpose()?;
        let data = self.data()?;
        let train = self.perceived(&encoder, &id, &data.train, Split::Train)?;
        let held_out = self.perceived(&encoder, &id, &data.held_out, Split::Val)?;
        let pictures = decoder.map(|(_, decoder)| Pictures {
            decoder,
            train: &data.train,
            held_out: &data.held_out,
        });
        self.dynamics(plan, [train, held_out], pictures)
    }

    fn dynamics(
        &self,
        plan: &SlotFormerPlan,
        [train, held_out]: [Slots; 2],
        pictures: Option<Pictures<'_>>,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let model = SlotFormerConfig {
            dim: train.dim().3,
            ..plan.model.clone()
        };
        for slots in [&train, &held_out] {
            slotformer::check(slots, model.burn_in + plan.objective.rollout)?;
        }
        let objective = SlotFormerObjective {
            model,
            config: plan.objective.clone(),
            train,
            held_out,
            pictures,
        };
        let fitted = self.fit(&objective)?;
        Ok(vec![self.keep(
            "slotformer",
            &objective.model,
            &fitted.model,
            fitted.facts(),
        )?])
    }
}
