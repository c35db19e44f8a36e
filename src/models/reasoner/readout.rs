//! Yes-or-no questions about a whole clip: the Physion and the PHYRE readout.
//! Reference: SlotFormer `physion_vqa/models/readout.py`, `phyre_planning/models/readout.py`.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::ClassifierHead;
use crate::models::blocks::position::descending_code;
use crate::models::blocks::{Linear, Transformer, TransformerConfig};
use crate::rng::Init;

/// Sizes of a [`PhysionReadout`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PhysionReadoutConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Width of what is said about a pair.
    pub pair: usize,
}

impl Default for PhysionReadoutConfig {
    fn default() -> Self {
        Self {
            dim: 192,
            pair: 192,
        }
    }
}

impl PhysionReadoutConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> PhysionReadout {
        PhysionReadout {
            pair: Linear::new(init, 2 * self.dim, self.pair),
            output: Linear::new(init, self.pair, 1),
        }
    }
}

/// Whether two things will touch: every pair of slots is looked at, the strongest counts.
#[derive(Module, Debug)]
pub struct PhysionReadout {
    /// `[pair, 2 · dim]`
    pub pair: Linear,
    /// `[1, pair]`
    pub output: Linear,
}

impl PhysionReadout {
    /// One logit per clip.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]` → `[batch]`
    pub fn forward(&self, slots: &Tensor<4>) -> Tensor<1> {
        let [batch, time, count, dim] = slots.dims();
        let (left, right): (Vec<i64>, Vec<i64>) = pairs(count).into_iter().unzip();
        let pick = |index: Vec<i64>| {
            let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &slots.device());
            slots
                .clone()
                .reshape([batch * time, count, dim])
                .select(1, index)
        };
        let both = Tensor::cat(vec![pick(left), pick(right)], 2);
        let strongest = self.pair.forward(both).max_dim(1);
        self.output
            .forward(strongest)
            .reshape([batch, time])
            .max_dim(1)
            .reshape([batch])
    }
}

/// Every unordered pair, the first slot's pairs first.
fn pairs(count: usize) -> Vec<(i64, i64)> {
    let count = count as i64;
    (0..count)
        .flat_map(|left| (left + 1..count).map(move |right| (left, right)))
        .collect()
}

/// Sizes of a [`PhyreReadout`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PhyreReadoutConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Time steps that are looked at.
    pub steps: Vec<usize>,
    /// The Transformer inside.
    pub transformer: TransformerConfig,
}

impl Default for PhyreReadoutConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            steps: vec![0, 3],
            transformer: TransformerConfig::default(),
        }
    }
}

impl PhyreReadoutConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> PhyreReadout {
        let (width, times) = (self.transformer.dim, self.steps.len());
        let code = TensorData::new(descending_code(times, width), [1, times, width]);
        PhyreReadout {
            class_token: init.constant([1, 1, width], 0.0),
            time_code: Param::from_data(code, init.device()).set_require_grad(false),
            input: Linear::new(init, self.dim, width),
            transformer: self.transformer.init(init),
            head: ClassifierHead::new(init, width, width, 1),
            steps: self.steps.clone(),
        }
    }
}

/// Whether an action solves a task.
#[derive(Module, Debug)]
pub struct PhyreReadout {
    /// `[1, 1, width]`: the token that gathers the answer.
    pub class_token: Param<Tensor<3>>,
    /// `[1, steps, width]`; not trained.
    pub time_code: Param<Tensor<3>>,
    /// `[width, dim]`
    pub input: Linear,
    /// All tokens look at each other.
    pub transformer: Transformer,
    /// The class token to a logit.
    pub head: ClassifierHead,
    #[module(skip)]
    steps: Vec<usize>,
}

impl PhyreReadout {
    /// One logit per clip.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]` → `[batch]`
    pub fn forward(&self, slots: &Tensor<4>) -> Tensor<1> {
        let [batch, _, count, _] = slots.dims();
        let [_, times, width] = self.time_code.dims();
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| slots.clone().narrow(1, *step, 1))
            .collect();
        let code = self.time_code.val().reshape([1, times, 1, width]);
        let tokens = (self.input.forward(Tensor::cat(steps, 1)) + code).reshape([
            batch,
            times * count,
            width,
        ]);
        let tokens = Tensor::cat(
            vec![self.class_token.val().expand([batch, 1, width]), tokens],
            1,
        );
        let gathered = self
            .transformer
            .forward(tokens, None)
            .narrow(1, 0, 1)
            .reshape([batch, width]);
        self.head.forward(gathered).reshape([batch])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn pairs_are_unordered_and_in_lexicographic_order() {
        assert_eq!(pairs(4), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!((pairs(6).len(), pairs(8).len()), (15, 28));
    }

    #[test]
    fn one_telling_frame_decides_about_the_clip() {
        let device = Device::flex();
        let model = PhysionReadoutConfig { dim: 4, pair: 5 }.init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(1, &[]).normal::<4>([1, 3, 3, 4], &device);
        let each: Vec<f32> = (0..3)
            .map(|frame| {
                model
                    .forward(&slots.clone().narrow(1, frame, 1))
                    .into_scalar::<f32>()
            })
            .collect();
        let whole = model.forward(&slots).into_scalar::<f32>();
        assert!((whole - each.into_iter().fold(f32::MIN, f32::max)).abs() < 1e-6);
    }

    #[test]
    fn slots_of_a_frame_may_come_in_any_order() {
        let device = Device::flex();
        let transformer = TransformerConfig {
            dim: 8,
            layers: 1,
            heads: 2,
            feed_forward: 8,
            dropout: 0.0,
        };
        let model = PhyreReadoutConfig {
            dim: 4,
            steps: vec![0, 2],
            transformer,
        }
        .init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(1, &[]).normal::<4>([2, 3, 3, 4], &device);
        let flipped = model.forward(&slots.clone().flip([2])).into_data();
        flipped.assert_approx_eq::<f32>(&model.forward(&slots).into_data(), Tolerance::default());
    }
}
