//! What would be, read off imagined slots: what comes after a clip, and what would happen without one of its objects.
//!
//! Without an object its slot is emptied. What it touched, and what that touched, is imagined from the touch on; all
//! else stays as it was seen, until something imagined touches it. Differs: no paper of this house has it.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3, Array4, ArrayView3, Axis, s};
use slotflow_datasets::question::{Event, EventKind};

use crate::models::dynamics::SlotFormer;
use crate::models::reasoner::object_event_head::{ObjectEventHead, SAID, pairs};
use crate::scene_parsing::{Found, Reading, Scale, frame_of, peaks};
use crate::tensor_conversion::floats;

/// Times that what is imagined may touch yet another object that was seen.
const ROUNDS: usize = 3;

/// What imagines and what reads.
#[derive(Debug)]
pub struct Imagination<'a> {
    /// Rolls slots forward.
    pub dynamics: &'a SlotFormer,
    /// Reads slots.
    pub sight: &'a ObjectEventHead,
    /// How readings are taken.
    pub scale: Scale,
    /// Where tensors live.
    pub device: &'a Device,
}

/// From which frame on each object is imagined: later frames are. `None` = never within what was seen.
type Since = Vec<Option<usize>>;

impl Imagination<'_> {
    /// What the head says of slots, `[time, slots, dim]`.
    pub fn read(&self, slots: ArrayView3<'_, f32>) -> Reading {
        let (time, count, dim) = slots.dim();
        let data = TensorData::new(slots.iter().copied().collect(), [1, time, count, dim]);
        let seen = self.sight.forward(&Tensor::from_data(data, self.device));
        let number = count * (count - 1) / 2;
        Reading {
            objects: shaped3(floats(seen.objects), [time, count, SAID]),
            touches: Array2::from_shape_vec((time - 1, number), floats(seen.touches))
                .unwrap_or_else(|_| Array2::zeros((time - 1, number))),
        }
    }

    /// Collisions without an object, of a clip that was read with its imagined frames.
    pub fn without(&self, slots: ArrayView3<'_, f32>, found: &Found, gone: usize) -> Vec<Event> {
        let reading = self.read(slots);
        let empty = empty_slot(slots, &reading, self.scale.observed);
        let mut from = self.spread(&reading, found, gone);
        let mut imagined = self.rolled(slots, found, gone, &from, &empty);
        let mut said = self.read(imagined.view());
        for _ in 0..ROUNDS {
            if !self.touched(&said, found, gone, &mut from) {
                break;
            }
            imagined = self.rolled(slots, found, gone, &from, &empty);
            said = self.read(imagined.view());
        }
        self.collisions(&said, found, gone, &from)
    }

    /// What an object's absence changes: whom it touched, and whom they then touched.
    fn spread(&self, reading: &Reading, found: &Found, gone: usize) -> Since {
        let mut from: Since = vec![None; found.tracks.len()];
        let mut touches: Vec<(usize, usize, usize)> = Vec::new();
        for (one, other) in pairs(found.tracks.len()) {
            let said = reading.pair(&found.tracks[one], &found.tracks[other]);
            let seen = peaks(&said, self.scale).into_iter();
            touches.extend(seen.map(|step| (step, one, other)));
        }
        touches.sort_unstable();
        for (step, one, other) in touches {
            for (cause, object) in [(one, other), (other, one)] {
                let changed = cause == gone || from[cause].is_some_and(|at| at <= step);
                if changed && object != gone && from[object].is_none() {
                    from[object] = Some(step);
                }
            }
        }
        from
    }

    /// The clip's slots with the changed ones imagined.
    fn rolled(
        &self,
        slots: ArrayView3<'_, f32>,
        found: &Found,
        gone: usize,
        from: &Since,
        empty: &[f32],
    ) -> Array3<f32> {
        let (time, count, dim) = slots.dim();
        let observed = self.scale.observed;
        let mut all = slots.to_owned();
        for (t, slot) in found.tracks[gone].iter().enumerate() {
            if let Some(slot) = slot {
                all.slice_mut(s![t, *slot, ..])
                    .assign(&ndarray::ArrayView1::from(empty));
            }
        }
        let first = from.iter().flatten().min().map_or(observed, |at| at + 1);
        for t in first.max(1)..time {
            let start = t.saturating_sub(self.dynamics.window());
            let history = all.slice(s![start..t, .., ..]);
            let data = TensorData::new(
                history.iter().copied().collect(),
                [1, t - start, count, dim],
            );
            let window = self
                .dynamics
                .embed_last(Tensor::<4>::from_data(data, self.device));
            let next = shaped3(floats(self.dynamics.predict(&window)), [1, count, dim]);
            for slot in 0..count {
                let is_gone = holder(found, t, slot, observed) == Some(gone);
                let changed = t >= observed
                    || from.iter().enumerate().any(|(object, at)| {
                        at.is_some_and(|at| t > at && held(found, object, at) == Some(slot))
                    });
                if is_gone {
                    continue;
                }
                if changed {
                    all.slice_mut(s![t, slot, ..])
                        .assign(&next.slice(s![0, slot, ..]));
                }
            }
        }
        all
    }

    /// Marks seen objects that something imagined touches; whether there are new ones.
    fn touched(&self, said: &Reading, found: &Found, gone: usize, from: &mut Since) -> bool {
        let mut new = false;
        for (one, other) in pairs(found.tracks.len()) {
            if one == gone || other == gone {
                continue;
            }
            let (a, b) = (
                Self::track(found, from, one),
                Self::track(found, from, other),
            );
            for step in peaks(&said.pair(&a, &b), self.scale) {
                for (cause, object) in [(one, other), (other, one)] {
                    let imagined = from[cause].is_some_and(|at| at < step);
                    if imagined
                        && from[object].is_none_or(|at| at > step)
                        && step + 1 < self.scale.observed
                    {
                        from[object] = Some(step);
                        new = true;
                    }
                }
            }
        }
        new
    }

    fn collisions(&self, said: &Reading, found: &Found, gone: usize, from: &Since) -> Vec<Event> {
        let mut events = Vec::new();
        for (one, other) in pairs(found.tracks.len()) {
            if one == gone || other == gone {
                continue;
            }
            let (a, b) = (
                Self::track(found, from, one),
                Self::track(found, from, other),
            );
            let first = from[one].into_iter().chain(from[other]).min();
            let scale = Scale {
                observed: first.map_or(self.scale.observed, |at| (at + 2).min(self.scale.observed)),
                ..self.scale
            };
            events.extend(peaks(&said.pair(&a, &b), scale).into_iter().map(|step| {
                Event::new(
                    EventKind::Collision,
                    &[one, other],
                    Some(frame_of(step, self.scale)),
                )
            }));
        }
        events
    }

    /// Where an object is without the other: as seen, and in the slot that held it from where it is imagined.
    fn track(found: &Found, from: &Since, object: usize) -> Vec<Option<usize>> {
        let mut track = found.tracks[object].clone();
        if let Some(at) = from[object] {
            let slot = held(found, object, at);
            for place in track.iter_mut().skip(at + 1) {
                *place = slot.or(*place);
            }
        }
        track
    }
}

