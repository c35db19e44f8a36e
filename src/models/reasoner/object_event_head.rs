//! What slots say of objects: which are there, what they look like, where they are, and which pairs collide.
//!
//! Differs: no paper of this house has it. It is supervised by the generator's events, as the executors of NS-DR and
//! DCL are by CLEVRER's; what is answered with it is labelled so.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::slot_context::{SlotContext, SlotContextConfig, shifted};
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
    /// Frames before one, and behind it, that its objects are read from too.
    #[serde(skip_serializing_if = "is_one")]
    pub around: usize,
    /// Whether slots are brought to mean 0 and deviation 1 before they are read, number by number: what changes little, such as a
    /// place, else hides behind what changes much.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub standardised: bool,
    /// What collisions are read from.
    #[serde(skip_serializing_if = "CollisionsFrom::is_default")]
    pub collisions_from: CollisionsFrom,
    /// Layers along time and across slots that come before all else; unset: slots are read by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<SlotContextConfig>,
}

/// What an [`ObjectEventHead`] reads collisions from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollisionsFrom {
    /// The slots of both objects.
    #[default]
    Slots,
    /// The ways of both objects, by the places that the head gives them: few numbers, so that few clips teach what a collision is.
    Places,
    /// Both.
    SlotsAndPlaces,
}

impl CollisionsFrom {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

impl Default for ObjectEventHeadConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            hidden: 128,
            around: 1,
            standardised: false,
            collisions_from: CollisionsFrom::Slots,
            context: None,
        }
    }
}

/// Frames about a step that its collisions are read from: two before it and two behind.
const ABOUT: usize = 4;

/// Numbers of the ways of a pair.
const WAYS: usize = 17;
/// First output of a slot's place.
const PLACE: usize = SAID - 2;

/// Outputs for a slot: in view, moves, 8 colours, 2 materials, 3 shapes, place.
pub const SAID: usize = 2 + 8 + 2 + 3 + 2;

impl ObjectEventHeadConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> ObjectEventHead {
        let Self {
            dim,
            hidden,
            around,
            standardised,
            collisions_from,
            ref context,
        } = *self;
        let read = if context.is_some() { hidden } else { dim };
        let reads_slots = collisions_from != CollisionsFrom::Places;
        let reads_places = collisions_from != CollisionsFrom::Slots;
        let of_slots = if reads_slots { 2 * hidden } else { 0 };
        let of_places = if reads_places { WAYS } else { 0 };
        ObjectEventHead {
            standard: standardised.then(|| Standard {
                mean: init.constant([dim], 0.0).set_require_grad(false),
                deviation: init.constant([dim], 1.0).set_require_grad(false),
            }),
            context: context
                .as_ref()
                .map(|context| context.init(dim, hidden, init)),
            object: Linear::new(init, (2 * around + 1) * read, hidden),
            object_inner: Linear::new(init, hidden, hidden),
            said: Linear::new(init, hidden, SAID),
            touch: reads_slots.then(|| Linear::new(init, ABOUT * read, hidden)),
            pair: Linear::new(init, of_slots + of_places, hidden),
            pair_inner: Linear::new(init, hidden, hidden),
            touches: Linear::new(init, hidden, 1),
            around,
            reads_places,
        }
    }
}

/// Mean and deviation of every number of a slot; not trained.
#[derive(Module, Debug)]
pub struct Standard {
    /// `[dim]`
    pub mean: Param<Tensor<1>>,
    /// `[dim]`
    pub deviation: Param<Tensor<1>>,
}

