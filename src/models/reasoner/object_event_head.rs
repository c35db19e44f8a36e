//! What slots say of objects: which are there, what they look like, where they are, and which pairs collide.
//!
//! Differs: no paper of this house has it. It is supervised by the generator's events, as the executors of NS-DR and
//! DCL are by CLEVRER's; what is answered with it is labelled so.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::models::blocks::Linear;
use crate::rng::Init;

/// Sizes of an [`ObjectEventHead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ObjectEventHeadConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Width between layers.
    pub hidden: usize,
}

impl Default for ObjectEventHeadConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            hidden: 128,
        }
    }
}

/// Frames about one that its objects are read from.
const AROUND: usize = 3;
/// Frames about a step that its collisions are read from: two before it and two behind.
const ABOUT: usize = 4;

/// Outputs for a slot: in view, moves, 8 colours, 2 materials, 3 shapes, place.
pub const SAID: usize = 2 + 8 + 2 + 3 + 2;

impl ObjectEventHeadConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> ObjectEventHead {
        let Self { dim, hidden } = *self;
        ObjectEventHead {
            object: Linear::new(init, AROUND * dim, hidden),
            object_inner: Linear::new(init, hidden, hidden),
            said: Linear::new(init, hidden, SAID),
            touch: Linear::new(init, ABOUT * dim, hidden),
            pair: Linear::new(init, 2 * hidden, hidden),
            pair_inner: Linear::new(init, hidden, hidden),
            touches: Linear::new(init, hidden, 1),
        }
    }
}

/// Supervised head: slots → logits of objects' attributes and places, and of collisions.
#[derive(Module, Debug)]
pub struct ObjectEventHead {
    /// A slot at three frames.
    pub object: Linear,
    /// Behind it.
    pub object_inner: Linear,
    /// `[SAID, hidden]`
    pub said: Linear,
    /// A slot at four frames, for pairs.
    pub touch: Linear,
    /// Sum and squared difference of two slots.
    pub pair: Linear,
    /// Behind it.
    pub pair_inner: Linear,
    /// `[1, hidden]`
    pub touches: Linear,
}

/// Logits of objects and collisions; places in units of length.
#[derive(Debug)]
pub struct ObjectEventLogits {
    /// `[batch, time, slots, SAID]`
    pub objects: Tensor<4>,
    /// Whether a pair collides between a frame and the next, `[batch, time − 1, pairs]`.
    pub touches: Tensor<3>,
}

impl ObjectEventHead {
    /// Logits of objects and collisions in clips.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]`
    pub fn forward(&self, slots: &Tensor<4>) -> ObjectEventLogits {
        let hidden = relu(self.object.forward(shifted(slots, &[-1, 0, 1])));
        let hidden = relu(self.object_inner.forward(hidden));
        ObjectEventLogits {
            objects: self.said.forward(hidden),
            touches: self.pairs(slots),
        }
    }

    fn pairs(&self, slots: &Tensor<4>) -> Tensor<3> {
        let [batch, time, count, _] = slots.dims();
        let each = self.touch.forward(shifted(slots, &[-1, 0, 1, 2]));
        let each = each.narrow(1, 0, time - 1);
        let width = each.dims()[3];
        let (left, right): (Vec<i64>, Vec<i64>) = pairs(count)
            .into_iter()
            .map(|(one, other)| (one as i64, other as i64))
            .unzip();
        let pick = |index: Vec<i64>| {
            let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &slots.device());
            each.clone()
                .reshape([batch * (time - 1), count, width])
                .select(1, index)
        };
        let (left, right) = (pick(left), pick(right));
        // Sum and squared difference: the same whichever of the two is first.
        let both = Tensor::cat(
            vec![left.clone() + right.clone(), (left - right).powi_scalar(2)],
            2,
        );
        let hidden = relu(self.pair.forward(both));
        let hidden = relu(self.pair_inner.forward(hidden));
        let number = count * (count - 1) / 2;
        self.touches
            .forward(hidden)
            .reshape([batch, time - 1, number])
    }
}

/// Every unordered pair of slots, the first slot's pairs first.
pub fn pairs(count: usize) -> Vec<(usize, usize)> {
    (0..count)
        .flat_map(|left| (left + 1..count).map(move |right| (left, right)))
        .collect()
}

/// A slot's numbers at several frames about each, side by side; the clip's ends stand for what lies beyond them.
fn shifted(slots: &Tensor<4>, offsets: &[isize]) -> Tensor<4> {
    let time = slots.dims()[1] as isize;
    let at = |offset: isize| {
        let index: Vec<i64> = (0..time)
            .map(|t| (t + offset).clamp(0, time - 1) as i64)
            .collect();
        let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &slots.device());
        slots.clone().select(1, index)
    };
    Tensor::cat(offsets.iter().map(|offset| at(*offset)).collect(), 3)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn who_comes_first_in_a_pair_does_not_matter() {
        let device = Device::flex();
        let model = ObjectEventHeadConfig { dim: 5, hidden: 8 }.init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(2, &[]).normal([2, 6, 2, 5], &device);
        let swapped = slots.clone().flip([2]);
        let (one, other) = (model.forward(&slots), model.forward(&swapped));
        assert_eq!(one.touches.dims(), [2, 5, 1]);
        one.touches
            .into_data()
            .assert_approx_eq::<f32>(&other.touches.into_data(), Tolerance::default());
        one.objects
            .into_data()
            .assert_approx_eq::<f32>(&other.objects.flip([2]).into_data(), Tolerance::default());
    }

    #[test]
    fn what_lies_far_off_in_time_does_not_matter() {
        let device = Device::flex();
        let model = ObjectEventHeadConfig { dim: 5, hidden: 8 }.init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(3, &[]).normal([1, 8, 3, 5], &device);
        let long = model.forward(&slots).objects.narrow(1, 0, 3);
        let short = model.forward(&slots.narrow(1, 0, 4)).objects;
        short
            .narrow(1, 0, 3)
            .into_data()
            .assert_approx_eq::<f32>(&long.into_data(), Tolerance::default());
    }
}
