//! A head learns to read objects and collisions off slots, from the generator's own events.
//!
//! It learns on slots that were perceived and on slots that were imagined behind six perceived frames, so that it reads
//! both. Slots stay as they are.

use std::path::Path;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::{Array3, Array4, Axis, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::synth::States;

use crate::models::reasoner::object_event_head::{
    ObjectEventHead, ObjectEventHeadConfig, SAID, Seen, pairs,
};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::floats;
use crate::train::{Losses, Objective, StepContext, TrainError};

/// `[sight.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ObjectEventHeadObjectiveConfig {
    /// Clips a step.
    pub batch: usize,
    /// Frames imagined at a time, behind the perceived ones.
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

/// Slots of clips and whose they are.
#[derive(Debug)]
pub struct Scenes {
    /// `[clips, time, slots, dim]`
    pub slots: Array4<f32>,
    /// Place of the slot's object in the clip's states, plus one; 0 for a slot without one, `[clips, time, slots]`.
    pub owners: Array3<u8>,
}

/// What the head learns from: each clip perceived, and imagined piece by piece.
#[derive(Debug)]
pub struct HeadDataset {
    /// Perceived and imagined.
    pub versions: [Scenes; 2],
    /// The truth, by clip.
    pub states: Vec<States>,
}

/// A batch: slots with all that is true of them.
#[derive(Debug)]
pub struct Batch {
    slots: Array4<f32>,
    /// In view, moves, colour, material, shape, place x and y, and whether the slot has an object, `[.., 8]`.
    objects: Array4<f32>,
    /// `[batch, time − 1, pairs]`
    touches: Array3<f32>,
}

/// Numbers of `Batch::objects`.
const TRUE: usize = 8;

impl HeadDataset {
    fn batch(&self, chosen: &[(usize, usize)]) -> Batch {
        let (_, time, count, dim) = self.versions[0].slots.dim();
        let both = pairs(count);
        let mut batch = Batch {
            slots: Array4::zeros((chosen.len(), time, count, dim)),
            objects: Array4::zeros((chosen.len(), time, count, TRUE)),
            touches: Array3::zeros((chosen.len(), time - 1, both.len())),
        };
        for (row, &(version, clip)) in chosen.iter().enumerate() {
            let (scenes, states) = (&self.versions[version], &self.states[clip]);
            batch
                .slots
                .index_axis_mut(Axis(0), row)
                .assign(&scenes.slots.index_axis(Axis(0), clip));
            let owner =
                |t: usize, slot: usize| usize::from(scenes.owners[[clip, t, slot]]).checked_sub(1);
            for t in 0..time {
                for slot in 0..count {
                    let Some(object) = owner(t, slot) else {
                        continue;
                    };
                    let [color, material, shape] = states.looks[object].map(|place| place as f32);
                    let flag = |of: &ndarray::Array2<bool>| f32::from(u8::from(of[[t, object]]));
                    let place = [0, 1].map(|axis| states.place[[t, object, axis]]);
                    let all = [
                        flag(&states.in_view),
                        flag(&states.moving),
                        color,
                        material,
                        shape,
                        place[0],
                        place[1],
                        1.0,
                    ];
                    let mut to = batch.objects.slice_mut(s![row, t, slot, ..]);
                    to.assign(&ndarray::arr1(&all));
                }
            }
            for t in 0..time - 1 {
                for (pair, (one, other)) in both.iter().enumerate() {
                    let who = |slot| owner(t, slot).or_else(|| owner(t + 1, slot));
                    if let (Some(one), Some(other)) = (who(*one), who(*other))
                        && states.touch[[t, one, other]]
                    {
                        batch.touches[[row, t, pair]] = 1.0;
                    }
                }
            }
        }
        batch
    }
}

/// A head learns to read slots.
#[derive(Debug)]
pub struct ObjectEventHeadObjective {
    /// The model.
    pub model: ObjectEventHeadConfig,
    /// The loss.
    pub config: ObjectEventHeadObjectiveConfig,
    /// What it is trained on.
    pub train: HeadDataset,
    /// What it is judged by.
    pub held_out: HeadDataset,
}

fn tensor<const D: usize>(array: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array, shape), device)
}

/// Cross-entropy of logits with yes (1) or no (0), each weighed, over the sum of weights.
fn weighed(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let softplus =
        burn::tensor::activation::relu(logits.clone()) + (-logits.clone().abs()).exp().log1p();
    let each = softplus - logits * labels;
    (each * weights.clone()).sum() / (weights.sum() + 1e-6)
}