/// Supervised head: slots → logits of objects' attributes and places, and of collisions.
#[derive(Module, Debug)]
pub struct ObjectEventHead {
    /// What slots are brought to mean 0 and deviation 1 by; unset where they are read as they are.
    pub standard: Option<Standard>,
    /// Layers that come before all else, where there are any.
    pub context: Option<SlotContext>,
    /// A slot at a frame and those about it.
    pub object: Linear,
    /// Behind it.
    pub object_inner: Linear,
    /// `[SAID, hidden]`
    pub said: Linear,
    /// A slot at four frames, for pairs; unset where collisions are read from places.
    pub touch: Option<Linear>,
    /// Sum and squared difference of two slots, or the ways of two objects.
    pub pair: Linear,
    /// Behind it.
    pub pair_inner: Linear,
    /// `[1, hidden]`
    pub touches: Linear,
    #[module(skip)]
    around: usize,
    #[module(skip)]
    reads_places: bool,
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
        let slots = self.standardised(slots.clone());
        let slots = &match &self.context {
            Some(context) => context.forward(slots),
            None => slots,
        };
        let around = self.around as isize;
        let offsets: Vec<isize> = (-around..=around).collect();
        let hidden = relu(self.object.forward(shifted(slots, &offsets)));
        let hidden = relu(self.object_inner.forward(hidden));
        let objects = self.said.forward(hidden);
        let touches = self.pairs(slots, &objects);
        ObjectEventLogits { objects, touches }
    }

    /// The head for slots of that mean and deviation, number by number; as it is where its slots are read as they are.
    #[must_use]
    pub fn with_standard(self, mean: Vec<f32>, deviation: Vec<f32>) -> Self {
        let standard = self.standard.map(|standard| {
            let device = standard.mean.device();
            let param = |values: Vec<f32>| {
                let length = values.len();
                let data = TensorData::new(values, [length]);
                Param::<Tensor<1>>::from_data(data, &device).set_require_grad(false)
            };
            Standard {
                mean: param(mean),
                deviation: param(deviation),
            }
        });
        Self { standard, ..self }
    }

    fn standardised(&self, slots: Tensor<4>) -> Tensor<4> {
        let Some(Standard { mean, deviation }) = &self.standard else {
            return slots;
        };
        let dim = slots.dims()[3];
        let row = |param: &Param<Tensor<1>>| param.val().reshape([1, 1, 1, dim]);
        (slots - row(mean)) / row(deviation)
    }

    fn pairs(&self, slots: &Tensor<4>, objects: &Tensor<4>) -> Tensor<3> {
        let [batch, time, count, _] = slots.dims();
        let mut read = Vec::new();
        if let Some(touch) = &self.touch {
            let [left, right] = of_pairs(touch.forward(shifted(slots, &STEPS)));
            // Sum and squared difference: the same whichever of the two is first.
            read.push(left.clone() + right.clone());
            read.push((left - right).powi_scalar(2));
        }
        if self.reads_places {
            // What is said of places is taught by places alone.
            let places = objects.clone().narrow(3, PLACE, 2).detach();
            read.push(ways(of_pairs(shifted(&places, &STEPS))));
        }
        let both = Tensor::cat(read, 2);
        let hidden = relu(self.pair.forward(both));
        let hidden = relu(self.pair_inner.forward(hidden));
        let number = count * (count - 1) / 2;
        self.touches
            .forward(hidden)
            .reshape([batch, time - 1, number])
    }
}

/// The frames that a collision between a frame and the next is read from, as offsets.
const STEPS: [isize; ABOUT] = [-1, 0, 1, 2];

/// Values of the first and of the second slot of every pair, at every frame but the last.
///
/// # Shape
/// `[batch, time, slots, width]` → `[batch · (time − 1), pairs, width]` each
fn of_pairs(each: Tensor<4>) -> [Tensor<3>; 2] {
    let [batch, time, count, width] = each.dims();
    let device = each.device();
    let each = each
        .narrow(1, 0, time - 1)
        .reshape([batch * (time - 1), count, width]);
    let pick = |index: Vec<i64>| {
        let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &device);
        each.clone().select(1, index)
    };
    let all = pairs(count).into_iter();
    let (left, right) = all.map(|(one, other)| (one as i64, other as i64)).unzip();
    [pick(left), pick(right)]
}

/// How two objects move about each other: distances, how fast they come nearer, speeds and changes of course; the same whichever of
/// the two is first.
///
/// # Shape
/// Places at four frames, `[rows, pairs, 8]` each → `[rows, pairs, 17]`
fn ways(places: [Tensor<3>; 2]) -> Tensor<3> {
    let [rows, count, _] = places[0].dims();
    let [left, right] = places.map(|places| places.reshape([rows, count, ABOUT, 2]));
    let change = |of: &Tensor<4>| {
        let steps = of.dims()[2] - 1;
        of.clone().narrow(2, 1, steps) - of.clone().narrow(2, 0, steps)
    };
    let length = |of: &Tensor<4>| (of.clone().powi_scalar(2).sum_dim(3) + 1e-6).sqrt();
    let apart = right.clone() - left.clone();
    let distance = length(&apart);
    let towards = apart.clone().narrow(2, 1, 1) / (distance.clone().narrow(2, 1, 1) + 0.1);
    let nearer = (change(&apart) * towards).sum_dim(3);
    let speeds = [change(&left), change(&right)];
    let courses = [change(&speeds[0]), change(&speeds[1])];
    let mut all = vec![distance, nearer * 4.0];
    // Speeds are small beside distances, and changes of course beside speeds.
    for ([one, other], scale) in [(speeds, 4.0), (courses, 8.0)] {
        let [one, other] = [length(&one), length(&other)];
        all.push((one.clone() + other.clone()) * scale);
        all.push((one - other).abs() * scale);
    }
    Tensor::cat(all, 2).reshape([rows, count, WAYS])
}

