//! A readout learns to predict from slots whether something will happen: Physion's over pairs of slots, PHYRE's over a
//! Transformer (Wu et al., ICLR 2023, §4.3 and §4.4). The slots are encoded ones with a rollout behind them.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ndarray::{Array4, s};
use serde::{Deserialize, Serialize};

use crate::models::WeightsKind;
use crate::models::reasoner::{
    PhyreReadout, PhyreReadoutConfig, PhysionReadout, PhysionReadoutConfig, binary_cross_entropy,
    threshold_accuracy,
};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::floats;
use crate::train::data::readout_dataset::ReadoutDataset;
use crate::train::interface::{Losses, Objective, StepContext};

/// `[readout.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ReadoutObjectiveConfig {
    /// Clips a step.
    pub batch: usize,
    /// Frames of the rollout behind the burn-in; whether something happens in them is the label.
    pub steps: usize,
}

impl Default for ReadoutObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 64,
            steps: 12,
        }
    }
}

/// Which readout, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadoutConfig {
    /// Every pair of slots, the strongest counts.
    Physion(PhysionReadoutConfig),
    /// A Transformer over slots of some frames.
    Phyre(PhyreReadoutConfig),
}

impl ReadoutConfig {
    /// What a weights file of it says it is.
    pub fn kind(&self) -> WeightsKind {
        match self {
            Self::Physion(_) => WeightsKind::PhysionReadout,
            Self::Phyre(_) => WeightsKind::PhyreReadout,
        }
    }

    /// The same for slots of another width.
    #[must_use]
    pub fn with_dim(self, dim: usize) -> Self {
        match self {
            Self::Physion(config) => Self::Physion(PhysionReadoutConfig { dim, ..config }),
            Self::Phyre(config) => Self::Phyre(PhyreReadoutConfig { dim, ..config }),
        }
    }

    /// Frames that it needs.
    pub fn frames(&self) -> usize {
        match self {
            Self::Physion(_) => 1,
            Self::Phyre(config) => config.steps.iter().max().map_or(1, |last| last + 1),
        }
    }

    /// First values.
    pub fn init(&self, init: &mut Init) -> Readout {
        match self {
            Self::Physion(config) => Readout::Physion(config.init(init)),
            Self::Phyre(config) => Readout::Phyre(config.init(init)),
        }
    }
}

/// Either readout.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program holds one readout, not many"
)]
pub enum Readout {
    /// Every pair of slots.
    Physion(PhysionReadout),
    /// A Transformer over slots of some frames.
    Phyre(PhyreReadout),
}

impl Readout {
    /// One logit per clip.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]` → `[batch]`
    pub fn forward(&self, slots: &Tensor<4>) -> Tensor<1> {
        match self {
            Self::Physion(model) => model.forward(slots),
            Self::Phyre(model) => model.forward(slots),
        }
    }
}

/// A readout learns to predict whether something will happen.
#[derive(Debug)]
pub struct ReadoutObjective {
    /// The model.
    pub model: ReadoutConfig,
    /// Settings of the batches and the loss.
    pub config: ReadoutObjectiveConfig,
    /// What it is trained on.
    pub train: ReadoutDataset,
    /// What it is validated on.
    pub held_out: ReadoutDataset,
}

impl Objective for ReadoutObjective {
    type Model = Readout;
    type Batch = ReadoutDataset;

    fn init(&self, init: &mut Init) -> Readout {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<ReadoutDataset, TrainError> {
        let (clips, time, count, dim) = self.train.slots.dim();
        let mut slots = Array4::zeros((self.config.batch, time, count, dim));
        let mut labels = Vec::with_capacity(self.config.batch);
        for mut to in slots.outer_iter_mut() {
            let clip = noise.below(clips);
            to.assign(&self.train.slots.slice(s![clip, .., .., ..]));
            labels.push(self.train.labels[clip]);
        }
        Ok(ReadoutDataset { slots, labels })
    }

    fn losses(&self, model: &Readout, batch: &ReadoutDataset, step: &StepContext<'_>) -> Losses {
        let (slots, labels) = batch.tensors(step.device);
        Losses::single(
            "answers",
            binary_cross_entropy(model.forward(&slots), labels),
        )
    }

    fn validate(&self, model: &Readout, device: &Device) -> Result<Figures, TrainError> {
        let (slots, labels) = self.held_out.tensors(device);
        let logits = model.forward(&slots);
        let logit_values = floats(logits.clone());
        let yes = self.held_out.labels.iter().filter(|label| **label == 1);
        let share = yes.count() as f64 / self.held_out.labels.len().max(1) as f64;
        Ok(vec![
            (
                "answers",
                f64::from(floats(binary_cross_entropy(logits, labels))[0]),
            ),
            (
                "accuracy",
                threshold_accuracy(&logit_values, &self.held_out.labels, 0.5),
            ),
            ("most-frequent", share.max(1.0 - share)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::blocks::TransformerConfig;
    use crate::train::fit::adam::Adam;
    use crate::weights::{collect, collect_gradients, load_into};

    /// It happens where a slot's first number is large at the last frame.
    fn outcomes() -> ReadoutDataset {
        let labels: Vec<i64> = (0..16).map(|clip| i64::from(clip % 3 == 0)).collect();
        let slots = Array4::from_shape_fn((16, 2, 3, 4), |(clip, time, slot, dim)| {
            let noise = ((clip * 7 + time * 5 + slot * 3 + dim) % 11) as f32 * 0.1 - 0.5;
            let telling = labels[clip] == 1 && time == 1 && slot == 1 && dim == 0;
            noise + if telling { 3.0 } else { 0.0 }
        });
        ReadoutDataset { slots, labels }
    }

    #[test]
    fn both_readouts_learn_what_a_slot_holds() {
        let transformer = TransformerConfig {
            dim: 8,
            layers: 1,
            heads: 2,
            feed_forward: 16,
            dropout: 0.0,
        };
        let phyre = PhyreReadoutConfig {
            dim: 9,
            steps: vec![0, 1],
            transformer,
        };
        let physion = PhysionReadoutConfig { dim: 9, pair: 8 };
        for model in [ReadoutConfig::Physion(physion), ReadoutConfig::Phyre(phyre)] {
            let objective = ReadoutObjective {
                model: model.with_dim(4),
                config: ReadoutObjectiveConfig {
                    batch: 16,
                    steps: 1,
                },
                train: outcomes(),
                held_out: outcomes(),
            };
            assert!(objective.model.frames() <= 2);
            let device = Device::flex().autodiff();
            let mut model = objective.init(&mut Init::seeded(1, &device));
            let (mut state, mut adam) = (collect(&model), Adam::default());
            for done in 0..150 {
                let step = StepContext {
                    done,
                    total: 150,
                    part: 0,
                    device: &device,
                    seed: 1,
                };
                let batch = objective
                    .batch(&mut SeededRng::new(done, &["batch"]))
                    .unwrap();
                let losses = objective.losses(&model, &batch, &step);
                let gradients = collect_gradients(&model, &losses.total.backward());
                adam.step(&mut state, &gradients, |_| 0.02);
                model = load_into(model, state.clone()).unwrap();
            }
            let flex = Device::flex();
            let model = load_into(objective.init(&mut Init::blank(&flex)), state).unwrap();
            let figures = objective.validate(&model, &flex).unwrap();
            assert!(figures[1].1 > 0.9 && figures[2].1 < 0.7, "{figures:?}");
        }
    }
}
