//! Aloe on questions: on slots, and on less or more than slots to show what each is worth.

use std::path::PathBuf;

use ndarray::{Array4, s};
use serde_json::{Map, json};
use slotflow_datasets::synth::physics::states::TOKEN;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::models::reasoner::AloeConfig;
use crate::plan::training::objectives::AloePlan;
use crate::plan::video_predict::WeightsName;
use crate::train::TrainError;
use crate::train::data::qa_dataset::{MostFrequent, QaDataset};
use crate::train::data::source::Splits;
use crate::train::objectives::aloe::{AloeObjective, Sees};
use slotflow_datasets::Split;

impl TrainingRun<'_> {
    pub(super) fn aloe(&mut self, plan: &AloePlan) -> Result<Vec<PathBuf>, TrainError> {
        let mut model = plan.model.clone();
        let Splits { train, held_out } = self.aloe_slots(plan, &mut model)?;
        let source = self.source();
        let (train, held_out) = (
            QaDataset {
                texts: source.texts(Split::Train, &train.numbers)?,
                slots: train.slots,
            },
            QaDataset {
                texts: source.texts(Split::Val, &held_out.numbers)?,
                slots: held_out.slots,
            },
        );
        let blind = MostFrequent::of(&train.texts);
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
    ) -> Result<Splits<SeenClips>, TrainError> {
        let (source, steps) = (self.source(), plan.objective.steps);
        match plan.objective.sees {
            Sees::Question => {
                (model.dim, model.slots, model.frames) = (1, 1, 1);
                Splits::read(|split| {
                    let numbers = source.all_numbers(split)?;
                    let slots = Array4::zeros((numbers.len(), 1, 1, 1));
                    Ok(SeenClips { numbers, slots })
                })
            }
            Sees::States => {
                model.dim = TOKEN;
                let frames = model.frames + steps;
                Splits::read(|split| {
                    let numbers = source.all_numbers(split)?;
                    let slots = source.state_tokens(split, frames, model.slots)?;
                    Ok(SeenClips { numbers, slots })
                })
            }
            sees @ (Sees::LastFrame | Sees::Clip) => {
                let encoder = self.pretrained_encoder(named(plan.encoder.as_ref(), "encoder")?)?;
                (model.dim, model.slots) = (encoder.config.dim, encoder.config.slots);
                let clips = self.clips()?;
                let encoded = self.encoded(&encoder, &clips)?;
                let seen = |split, slots| SeenClips {
                    numbers: clips.of(split).numbers().to_vec(),
                    slots,
                };
                if sees == Sees::LastFrame {
                    model.frames = 1;
                    return Splits::read(|split| {
                        let all = encoded.of(split).view();
                        let last = all.slice_move(s![.., -1.., .., ..]).to_owned();
                        Ok(seen(split, last))
                    });
                }
                let file = named(plan.slotformer.as_ref(), "slotformer")?;
                let dynamics = self.pretrained_dynamics(file)?;
                let rollouts = self.rollouts(&dynamics, steps);
                Splits::read(|split| {
                    let all = rollouts.behind(encoded.of(split).view(), model.frames)?;
                    Ok(seen(split, all))
                })
            }
        }
    }
}

/// What Aloe sees of clips.
struct SeenClips {
    /// Their numbers in the data set.
    numbers: Vec<usize>,
    /// `[clips, frames, slots, dim]`
    slots: Array4<f32>,
}

fn named<'a>(file: Option<&'a WeightsName>, what: &str) -> Result<&'a WeightsName, TrainError> {
    file.ok_or_else(|| TrainError::Data {
        reason: format!("`aloe.{what}` is not set, and Aloe is to look at slots"),
    })
}
