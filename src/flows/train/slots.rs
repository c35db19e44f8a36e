//! A slot encoder with a mixture decoder.

use std::path::PathBuf;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::plan::training::objectives::SlotsPlan;
use crate::train::TrainError;
use crate::train::objectives::slots::SlotsObjective;

impl TrainingRun<'_> {
    pub(super) fn slots(&mut self, plan: &SlotsPlan) -> Result<Vec<PathBuf>, TrainError> {
        let clips = self.clips()?;
        let objective = SlotsObjective {
            encoder: self.encoder_init(&plan.encoder, plan.start_encoder.as_ref())?,
            decoder: plan.decoder.clone(),
            config: plan.objective.clone(),
            background: clips.train.background()?,
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let (facts, model) = (result.facts(), &result.model);
        let config = &objective.encoder.config;
        Ok(vec![
            self.write(
                WeightsKind::SlotEncoder,
                config,
                &model.encoder,
                facts.clone(),
            )?,
            self.write(WeightsKind::Mixture, &plan.decoder, &model.decoder, facts)?,
        ])
    }
}
