//! `SlotFormer` on encoded slots, or on imported ones.

use std::path::PathBuf;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::training::objectives::SlotFormerPlan;
use crate::train::TrainError;
use crate::train::data::array_store::StoredArray;
use crate::train::data::imported_slots::strided;
use crate::train::data::source::Splits;
use crate::train::objectives::slotformer::{self, ImageLoss, SlotFormerObjective};

impl TrainingRun<'_> {
    pub(super) fn slotformer(&mut self, plan: &SlotFormerPlan) -> Result<Vec<PathBuf>, TrainError> {
        if let Some(folder) = &plan.slots {
            let stride = self.plan.data.stride;
            let train = strided(&folder.join("train"), stride)?;
            let held_out = strided(&folder.join("val"), stride)?.slots;
            self.depends_on("slots", train.id);
            let slots = Splits {
                train: train.slots.into(),
                held_out: held_out.into(),
            };
            return self.slotformer_on(plan, slots, None);
        }
        let encoder = plan.encoder.as_ref().ok_or_else(|| TrainError::Data {
            reason: "the plan names neither an encoder nor slots".to_owned(),
        })?;
        let encoder = self.pretrained_encoder(encoder)?;
        let decoder = plan.decoder.as_ref();
        let decoder = decoder
            .map(|file| self.pretrained("decoder", file))
            .transpose()?;
        let decoder = decoder
            .map(|file| file.decoder(&self.execution.device))
            .transpose()?;
        let clips = self.clips()?;
        let slots = self.encoded(&encoder, &clips)?;
        let image_loss = decoder.map(|(_, decoder)| ImageLoss {
            decoder,
            train: &clips.train,
            held_out: &clips.held_out,
        });
        self.slotformer_on(plan, slots, image_loss)
    }

    fn slotformer_on(
        &self,
        plan: &SlotFormerPlan,
        slots: Splits<StoredArray>,
        image_loss: Option<ImageLoss<'_>>,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let model = SlotFormerConfig {
            dim: slots.train.dim().3,
            ..plan.model.clone()
        };
        for split in [&slots.train, &slots.held_out] {
            slotformer::check(split, model.burn_in + plan.objective.rollout)?;
        }
        let objective = SlotFormerObjective {
            model,
            config: plan.objective.clone(),
            train: slots.train,
            held_out: slots.held_out,
            image_loss,
        };
        let result = self.fit(&objective)?;
        let facts = result.facts();
        let file = self.write(
            WeightsKind::SlotFormer,
            &objective.model,
            &result.model,
            facts,
        )?;
        Ok(vec![file])
    }
}