/// The slot that holds an object at a frame or just about it.
fn held(found: &Found, object: usize, at: usize) -> Option<usize> {
    let track = &found.tracks[object];
    track[at].or_else(|| track.get(at + 1).copied().flatten())
}

/// The object that a slot holds at a frame; behind the observed frames the last one.
fn holder(found: &Found, t: usize, slot: usize, observed: usize) -> Option<usize> {
    let t = t.min(observed.saturating_sub(1));
    (0..found.tracks.len()).find(|object| found.tracks[*object][t] == Some(slot))
}

/// What a slot is that holds nothing: the mean of the clip's emptiest.
fn empty_slot(slots: ArrayView3<'_, f32>, reading: &Reading, observed: usize) -> Vec<f32> {
    let (_, count, dim) = slots.dim();
    let mut places: Vec<(usize, usize)> = (0..observed)
        .flat_map(|t| (0..count).map(move |slot| (t, slot)))
        .collect();
    places
        .sort_by(|a, b| reading.objects[[a.0, a.1, 0]].total_cmp(&reading.objects[[b.0, b.1, 0]]));
    places.truncate(observed.max(1));
    let mut mean = vec![0.0; dim];
    for (t, slot) in &places {
        for (sum, value) in mean.iter_mut().zip(slots.slice(s![*t, *slot, ..])) {
            *sum += value / places.len() as f32;
        }
    }
    mean
}

fn shaped3(values: Vec<f32>, [a, b, c]: [usize; 3]) -> Array3<f32> {
    let flat = Array4::from_shape_vec((1, a, b, c), values);
    flat.unwrap_or_else(|_| Array4::zeros((1, a, b, c)))
        .index_axis_move(Axis(0), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::dynamics::SlotFormerConfig;
    use crate::models::reasoner::ObjectEventHeadConfig;
    use crate::rng::Init;
    use slotflow_datasets::question::EventTable;

    #[test]
    fn only_what_an_object_touches_is_imagined_without_it() {
        let device = Device::flex();
        let mut init = Init::seeded(1, &device);
        let dynamics = SlotFormerConfig {
            dim: 4,
            burn_in: 2,
            window: 2,
            ..SlotFormerConfig::default()
        }
        .init(&mut init);
        let sight = ObjectEventHeadConfig { dim: 4, hidden: 4 }.init(&mut init);
        let imagination = Imagination {
            dynamics: &dynamics,
            sight: &sight,
            scale: Scale {
                stride: 5,
                observed: 6,
                film: 30,
                touch: 0.0,
                imagined_touch: 0.0,
            },
            device: &device,
        };
        let slots = Array3::from_shape_fn((8, 3, 4), |(t, k, d)| (t + 2 * k + 3 * d) as f32 * 0.1);
        let found = Found {
            table: EventTable::default(),
            tracks: (0..3).map(|slot| vec![Some(slot); 8]).collect(),
            sure: Vec::new(),
        };
        let from = vec![None, Some(2), None];
        let rolled = imagination.rolled(slots.view(), &found, 0, &from, &[7.0; 4]);
        assert!(
            rolled
                .slice(s![.., 0, ..])
                .iter()
                .all(|value| *value == 7.0),
            "it is gone"
        );
        assert_eq!(rolled.slice(s![..3, 1, ..]), slots.slice(s![..3, 1, ..]));
        assert_ne!(rolled.slice(s![3, 1, ..]), slots.slice(s![3, 1, ..]));
        assert_eq!(
            rolled.slice(s![..6, 2, ..]),
            slots.slice(s![..6, 2, ..]),
            "untouched"
        );
        assert_ne!(rolled.slice(s![6, 2, ..]), slots.slice(s![6, 2, ..]));
    }
}