/// Every unordered pair of slots, the first slot's pairs first.
pub fn pairs(count: usize) -> Vec<(usize, usize)> {
    (0..count)
        .flat_map(|left| (left + 1..count).map(move |right| (left, right)))
        .collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    fn small() -> ObjectEventHeadConfig {
        ObjectEventHeadConfig {
            dim: 5,
            hidden: 8,
            ..ObjectEventHeadConfig::default()
        }
    }

    #[test]
    fn slots_are_brought_to_mean_0_and_deviation_1() {
        let device = Device::flex();
        let plain = small().init(&mut Init::seeded(1, &device));
        let config = ObjectEventHeadConfig {
            standardised: true,
            ..small()
        };
        let model = config.init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(4, &[]).normal([1, 6, 2, 5], &device);
        let objects =
            |model: &ObjectEventHead, slots: &Tensor<4>| model.forward(slots).objects.into_data();
        assert_eq!(objects(&plain, &slots), objects(&model, &slots));
        let model = model.with_standard(vec![2.0; 5], vec![4.0; 5]);
        let moved = slots * 4.0 + 2.0;
        let back = (moved.clone() - 2.0) / 4.0;
        assert_eq!(objects(&model, &moved), objects(&plain, &back));
    }

    #[test]
    fn who_comes_first_in_a_pair_does_not_matter() {
        let device = Device::flex();
        let places = ObjectEventHeadConfig {
            collisions_from: CollisionsFrom::Places,
            ..small()
        };
        let both = ObjectEventHeadConfig {
            collisions_from: CollisionsFrom::SlotsAndPlaces,
            ..small()
        };
        let context = ObjectEventHeadConfig {
            context: Some(SlotContextConfig::default()),
            ..small()
        };
        for config in [small(), places, both, context] {
            order_of_a_pair(&config.init(&mut Init::seeded(1, &device)), &device);
        }
    }

    #[test]
    fn what_comes_nearer_is_told_from_what_stays() {
        let device = Device::flex();
        let way = |places: [f32; 8]| {
            Tensor::<3>::from_data(TensorData::new(places.to_vec(), [1, 1, 8]), &device)
        };
        let rests = [3.0, 0.0, 3.0, 0.0, 3.0, 0.0, 3.0, 0.0];
        let comes = [0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0, 0.0];
        let values = crate::tensor_conversion::floats(ways([way(rests), way(comes)]));
        let near = |index: usize, value: f32| (values[index] - value).abs() < 0.02;
        // Distances, then four times the changes of distance.
        assert!(near(0, 3.0) && near(1, 2.0) && near(3, 1.0), "{values:?}");
        assert!(near(4, -4.0 * 2.0 / 2.1) && near(6, 0.0), "{values:?}");
        // Speeds and their differences, then changes of course.
        assert!(
            near(7, 4.0) && near(9, 0.0) && near(10, 4.0) && near(14, 8.0),
            "{values:?}"
        );
    }

    fn order_of_a_pair(model: &ObjectEventHead, device: &Device) {
        let slots = SeededRng::new(2, &[]).normal([2, 6, 2, 5], device);
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
        let model = small().init(&mut Init::seeded(1, &device));
        let slots = SeededRng::new(3, &[]).normal([1, 8, 3, 5], &device);
        let long = model.forward(&slots).objects.narrow(1, 0, 3);
        let short = model.forward(&slots.narrow(1, 0, 4)).objects;
        short
            .narrow(1, 0, 3)
            .into_data()
            .assert_approx_eq::<f32>(&long.into_data(), Tolerance::default());
    }
}
