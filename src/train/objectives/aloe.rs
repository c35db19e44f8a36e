//! Aloe learns to answer questions from slots (Ding et al. 2021; SlotFormer's variant).
//!
//! Questions and their answers train Aloe alone: slots are encoded before and stay as they are.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use ndarray::{Array3, ArrayView3, Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::question::{PAD, TEXT_TOKENS};
use std::collections::BTreeMap;

use crate::models::reasoner::{Aloe, AloeConfig, binary_cross_entropy, cross_entropy};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::floats;
use crate::train::data::qa_dataset::{QaDataset, Text};
use crate::train::interface::{Losses, Objective, StepContext};

/// `[aloe]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AloeObjectiveConfig {
    /// Texts a step: descriptive questions and choices.
    pub batch: usize,
    /// Frames of the rollout behind the clip's end, for predictive questions.
    pub steps: usize,
    /// Its input: slots, or less or more than slots.
    #[serde(skip_serializing_if = "Sees::is_clip")]
    pub sees: Sees,
}

/// Input of a reasoner: slots of the whole clip, or less or more than that to show what each is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sees {
    /// Slots of the clip, and the rollout behind it.
    #[default]
    Clip,
    /// Slots of the last observed frame alone.
    LastFrame,
    /// Nothing: the question alone.
    Question,
    /// True states of the objects in place of slots, also behind the clip.
    States,
}

impl Sees {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    fn is_clip(&self) -> bool {
        *self == Self::Clip
    }
}

/// The slots that a reasoner gets of a whole observed clip.
///
/// # Shape
/// `[time, slots, dim]`
pub fn visible_slots(sees: Sees, slots: ArrayView3<'_, f32>) -> Array3<f32> {
    match sees {
        Sees::Clip | Sees::States => slots.to_owned(),
        Sees::LastFrame => slots.slice(s![-1.., .., ..]).to_owned(),
        Sees::Question => Array3::zeros((1, 1, 1)),
    }
}

impl Default for AloeObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 48,
            steps: 7,
            sees: Sees::default(),
        }
    }
}

/// The slots of the frames that a text is about: the first, or for predictive texts as many up to the end of the rollout.
///
/// # Shape
/// `[time + steps, slots, dim]` → `[frames, slots, dim]`
pub fn slots_of_text(
    slots: ArrayView3<'_, f32>,
    frames: usize,
    predictive: bool,
) -> ArrayView3<'_, f32> {
    let first = if predictive {
        slots.dim().0.saturating_sub(frames)
    } else {
        0
    };
    slots.slice_move(s![first..first + frames, .., ..])
}

/// Questions as tensors: words, and the slots that each is about.
#[derive(Debug)]
pub struct TextBatch {
    /// `[batch, frames, slots, dim]`
    pub slots: Tensor<4>,
    /// `[batch, text]`
    pub words: Tensor<2, Int>,
    /// `[batch, text]`, true where there is no word; behind [`TextBatch::without_empty_slots`]
    /// `[batch, frames * slots + text]`, also true where a slot is empty.
    pub padding: Tensor<2, Bool>,
}

impl TextBatch {
    /// Texts with the slots that each is about.
    ///
    /// # Panics
    /// When there is no text.
    #[expect(clippy::expect_used, reason = "windows of equal length stack")]
    pub fn new(
        texts: &[[u32; TEXT_TOKENS]],
        windows: &[ArrayView3<'_, f32>],
        device: &Device,
    ) -> Self {
        let views: Vec<_> = windows
            .iter()
            .map(|window| window.insert_axis(Axis(0)))
            .collect();
        let slots = concatenate(Axis(0), &views).expect("windows of equal length");
        let (batch, frames, count, dim) = slots.dim();
        let slots = TensorData::new(slots.iter().copied().collect(), [batch, frames, count, dim]);
        let words: Vec<i64> = texts
            .iter()
            .flatten()
            .map(|&word| i64::from(word))
            .collect();
        let words = Tensor::from_data(TensorData::new(words, [batch, TEXT_TOKENS]), device);
        let padding = Tensor::<2, Int>::equal_elem(words.clone(), i64::from(PAD));
        Self {
            slots: Tensor::from_data(slots, device),
            words,
            padding,
        }
    }

    /// The same with slots of zeros left out: of an encoder's slots, where these are empty; not of true states or in place of
    /// slots that are not seen, where zeros are what the model was trained on.
    #[must_use]
    pub fn without_empty_slots(self) -> Self {
        let [batch, frames, count, _] = self.slots.dims();
        let largest = self.slots.clone().abs().max_dim(3);
        let empty = largest.reshape([batch, frames * count]).equal_elem(0.0);
        Self {
            padding: Tensor::cat(vec![empty, self.padding], 1),
            ..self
        }
    }
}

/// Aloe learns to answer.
#[derive(Debug)]
pub struct AloeObjective {
    /// The model.
    pub model: AloeConfig,
    /// Settings of the batches and the loss.
    pub config: AloeObjectiveConfig,
    /// What it is trained on.
    pub train: QaDataset,
    /// What it is validated on.
    pub held_out: QaDataset,
}

impl AloeObjective {
    fn tensors(&self, dataset: &QaDataset, texts: &[&Text], device: &Device) -> TextBatch {
        let words: Vec<_> = texts.iter().map(|text| text.words).collect();
        let windows: Vec<_> = texts
            .iter()
            .map(|text| {
                slots_of_text(
                    dataset.slots.index_axis(Axis(0), text.clip),
                    self.model.frames,
                    text.predictive,
                )
            })
            .collect();
        TextBatch::new(&words, &windows, device)
    }
}

fn labels(texts: &[&Text], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = texts.iter().map(|text| text.label).collect();
    Tensor::from_data(TensorData::new(values, [texts.len()]), device)
}

impl Objective for AloeObjective {
    type Model = Aloe;
    type Batch = Vec<usize>;

