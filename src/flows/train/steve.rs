//! Autoregressive decoders around a dVAE that was trained before, alone or with their encoder.

use std::path::PathBuf;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::plan::training::objectives::StevePlan;
use crate::train::TrainError;
use crate::train::objectives::steve::{SlotsFrom, SteveObjective};

impl TrainingRun<'_> {
    pub(super) fn steve(&mut self, plan: &StevePlan) -> Result<Vec<PathBuf>, TrainError> {
        let dvae = self.pretrained("dvae", &plan.dvae)?;
        let (dvae_config, dvae) =
            dvae.model(WeightsKind::Dvae, &self.execution.device, DvaeConfig::init)?;
        let clips = self.clips()?;
        let (slots, config) = match &plan.encoder {
            None => {
                let encoder = self.encoder_init(&plan.slots, plan.start_encoder.as_ref())?;
                let config = encoder.config.clone();
                (SlotsFrom::Learned(Box::new(encoder)), config)
            }
            Some(file) => {
                let encoder = self.pretrained_encoder(file)?;
                let encoded = self.encoded(&encoder, &clips)?;
                (SlotsFrom::Precomputed(encoded), encoder.config)
            }
        };
        let objective = SteveObjective {
            slots,
            model: AutoregressiveConfig {
                dim: config.dim,
                resolution: self.plan.data.size,
                dvae: dvae_config,
                ..plan.model.clone()
            },
            dvae,
            config: plan.objective.clone(),
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let facts = result.facts();
        let mut files = Vec::new();
        if let Some(encoder) = &result.model.encoder {
            files.push(self.write(WeightsKind::SlotEncoder, &config, encoder, facts.clone())?);
        }
        let decoder = &result.model.decoder;
        files.push(self.write(
            WeightsKind::Autoregressive,
            &objective.model,
            decoder,
            facts,
        )?);
        Ok(files)
    }
}
