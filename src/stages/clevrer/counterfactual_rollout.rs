//! Counterfactual roll-outs: what would happen in a clip without one of its objects.
//!
//! The object's slot is emptied. What it touched, and what that touched, is rolled out from the collision on; all else
//! stays as it was observed, until something rolled out touches it.
//! Differs: SlotFormer and Aloe answer counterfactual questions from observed slots alone.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3, Array4, ArrayView3, Axis, s};
use slotflow_datasets::question::{Event, EventKind};

use crate::models::dynamics::SlotFormer;
use crate::models::reasoner::object_event_head::{ObjectEventHead, SAID, pairs};
use crate::scene_parsing::{
    HeadOutput, ParseSettings, ParsedScene, PossibleEvent, collision_candidates, collision_steps,
    video_frame_of,
};
use crate::tensor_conversion::floats;

/// Times that what is rolled out may touch yet another observed object.
const ROUNDS: usize = 3;

/// The models of counterfactual roll-outs.
#[derive(Debug)]
pub struct CounterfactualRollout<'a> {
    /// Rolls slots forward.
    pub dynamics: &'a SlotFormer,
    /// Predicts objects and collisions from slots.
    pub head: &'a ObjectEventHead,
    /// How its output is read.
    pub settings: ParseSettings,
    /// Where tensors live.
    pub device: &'a Device,
}

/// By object, the frame behind which it is rolled out; unset where that is none of the observed frames.
type RolledOutFrom = Vec<Option<usize>>;