    fn init(&self, init: &mut Init) -> Aloe {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<Vec<usize>, TrainError> {
        let texts = self.train.texts.len();
        Ok((0..self.config.batch).map(|_| noise.below(texts)).collect())
    }

    fn losses(&self, model: &Aloe, batch: &Vec<usize>, step: &StepContext<'_>) -> Losses {
        let texts: Vec<&Text> = batch
            .iter()
            .map(|&index| &self.train.texts[index])
            .collect();
        let (choices, open): (Vec<&Text>, Vec<&Text>) =
            texts.into_iter().partition(|text| text.is_choice);
        let mut parts = Vec::new();
        if !open.is_empty() {
            let inputs = self.tensors(&self.train, &open, step.device);
            let logits = model.answer(inputs.slots, inputs.words, inputs.padding);
            parts.push((
                "answer",
                1.0,
                cross_entropy(logits, labels(&open, step.device)),
            ));
        }
        if !choices.is_empty() {
            let inputs = self.tensors(&self.train, &choices, step.device);
            let logits = model.score_choices(inputs.slots, inputs.words, inputs.padding);
            parts.push((
                "choice",
                1.0,
                binary_cross_entropy(logits, labels(&choices, step.device)),
            ));
        }
        Losses::weighted(parts)
    }

    fn validate(&self, model: &Aloe, device: &Device) -> Result<Figures, TrainError> {
        let mut right: BTreeMap<bool, (usize, usize)> = BTreeMap::new();
        for is_choice in [false, true] {
            let of: Vec<&Text> = self
                .held_out
                .texts
                .iter()
                .filter(|text| text.is_choice == is_choice)
                .collect();
            let entry = right.entry(is_choice).or_default();
            for texts in of.chunks(64).take(12) {
                let inputs = self.tensors(&self.held_out, texts, device);
                let answers = if is_choice {
                    let logits =
                        floats(model.score_choices(inputs.slots, inputs.words, inputs.padding));
                    logits
                        .into_iter()
                        .map(|logit| i64::from(logit > 0.0))
                        .collect::<Vec<_>>()
                } else {
                    let logits = model.answer(inputs.slots, inputs.words, inputs.padding);
                    logits.argmax(1).into_data().iter::<i64>().collect()
                };
                entry.0 += answers
                    .iter()
                    .zip(texts)
                    .filter(|(answer, text)| **answer == text.label)
                    .count();
                entry.1 += texts.len();
            }
        }
        let wrong = |is_choice: bool| {
            let (right, all) = right.get(&is_choice).copied().unwrap_or_default();
            1.0 - right as f64 / all.max(1) as f64
        };
        Ok(vec![
            ("wrong-words", wrong(false)),
            ("wrong-options", wrong(true)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictive_texts_are_about_the_end_of_the_rollout() {
        let slots = Array3::from_shape_fn((6, 1, 1), |(t, _, _)| t as f32);
        let firsts =
            [false, true].map(|predictive| slots_of_text(slots.view(), 4, predictive)[[0, 0, 0]]);
        assert_eq!(firsts, [0.0, 2.0]);
    }
}
