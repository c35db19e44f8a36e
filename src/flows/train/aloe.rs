//! Aloe on the generator's questions: on slots, and on less or more than slots to show what each is worth.

use std::path::PathBuf;

use ndarray::{Array4, Axis, s};
use rayon::prelude::*;
use serde_json::{Map, json};
use slotflow_datasets::Source;
use slotflow_datasets::Split;
use slotflow_datasets::synth::States;
use slotflow_datasets::synth::physics::states::TOKEN;
use slotflow_datasets::synth::questions::Amount;

use super::{Training, with_futures};
use crate::models::dynamics::SlotFormerConfig;
use crate::models::reasoner::AloeConfig;
use crate::plan::training::AloePlan;
use crate::plan::video_predict::WeightsName;
use crate::train::TrainError;
use crate::train::objectives::aloe::{
    AloeObjective, QaDataset, Sees, Text, most_frequent, texts_of,
};

impl Training<'_> {
    pub(super) fn aloe(&mut self, plan: &AloePlan) -> Result<Vec<PathBuf>, TrainError> {
        let mut model = plan.model.clone();
        let [train, held_out] = self.looks(plan, &mut model)?;
        let exam = |slots: Array4<f32>, split: Split| -> Result<QaDataset, TrainError> {
            Ok(QaDataset {
                slots,
                texts: self.texts(split)?,
            })
        };
        let (train, held_out) = (exam(train, Split::Train)?, exam(held_out, Split::Val)?);
        let mut facts = Map::from_iter([
            (
                "most-frequent".to_owned(),
                json!(most_frequent(&train.texts)),
            ),
            ("sees".to_owned(), json!(plan.objective.sees)),
        ]);
        let objective = AloeObjective {
            model,
            config: plan.objective.clone(),
            train,
            held_out,
        };
        let fitted = self.fit(&objective)?;
        facts.extend(fitted.facts());
        Ok(vec![self.keep(
            "aloe",
            &objective.model,
            &fitted.model,
            facts,
        )?])
    }

    /// What is looked at in training and held-out clips; the model's sizes become those of it.
    fn looks(
        &mut self,
        plan: &AloePlan,
        model: &mut AloeConfig,
    ) -> Result<[Array4<f32>; 2], TrainError> {
        let sees = plan.objective.sees;
        let splits = [Split::Train, Split::Val];
        match sees {
            Sees::Question => {
                (model.dim, model.slots, model.frames) = (1, 1, 1);
                let blank = |split| Ok(Array4::zeros((self.source(split)?.len(), 1, 1, 1)));
                all(splits.map(blank))
            }
            Sees::States => {
                model.dim = TOKEN;
                let frames = model.frames + plan.objective.steps;
                all(splits.map(|split| self.tokens(split, frames, model.slots)))
            }
            Sees::LastFrame | Sees::Clip => {
                let (config, encoder, id) =
                    self.encoder(named(plan.encoder.as_ref(), "encoder")?)?;
                (model.dim, model.slots) = (config.dim, config.slots);
                let seen = |split| self.perceived(&encoder, &id, &self.footage(split)?, split);
                let seen = all(splits.map(seen))?;
                if sees == Sees::LastFrame {
                    model.frames = 1;
                    return Ok(
                        seen.map(|slots| slots.view().slice(s![.., -1.., .., ..]).to_owned())
                    );
                }
                let file = named(plan.slotformer.as_ref(), "slotformer")?;
                let dynamics = self.before("slotformer", file)?.model(
                    "slotformer",
                    &self.device,
                    SlotFormerConfig::init,
                )?;
                let steps = plan.objective.steps;
                all(seen.map(|slots| {
                    with_futures(&slots, &dynamics, model.frames, steps, &self.device)
                }))
            }
        }
    }

    /// True states of every clip's objects at its sampled frames and behind them.
    fn tokens(&self, split: Split, frames: usize, slots: usize) -> Result<Array4<f32>, TrainError> {
        let source = self.source(split)?;
        let frames: Vec<usize> = (0..frames).map(|t| t * self.plan.data.stride).collect();
        let mut tokens = Array4::zeros((source.len(), frames.len(), slots, TOKEN));
        tokens
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(clip, mut to)| {
                to.assign(&States::new(&source.record(clip), &frames).tokens(slots));
            });
        Ok(tokens)
    }

    /// The generator's questions about every clip, as texts.
    fn texts(&self, split: Split) -> Result<Vec<Text>, TrainError> {
        let source = self.source(split)?;
        let all: Vec<_> = (0..source.len())
            .into_par_iter()
            .map(|clip| texts_of(clip, &source.questions(clip, Amount::default())))
            .collect::<Result<_, TrainError>>()?;
        let texts: Vec<_> = all.into_iter().flatten().collect();
        if texts.is_empty() {
            return Err(TrainError::Data {
                reason: "the clips have no questions".to_owned(),
            });
        }
        Ok(texts)
    }
}

fn all<T>([one, other]: [Result<T, TrainError>; 2]) -> Result<[T; 2], TrainError> {
    Ok([one?, other?])
}

fn named<'a>(file: Option<&'a WeightsName>, what: &str) -> Result<&'a WeightsName, TrainError> {
    file.ok_or_else(|| TrainError::Data {
        reason: format!("`aloe.{what}` is not set, and Aloe is to look at slots"),
    })
}
