//! A readout over slots that were seen and imagined.

use std::path::PathBuf;

use serde_json::json;
use slotflow_datasets::synth::Split;

use super::{Training, with_futures};
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::training::ReadoutPlan;
use crate::train::TrainError;
use crate::train::objective::readout::{Outcomes, ReadoutConfig, ReadoutObjective};

impl Training<'_> {
    pub(super) fn readout(&mut self, plan: &ReadoutPlan) -> Result<Vec<PathBuf>, TrainError> {
        let (encoder_config, encoder, id) = self.encoder(&plan.encoder)?;
        let dynamics = self.before("slotformer", &plan.slotformer)?.model(
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
        let fitted = self.fit(&objective)?;
        let mut facts = fitted.facts();
        facts.insert("burn-in".to_owned(), json!(burn_in));
        facts.insert("imagined".to_owned(), json!(steps));
        let kind = objective.model.kind();
        let file = match &objective.model {
            ReadoutConfig::Physion(config) => self.keep(kind, config, &fitted.model, facts)?,
            ReadoutConfig::Phyre(config) => self.keep(kind, config, &fitted.model, facts)?,
        };
        Ok(vec![file])
    }
}
