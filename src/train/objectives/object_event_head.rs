//! A head learns to classify objects and collisions from slots, supervised by true states.
//!
//! It learns on encoded slots and on slots that are rolled out behind encoded ones. Slots stay as they are.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::models::reasoner::object_event_head::{
    ObjectEventHead, ObjectEventHeadConfig, ObjectEventLogits, SAID, pairs,
};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::floats;
use crate::train::data::head_dataset::{
    HeadBatch, HeadDataset, HeadSample, OBJECT_NUMBERS, SlotVersion,
};
use crate::train::interface::{Losses, Objective, StepContext};

/// `[sight.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ObjectEventHeadObjectiveConfig {
    /// Clips a step.
    pub batch: usize,
    /// Frames of a rollout behind encoded ones.
    pub imagined: usize,
    /// How much more a collision weighs than none.
    pub touch_weight: f64,
}

impl Default for ObjectEventHeadObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 12,
            imagined: 7,
            touch_weight: 4.0,
        }
    }
}

/// A head learns to classify objects and collisions.
#[derive(Debug)]
pub struct ObjectEventHeadObjective {
    /// The model.
    pub model: ObjectEventHeadConfig,
    /// Settings of the batches and the loss.
    pub config: ObjectEventHeadObjectiveConfig,
    /// What it is trained on.
    pub train: HeadDataset,
    /// What it is validated on.
    pub held_out: HeadDataset,
}

fn tensor<const D: usize>(array: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array, shape), device)
}

/// Binary cross-entropy of logits with labels 0 or 1, weighted, over the sum of weights.
fn weighted_cross_entropy(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let softplus =
        burn::tensor::activation::relu(logits.clone()) + (-logits.clone().abs()).exp().log1p();
    let each = softplus - logits * labels;
    (each * weights.clone()).sum() / (weights.sum() + 1e-6)
}

impl ObjectEventHeadObjective {
    fn parts(
        &self,
        model: &ObjectEventHead,
        batch: &HeadBatch,
        device: &Device,
    ) -> Vec<(&'static str, f64, Tensor<1>)> {
        let (count, time, slots, dim) = batch.slots.dim();
        let values = batch.slots.iter().copied().collect();
        let ObjectEventLogits { objects, touches } =
            model.forward(&tensor(values, [count, time, slots, dim], device));
        let rows = count * time * slots;
        let logits = objects.reshape([rows, SAID]);
        let truth = tensor(
            batch.objects.iter().copied().collect(),
            [rows, OBJECT_NUMBERS],
            device,
        );
        let column = |index: usize| truth.clone().narrow(1, index, 1);
        let owned = column(OBJECT_NUMBERS - 1);
        let owned_count = owned.clone().sum() + 1e-6;
        let class_loss = |first: usize, width: usize, index: usize| {
            let classes: Tensor<2, Int> = column(index).int();
            let chosen = log_softmax(logits.clone().narrow(1, first, width), 1).gather(1, classes);
            -(chosen * owned.clone()).sum() / owned_count.clone()
        };
        let place =
            (logits.clone().narrow(1, 15, 2) - truth.clone().narrow(1, 5, 2)).powi_scalar(2);
        let place = (place.sum_dim(1) * owned.clone()).sum() / owned_count.clone();
        let labels = tensor(
            batch.touches.iter().copied().collect(),
            [batch.touches.len(), 1],
            device,
        );
        let weights = labels.clone() * (self.config.touch_weight - 1.0) + 1.0;
        let everywhere = Tensor::ones([rows, 1], device);
        vec![
            (
                "in-view",
                1.0,
                weighted_cross_entropy(logits.clone().narrow(1, 0, 1), column(0), everywhere),
            ),
            (
                "moving",
                0.5,
                weighted_cross_entropy(logits.clone().narrow(1, 1, 1), column(1), owned.clone()),
            ),
            ("colour", 1.0, class_loss(2, 8, 2)),
            ("material", 1.0, class_loss(10, 2, 3)),
            ("shape", 1.0, class_loss(12, 3, 4)),
            ("place", 0.5, place),
            (
                "touch",
                8.0,
                weighted_cross_entropy(touches.reshape([batch.touches.len(), 1]), labels, weights),
            ),
        ]
    }