impl ObjectEventHeadObjective {
    fn parts(
        &self,
        model: &ObjectEventHead,
        batch: &Batch,
        device: &Device,
    ) -> Vec<(&'static str, f64, Tensor<1>)> {
        let (count, time, slots, dim) = batch.slots.dim();
        let values = batch.slots.iter().copied().collect();
        let Seen { objects, touches } =
            model.forward(&tensor(values, [count, time, slots, dim], device));
        let rows = count * time * slots;
        let said = objects.reshape([rows, SAID]);
        let truth = tensor(
            batch.objects.iter().copied().collect(),
            [rows, TRUE],
            device,
        );
        let column = |index: usize| truth.clone().narrow(1, index, 1);
        let owned = column(TRUE - 1);
        let per = owned.clone().sum() + 1e-6;
        let look = |first: usize, width: usize, index: usize| {
            let classes: Tensor<2, Int> = column(index).int();
            let chosen = log_softmax(said.clone().narrow(1, first, width), 1).gather(1, classes);
            -(chosen * owned.clone()).sum() / per.clone()
        };
        let place = (said.clone().narrow(1, 15, 2) - truth.clone().narrow(1, 5, 2)).powi_scalar(2);
        let place = (place.sum_dim(1) * owned.clone()).sum() / per.clone();
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
                weighed(said.clone().narrow(1, 0, 1), column(0), everywhere),
            ),
            (
                "moving",
                0.5,
                weighed(said.clone().narrow(1, 1, 1), column(1), owned.clone()),
            ),
            ("colour", 1.0, look(2, 8, 2)),
            ("material", 1.0, look(10, 2, 3)),
            ("shape", 1.0, look(12, 3, 4)),
            ("place", 0.5, place),
            (
                "touch",
                8.0,
                weighed(touches.reshape([batch.touches.len(), 1]), labels, weights),
            ),
        ]
    }

    /// Logits of collisions on held-out clips, and whether there were any: of perceived (0) or imagined (1) slots.
    pub fn touches(
        &self,
        model: &ObjectEventHead,
        device: &Device,
        version: usize,
    ) -> Vec<(f32, bool)> {
        let mut all = Vec::new();
        for clip in 0..self.held_out.states.len() {
            let batch = self.held_out.batch(&[(version, clip)]);
            let (count, time, slots, dim) = batch.slots.dim();
            let values = batch.slots.iter().copied().collect();
            let seen = model.forward(&tensor(values, [count, time, slots, dim], device));
            let labels = batch.touches.iter().map(|label| *label > 0.5);
            all.extend(floats(seen.touches).into_iter().zip(labels));
        }
        all
    }
}

/// The threshold of logits that makes most of F1, and that F1.
pub fn best_threshold(said: &[(f32, bool)]) -> (f32, f64) {
    let mut sorted: Vec<(f32, bool)> = said.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = said.iter().filter(|(_, label)| *label).count() as f64;
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
    type Batch = Batch;

    fn init(&self, init: &mut Init) -> ObjectEventHead {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Batch {
        let clips = self.train.states.len();
        let chosen: Vec<_> = (0..self.config.batch)
            .map(|_| (noise.below(2), noise.below(clips)))
            .collect();
        self.train.batch(&chosen)
    }

    fn losses(&self, model: &ObjectEventHead, batch: &Batch, step: &StepContext<'_>) -> Losses {
        Losses::weighted(self.parts(model, batch, step.device))
    }

    fn validate(&self, model: &ObjectEventHead, device: &Device) -> Vec<(&'static str, f64)> {
        let mut sums: Vec<(&'static str, f64)> = Vec::new();
        let clips = self.held_out.states.len();
        for clip in 0..clips {
            let batch = self.held_out.batch(&[(0, clip)]);
            let parts = self.parts(model, &batch, device);
            sums.resize(parts.len(), ("", 0.0));
            for (sum, (name, _, loss)) in sums.iter_mut().zip(parts) {
                *sum = (name, sum.1 + f64::from(floats(loss)[0]) / clips as f64);
            }
        }
        let miss = |version| 1.0 - best_threshold(&self.touches(model, device, version)).1;
        let mut figures = vec![
            ("missed-touches", miss(0)),
            ("missed-imagined-touches", miss(1)),
        ];
        figures.extend(sums);
        figures
    }

    fn preview(
        &self,
        _: &ObjectEventHead,
        _: &Device,
        _: &Path,
        _: &str,
    ) -> Result<(), TrainError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotflow_datasets::synth::{SynthPreset, World};

    #[test]
    fn the_best_threshold_parts_what_can_be_parted() {
        let said = [(2.0, true), (1.0, true), (-1.0, false), (-3.0, false)];
        assert_eq!(best_threshold(&said), (1.0, 1.0));
    }

    #[test]
    fn a_slot_is_told_of_its_own_object() {
        let preset = SynthPreset::synth().unwrap();
        let record = World::simulate(&preset, 5);
        let states = States::new(&record, &[0, 5, 10]);
        let mut owners = Array3::zeros((1, 3, 4));
        owners[[0, 1, 2]] = 2;
        let scenes = || Scenes {
            slots: Array4::ones((1, 3, 4, 6)),
            owners: owners.clone(),
        };
        let lessons = HeadDataset {
            versions: [scenes(), scenes()],
            states: vec![states.clone()],
        };
        let batch = lessons.batch(&[(0, 0)]);
        assert_eq!(batch.objects[[0, 1, 2, 2]], states.looks[1][0] as f32);
        assert_eq!(batch.objects[[0, 1, 2, 5]], states.place[[1, 1, 0]]);
        assert_eq!(batch.objects.slice(s![.., .., .., 7]).sum(), 1.0);
    }
}