impl CounterfactualRollout<'_> {
    /// What the head predicts from slots, `[time, slots, dim]`.
    pub fn head_output(&self, slots: ArrayView3<'_, f32>) -> HeadOutput {
        let (time, count, dim) = slots.dim();
        let data = TensorData::new(slots.iter().copied().collect(), [1, time, count, dim]);
        let output = self.head.forward(&Tensor::from_data(data, self.device));
        let number = count * (count - 1) / 2;
        HeadOutput {
            objects: shaped3(floats(output.objects), [time, count, SAID]),
            collisions: Array2::from_shape_vec((time - 1, number), floats(output.touches))
                .unwrap_or_else(|_| Array2::zeros((time - 1, number))),
        }
    }

    /// Collisions that may be without the object `removed`, of a clip whose rolled-out frames were parsed too.
    pub fn without(
        &self,
        slots: ArrayView3<'_, f32>,
        scene: &ParsedScene,
        removed: usize,
    ) -> Vec<PossibleEvent> {
        let output = self.head_output(slots);
        let empty = empty_slot(slots, &output, self.settings.observed);
        let mut from = self.affected(&output, scene, removed);
        let mut slots_without = self.rolled(slots, scene, removed, &from, &empty);
        let mut output_without = self.head_output(slots_without.view());
        for _ in 0..ROUNDS {
            if !self.touched(&output_without, scene, removed, &mut from) {
                break;
            }
            slots_without = self.rolled(slots, scene, removed, &from, &empty);
            output_without = self.head_output(slots_without.view());
        }
        self.collisions(&output_without, scene, removed, &from)
    }

    /// What an object's absence changes: the objects that it touched, and those that they touched then.
    fn affected(&self, output: &HeadOutput, scene: &ParsedScene, removed: usize) -> RolledOutFrom {
        let mut from: RolledOutFrom = vec![None; scene.tracks.len()];
        let mut collisions: Vec<(usize, usize, usize)> = Vec::new();
        for (one, other) in pairs(scene.tracks.len()) {
            let logits = output.pair_collisions(&scene.tracks[one], &scene.tracks[other]);
            let steps = collision_steps(&logits, self.settings).into_iter();
            collisions.extend(steps.map(|step| (step, one, other)));
        }
        collisions.sort_unstable();
        for (step, one, other) in collisions {
            for (cause, object) in [(one, other), (other, one)] {
                let changed = cause == removed || from[cause].is_some_and(|at| at <= step);
                if changed && object != removed && from[object].is_none() {
                    from[object] = Some(step);
                }
            }
        }
        from
    }

    /// The clip's slots, the affected ones rolled out anew.
    fn rolled(
        &self,
        slots: ArrayView3<'_, f32>,
        scene: &ParsedScene,
        removed: usize,
        from: &RolledOutFrom,
        empty: &[f32],
    ) -> Array3<f32> {
        let (time, count, dim) = slots.dim();
        let observed = self.settings.observed;
        let mut all = slots.to_owned();
        for (t, slot) in scene.tracks[removed].iter().enumerate() {
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
            let newest = history.slice(s![t - start - 1, .., ..]);
            let newest = TensorData::new(newest.iter().copied().collect(), [1, count, dim]);
            let newest = Tensor::<3>::from_data(newest, self.device);
            let next = self.dynamics.predict(&window, newest);
            let next = shaped3(floats(next), [1, count, dim]);
            for slot in 0..count {
                let is_removed = holder(scene, t, slot, observed) == Some(removed);
                let changed = t >= observed
                    || from.iter().enumerate().any(|(object, at)| {
                        at.is_some_and(|at| t > at && held(scene, object, at) == Some(slot))
                    });
                if is_removed {
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

    /// Marks observed objects that something rolled out touches; whether there are new ones.
    fn touched(
        &self,
        output: &HeadOutput,
        scene: &ParsedScene,
        removed: usize,
        from: &mut RolledOutFrom,
    ) -> bool {
        let mut new = false;
        for (one, other) in pairs(scene.tracks.len()) {
            if one == removed || other == removed {
                continue;
            }
            let (a, b) = (
                Self::track(scene, from, one),
                Self::track(scene, from, other),
            );
            for step in collision_steps(&output.pair_collisions(&a, &b), self.settings) {
                for (cause, object) in [(one, other), (other, one)] {
                    let is_rolled_out = from[cause].is_some_and(|at| at < step);
                    if is_rolled_out
                        && from[object].is_none_or(|at| at > step)
                        && step + 1 < self.settings.observed
                    {
                        from[object] = Some(step);
                        new = true;
                    }
                }
            }
        }
        new
    }

    fn collisions(
        &self,
        output: &HeadOutput,
        scene: &ParsedScene,
        removed: usize,
        from: &RolledOutFrom,
    ) -> Vec<PossibleEvent> {
        let mut events = Vec::new();
        for (one, other) in pairs(scene.tracks.len()) {
            if one == removed || other == removed {
                continue;
            }
            let (a, b) = (
                Self::track(scene, from, one),
                Self::track(scene, from, other),
            );
            let first = from[one].into_iter().chain(from[other]).min();
            let settings = ParseSettings {
                observed: first.map_or(self.settings.observed, |at| {
                    (at + 2).min(self.settings.observed)
                }),
                ..self.settings
            };
            let logits = output.pair_collisions(&a, &b);
            let candidates = collision_candidates(&logits, settings).into_iter();
            events.extend(candidates.map(|(step, logit)| PossibleEvent {
                event: Event::new(
                    EventKind::Collision,
                    &[one, other],
                    Some(video_frame_of(step, self.settings)),
                ),
                logit,
            }));
        }
        events
    }

    /// The slots that hold an object without the other: as observed, then the slot that held it where it is rolled out.
    fn track(scene: &ParsedScene, from: &RolledOutFrom, object: usize) -> Vec<Option<usize>> {
        let mut track = scene.tracks[object].clone();
        if let Some(at) = from[object] {
            let slot = held(scene, object, at);
            for place in track.iter_mut().skip(at + 1) {
                *place = slot.or(*place);
            }
        }
        track
    }
}

/// The slot that holds an object at a frame or just about it.
fn held(scene: &ParsedScene, object: usize, at: usize) -> Option<usize> {
    let track = &scene.tracks[object];
    track[at].or_else(|| track.get(at + 1).copied().flatten())
}

/// The object that a slot holds at a frame; behind the observed frames the last one.
fn holder(scene: &ParsedScene, t: usize, slot: usize, observed: usize) -> Option<usize> {
    let t = t.min(observed.saturating_sub(1));
    (0..scene.tracks.len()).find(|object| scene.tracks[*object][t] == Some(slot))
}

/// A slot that holds nothing, `[dim]`: the mean of the clip's least occupied ones.
fn empty_slot(slots: ArrayView3<'_, f32>, output: &HeadOutput, observed: usize) -> Vec<f32> {
    let (_, count, dim) = slots.dim();
    let mut places: Vec<(usize, usize)> = (0..observed)
        .flat_map(|t| (0..count).map(move |slot| (t, slot)))
        .collect();
    places.sort_by(|a, b| {
        output
            .in_view(a.0, a.1)
            .total_cmp(&output.in_view(b.0, b.1))
    });
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
    fn only_what_an_object_touches_is_rolled_out_without_it() {
        let device = Device::flex();
        let mut init = Init::seeded(1, &device);
        let dynamics = SlotFormerConfig {
            dim: 4,
            burn_in: 2,
            window: 2,
            ..SlotFormerConfig::default()
        }
        .init(&mut init);
        let head = ObjectEventHeadConfig {
            dim: 4,
            hidden: 4,
            ..ObjectEventHeadConfig::default()
        }
        .init(&mut init);
        let rollout = CounterfactualRollout {
            dynamics: &dynamics,
            head: &head,
            settings: ParseSettings {
                stride: 5,
                observed: 6,
                video_frames: 30,
                collision_threshold: 0.0,
                rolled_out_collision_threshold: 0.0,
            },
            device: &device,
        };
        let slots = Array3::from_shape_fn((8, 3, 4), |(t, k, d)| (t + 2 * k + 3 * d) as f32 * 0.1);
        let scene = ParsedScene {
            table: EventTable::default(),
            tracks: (0..3).map(|slot| vec![Some(slot); 8]).collect(),
            confidence: Vec::new(),
            possible: Vec::new(),
        };
        let from = vec![None, Some(2), None];
        let rolled = rollout.rolled(slots.view(), &scene, 0, &from, &[7.0; 4]);
        assert!(
            rolled
                .slice(s![.., 0, ..])
                .iter()
                .all(|value| *value == 7.0),
            "it is removed"
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