    /// Logits of collisions on held-out clips, of pairs of slots that both have an object, and whether there were any.
    pub fn touches(
        &self,
        model: &ObjectEventHead,
        device: &Device,
        version: SlotVersion,
    ) -> Vec<(f32, bool)> {
        let mut all = Vec::new();
        for clip in 0..self.held_out.states.len() {
            let batch = self.held_out.batch(&[HeadSample { version, clip }]);
            let (count, time, slots, dim) = batch.slots.dim();
            let values = batch.slots.iter().copied().collect();
            let seen = model.forward(&tensor(values, [count, time, slots, dim], device));
            let has_object = |t: usize, slot: usize| {
                [t, t + 1]
                    .iter()
                    .any(|t| batch.objects[[0, *t, slot, OBJECT_NUMBERS - 1]] > 0.5)
            };
            let steps =
                (0..time - 1).flat_map(|t| pairs(slots).into_iter().map(move |pair| (t, pair)));
            let labels = batch.touches.iter().map(|label| *label > 0.5);
            let rows = floats(seen.touches).into_iter().zip(labels).zip(steps);
            let rows = rows
                .filter(|(_, (t, (one, other)))| has_object(*t, *one) && has_object(*t, *other));
            all.extend(rows.map(|(row, _)| row));
        }
        all
    }
}

/// The threshold of logits that makes most of F1, and that F1.
pub fn best_threshold(logits: &[(f32, bool)]) -> (f32, f64) {
    let mut sorted: Vec<(f32, bool)> = logits.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = logits.iter().filter(|(_, label)| *label).count() as f64;
    let (mut right, mut best) = (0.0, (0.0, 0.0));
    for (index, (logit, label)) in sorted.iter().enumerate() {
        right += f64::from(u8::from(*label));
        let f1 = 2.0 * right / (index as f64 + 1.0 + all);
        if f1 > best.1 {
            best = (*logit, f1);
        }
    }
    best
}

impl Objective for ObjectEventHeadObjective {
    type Model = ObjectEventHead;
    type Batch = HeadBatch;

    fn init(&self, init: &mut Init) -> ObjectEventHead {
        let model = self.model.init(init);
        let (mean, deviation) = self.train.mean_and_deviation();
        model.with_standard(mean, deviation)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<HeadBatch, TrainError> {
        let clips = self.train.states.len();
        let chosen: Vec<_> = (0..self.config.batch)
            .map(|_| HeadSample {
                version: SlotVersion::ALL[noise.below(SlotVersion::ALL.len())],
                clip: noise.below(clips),
            })
            .collect();
        Ok(self.train.batch(&chosen))
    }

    fn losses(&self, model: &ObjectEventHead, batch: &HeadBatch, step: &StepContext<'_>) -> Losses {
        Losses::weighted(self.parts(model, batch, step.device))
    }

    fn validate(&self, model: &ObjectEventHead, device: &Device) -> Result<Figures, TrainError> {
        let mut sums: Vec<(&'static str, f64)> = Vec::new();
        let clips = self.held_out.states.len();
        for clip in 0..clips {
            let batch = self.held_out.batch(&[HeadSample {
                version: SlotVersion::Encoded,
                clip,
            }]);
            let parts = self.parts(model, &batch, device);
            sums.resize(parts.len(), ("", 0.0));
            for (sum, (name, _, loss)) in sums.iter_mut().zip(parts) {
                *sum = (name, sum.1 + f64::from(floats(loss)[0]) / clips as f64);
            }
        }
        let miss = |version| 1.0 - best_threshold(&self.touches(model, device, version)).1;
        let mut figures = vec![
            ("missed-touches", miss(SlotVersion::Encoded)),
            ("missed-imagined-touches", miss(SlotVersion::RolledOut)),
        ];
        figures.extend(sums);
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_threshold_parts_what_can_be_parted() {
        let logits = [(2.0, true), (1.0, true), (-1.0, false), (-3.0, false)];
        assert_eq!(best_threshold(&logits), (1.0, 1.0));
    }
}
