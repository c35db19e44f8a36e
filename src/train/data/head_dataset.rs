//! The data set of the object-event head: slots of clips, encoded and rolled out, with the object that each slot is of.

use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView4, Axis, s};
use rayon::prelude::*;
use slotflow_datasets::synth::States;

use crate::artifacts::RunError;
use crate::models::reasoner::object_event_head::pairs;
use crate::train::data::rollouts::Rollouts;
use crate::train::data::slot_store::EncodedDataset;

/// Least overlap of a slot's pixels with an object's, intersection over union, by which the slot is the object's.
const LEAST_OVERLAP: f64 = 0.2;

/// Slots of clips, and the object that each is of.
#[derive(Debug)]
pub struct SlotObjects {
    /// `[clips, time, slots, dim]`
    pub slots: Array4<f32>,
    /// Place of the slot's object in the clip's states, plus one; 0 for a slot without one, `[clips, time, slots]`.
    pub objects: Array3<u8>,
}

/// Which slots of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotVersion {
    /// Those that were encoded.
    Encoded,
    /// Those of rollouts, piece by piece.
    RolledOut,
}

impl SlotVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Encoded, Self::RolledOut];
}

/// One sample of a head: a clip, and which of its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadSample {
    /// The slots.
    pub version: SlotVersion,
    /// The clip.
    pub clip: usize,
}

/// What the head learns from: each clip encoded, and rolled out piece by piece.
#[derive(Debug)]
pub struct HeadDataset {
    /// As encoded.
    pub encoded: SlotObjects,
    /// As rolled out.
    pub rolled_out: SlotObjects,
    /// The truth, by clip.
    pub states: Vec<States>,
}

/// A batch: slots with all that is true of them.
#[derive(Debug)]
pub struct HeadBatch {
    /// `[batch, time, slots, dim]`
    pub slots: Array4<f32>,
    /// In view, moves, colour, material, shape, place x and y, and whether the slot has an object, `[.., 8]`.
    pub objects: Array4<f32>,
    /// `[batch, time − 1, pairs]`
    pub touches: Array3<f32>,
}

/// Numbers of [`HeadBatch::objects`].
pub const OBJECT_NUMBERS: usize = 8;

impl HeadDataset {
    /// The clips as they were encoded, and as they are rolled out piece by piece: there a slot keeps the object of the
    /// last frame before its piece.
    ///
    /// # Shape
    /// - `truth`: true masks of the clips, `[clips, time, height, width]`
    ///
    /// # Errors
    /// Those of the rollouts.
    pub fn new(
        encoded: &EncodedDataset,
        truth: ArrayView4<'_, u8>,
        states: Vec<States>,
        rollouts: &Rollouts<'_>,
    ) -> Result<Self, RunError> {
        let slots = encoded.slots.view();
        let (clips, time, count, _) = slots.dim();
        let mut objects = Array3::zeros((clips, time, count));
        for (clip, states) in states.iter().enumerate() {
            for frame in 0..time {
                let attended = encoded.masks.slice(s![clip, frame, .., ..]);
                let truth = truth.slice(s![clip, frame, .., ..]);
                let of = objects_of_slots(attended, truth, count, states);
                objects
                    .slice_mut(s![clip, frame, ..])
                    .assign(&ndarray::arr1(&of));
            }
        }
        let mut rolled_out = objects.clone();
        for piece in rollouts.pieces(time) {
            let before = objects.slice(s![.., piece.start - 1, ..]);
            for frame in piece.clone() {
                rolled_out.slice_mut(s![.., frame, ..]).assign(&before);
            }
        }
        Ok(Self {
            rolled_out: SlotObjects {
                slots: rollouts.piecewise(slots)?,
                objects: rolled_out,
            },
            encoded: SlotObjects {
                slots: slots.to_owned(),
                objects,
            },
            states,
        })
    }

    /// The slots of that version.
    pub fn version(&self, version: SlotVersion) -> &SlotObjects {
        match version {
            SlotVersion::Encoded => &self.encoded,
            SlotVersion::RolledOut => &self.rolled_out,
        }
    }

