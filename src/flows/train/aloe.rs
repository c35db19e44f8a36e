//! Aloe on questions: on slots, and on less or more than slots to show what each is worth.

use std::path::PathBuf;

use ndarray::{Array4, s};
use serde_json::{Map, json};
use slotflow_datasets::Source;
use slotflow_datasets::synth::physics::states::TOKEN;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::models::reasoner::AloeConfig;
use crate::plan::training::objectives::AloePlan;
use crate::plan::video_predict::WeightsName;
use crate::train::TrainError;
use crate::train::data::qa_dataset::{QaDataset, most_frequent};
use crate::train::data::source::Splits;
use crate::train::objectives::aloe::{AloeObjective, Sees};

impl TrainingRun<'_> {
    pub(super) fn aloe(&mut self, plan: &AloePlan) -> Result<Vec<PathBuf>, TrainError> {
        let mut model = plan.model.clone();
        let slots = self.aloe_slots(plan, &mut model)?;
        let source = self.source();
        let (train, held_out) = (
            QaDataset {
                slots: slots.train,
                texts: source.texts(slotflow_datasets::Split::Train)?,
            },
            QaDataset {
                slots: slots.held_out,
                texts: source.texts(slotflow_datasets::Split::Val)?,
            },
        );
        let blind = most_frequent(&train.texts);
        let mut facts = Map::from_iter([
            ("most-frequent".to_owned(), json!(blind)),
            ("sees".to_owned(), json!(plan.objective.sees)),
        ]);
        let objective = AloeObjective {
            model,
            config: plan.objective.clone(),
            train,
            held_out,
        };
        let result = self.fit(&objective)?;
        facts.extend(result.facts());
        let file = self.write(WeightsKind::Aloe, &objective.model, &result.model, facts)?;
        Ok(vec![file])
    }

    /// What Aloe sees of training and held-out clips, `[clips, frames, slots, dim]`; the model's sizes become those of
    /// it.
    fn aloe_slots(
        &mut self,
        plan: &AloePlan,
        model: &mut AloeConfig,
    ) -> Result<Splits<Array4<f32>>, TrainError> {
        let (source, steps) = (self.source(), plan.objective.steps);
        match plan.objective.sees {
            Sees::Question => {
                (model.dim, model.slots, model.frames) = (1, 1, 1);
                Splits::read(|split| Ok(Array4::zeros((source.open(split)?.len(), 1, 1, 1))))
            }
            Sees::States => {
                model.dim = TOKEN;
                let frames = model.frames + steps;
                Splits::read(|split| Ok(source.state_tokens(split, frames, model.slots)?))
            }
            sees @ (Sees::LastFrame | Sees::Clip) => {
                let encoder = self.pretrained_encoder(named(plan.encoder.as_ref(), "encoder")?)?;
                (model.dim, model.slots) = (encoder.config.dim, encoder.config.slots);
                let encoded = self.encoded(&encoder, &self.clips()?)?;
                if sees == Sees::LastFrame {
                    model.frames = 1;
                    return Splits::read(|split| {
                        let all = encoded.of(split).view();
                        Ok(all.slice_move(s![.., -1.., .., ..]).to_owned())
                    });
                }
                let file = named(plan.slotformer.as_ref(), "slotformer")?;
                let dynamics = self.pretrained_dynamics(file)?;
                let rollouts = self.rollouts(&dynamics, steps);
                Splits::read(|split| Ok(rollouts.behind(encoded.of(split).view(), model.frames)?))
            }
        }
    }
}

fn named<'a>(file: Option<&'a WeightsName>, what: &str) -> Result<&'a WeightsName, TrainError> {
    file.ok_or_else(|| TrainError::Data {
        reason: format!("`aloe.{what}` is not set, and Aloe is to look at slots"),
    })
}