    /// Mean and deviation of every number of the encoded slots; a deviation of nothing is 1.
    pub fn mean_and_deviation(&self) -> (Vec<f32>, Vec<f32>) {
        let slots = self.encoded.slots.view();
        let moments = slots.axis_iter(Axis(3)).into_par_iter().map(|numbers| {
            let count = numbers.len().max(1) as f64;
            let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
                numbers.iter().map(|number| of(f64::from(*number))).sum()
            };
            let mean = sum(&|number| number) / count;
            let deviation = (sum(&|number| (number - mean).powi(2)) / count).sqrt();
            (
                mean as f32,
                if deviation > 0.0 {
                    deviation as f32
                } else {
                    1.0
                },
            )
        });
        let moments: Vec<(f32, f32)> = moments.collect();
        moments.into_iter().unzip()
    }

    /// Slots and truth of clips.
    pub fn batch(&self, chosen: &[HeadSample]) -> HeadBatch {
        let (_, time, count, dim) = self.encoded.slots.dim();
        let both = pairs(count);
        let mut batch = HeadBatch {
            slots: Array4::zeros((chosen.len(), time, count, dim)),
            objects: Array4::zeros((chosen.len(), time, count, OBJECT_NUMBERS)),
            touches: Array3::zeros((chosen.len(), time - 1, both.len())),
        };
        for (row, &HeadSample { version, clip }) in chosen.iter().enumerate() {
            let (slots, states) = (self.version(version), &self.states[clip]);
            batch
                .slots
                .index_axis_mut(Axis(0), row)
                .assign(&slots.slots.index_axis(Axis(0), clip));
            let owner =
                |t: usize, slot: usize| usize::from(slots.objects[[clip, t, slot]]).checked_sub(1);
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

/// By slot: the place of its object among the states, plus one; 0 where it has none. The best overlaps first, each slot
/// and object once.
fn objects_of_slots(
    attended: ArrayView2<'_, u8>,
    truth: ArrayView2<'_, u8>,
    slots: usize,
    states: &States,
) -> Vec<u8> {
    let objects = states.ids.len();
    let mut both = Array2::<f64>::zeros((slots, objects));
    let (mut of_slot, mut of_object) = (vec![0.0; slots], vec![0.0; objects]);
    for (slot, id) in attended.iter().zip(&truth) {
        let slot = usize::from(*slot).min(slots - 1);
        of_slot[slot] += 1.0;
        let object = usize::from(*id)
            .checked_sub(1)
            .and_then(|id| states.ids.iter().position(|known| *known == id));
        if let Some(object) = object {
            of_object[object] += 1.0;
            both[[slot, object]] += 1.0;
        }
    }
    let overlap = |(slot, object): (usize, usize)| {
        both[[slot, object]] / (of_slot[slot] + of_object[object] - both[[slot, object]]).max(1.0)
    };
    let mut candidates: Vec<(usize, usize)> = (0..slots)
        .flat_map(|slot| (0..objects).map(move |object| (slot, object)))
        .filter(|pair| overlap(*pair) >= LEAST_OVERLAP)
        .collect();
    candidates.sort_by(|a, b| overlap(*b).total_cmp(&overlap(*a)));
    let (mut of_slots, mut taken) = (vec![0; slots], vec![false; objects]);
    for (slot, object) in candidates {
        if of_slots[slot] == 0 && !taken[object] {
            of_slots[slot] = object as u8 + 1;
            taken[object] = true;
        }
    }
    of_slots
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::synth::{SynthPreset, World};

    use super::*;

    #[test]
    fn a_slot_that_covers_an_object_is_its_own() {
        let preset = SynthPreset::synth().unwrap();
        let states = States::new(&World::simulate(&preset, 1), &[0]);
        let (one, other) = (states.ids[0] as u8 + 1, states.ids[1] as u8 + 1);
        let truth = ndarray::arr2(&[[one, one, 0, 0], [other, other, 0, 0]]);
        let attended = ndarray::arr2(&[[2, 2, 0, 0], [1, 0, 0, 0]]);
        assert_eq!(
            objects_of_slots(attended.view(), truth.view(), 3, &states),
            [0, 2, 1]
        );
    }

    #[test]
    fn a_batch_holds_the_state_of_the_object_of_each_slot() {
        let preset = SynthPreset::synth().unwrap();
        let record = World::simulate(&preset, 5);
        let states = States::new(&record, &[0, 5, 10]);
        let mut objects = Array3::zeros((1, 3, 4));
        objects[[0, 1, 2]] = 2;
        let version = || SlotObjects {
            slots: Array4::ones((1, 3, 4, 6)),
            objects: objects.clone(),
        };
        let dataset = HeadDataset {
            encoded: version(),
            rolled_out: version(),
            states: vec![states.clone()],
        };
        let batch = dataset.batch(&[HeadSample {
            version: SlotVersion::Encoded,
            clip: 0,
        }]);
        assert_eq!(batch.objects[[0, 1, 2, 2]], states.looks[1][0] as f32);
        assert_eq!(batch.objects[[0, 1, 2, 5]], states.place[[1, 1, 0]]);
        assert_eq!(batch.objects.slice(s![.., .., .., 7]).sum(), 1.0);
        assert_eq!(dataset.mean_and_deviation(), (vec![1.0; 6], vec![1.0; 6]));
    }
}
