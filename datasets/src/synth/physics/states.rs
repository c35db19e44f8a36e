//! True states of a clip's objects at some frames, as numbers: what a supervised head learns to read off slots, and
//! what a reasoner gets in place of slots to show how much of its error is perception's.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, s};

use crate::question::events::{COLORS, MATERIALS, SHAPES};
use crate::synth::physics::record::{Event, Record};

/// Numbers of one object at one frame in [`States::tokens`].
pub const TOKEN: usize = 1 + COLORS.len() + MATERIALS.len() + SHAPES.len() + 4;

/// True states of a clip's objects at some frames.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// By object: its number in the clip; the pixel value of its mask is one more.
    pub ids: Vec<usize>,
    /// By object: the places of its words among CLEVRER's colours, materials and shapes.
    pub looks: Vec<[usize; 3]>,
    /// Whether an object is in the camera's view, `[frames, objects]`.
    pub in_view: Array2<bool>,
    /// Whether it moves, `[frames, objects]`.
    pub moving: Array2<bool>,
    /// Places on the floor, `[frames, objects, 2]`.
    pub place: Array3<f32>,
    /// Change of place a second, `[frames, objects, 2]`.
    pub velocity: Array3<f32>,
    /// Whether two objects collide after a frame and not after the next, `[frames − 1, objects, objects]`; both ways.
    pub touch: Array3<bool>,
}

impl States {
    /// The objects of `record` at `frames`, which rise; frames behind the simulation's end show its end.
    pub fn new(record: &Record, frames: &[usize]) -> Self {
        let (count, objects) = (frames.len(), record.objects.len());
        let pose = |t: usize, object: usize| {
            &record.motion[frames[t].min(record.motion.len().saturating_sub(1))][object]
        };
        let place_of =
            |word: &str, words: &[&str]| words.iter().position(|known| *known == word).unwrap_or(0);
        let looks = record.objects.iter().map(|object| {
            [
                place_of(object.color.word(), &COLORS),
                place_of(object.material.word(), &MATERIALS),
                place_of(object.shape.word(), &SHAPES),
            ]
        });
        let flat = |t: usize, object: usize, axis: usize| pose(t, object).velocity[axis];
        Self {
            ids: record.objects.iter().map(|object| object.id).collect(),
            looks: looks.collect(),
            in_view: Array2::from_shape_fn((count, objects), |(t, object)| {
                pose(t, object).inside_camera_view
            }),
            moving: Array2::from_shape_fn((count, objects), |(t, object)| {
                crate::synth::questions::event_table::speed(pose(t, object))
                    > crate::synth::questions::event_table::MOVING_SPEED
            }),
            place: Array3::from_shape_fn((count, objects, 2), |(t, object, axis)| {
                pose(t, object).position[axis]
            }),
            velocity: Array3::from_shape_fn((count, objects, 2), |(t, object, axis)| {
                flat(t, object, axis)
            }),
            touch: touches(record, frames),
        }
    }

    /// One row of numbers an object and frame, as many objects as there are `slots`: in view, colour, material and shape
    /// as one of many, place, velocity; zeros for objects out of view and for slots without an object.
    ///
    /// # Shape
    /// `[frames, slots, TOKEN]`
    pub fn tokens(&self, slots: usize) -> Array3<f32> {
        let (frames, objects) = self.in_view.dim();
        let mut tokens = Array3::zeros((frames, slots, TOKEN));
        for t in 0..frames {
            for object in (0..objects.min(slots)).filter(|object| self.in_view[[t, *object]]) {
                let mut row = tokens.slice_mut(s![t, object, ..]);
                let [color, material, shape] = self.looks[object];
                row[0] = 1.0;
                row[1 + color] = 1.0;
                row[1 + COLORS.len() + material] = 1.0;
                row[1 + COLORS.len() + MATERIALS.len() + shape] = 1.0;
                for axis in 0..2 {
                    row[TOKEN - 4 + axis] = self.place[[t, object, axis]];
                    row[TOKEN - 2 + axis] = self.velocity[[t, object, axis]];
                }
            }
        }
        tokens
    }
}

fn touches(record: &Record, frames: &[usize]) -> Array3<bool> {
    let objects = record.objects.len();
    let place: BTreeMap<usize, usize> = record
        .objects
        .iter()
        .enumerate()
        .map(|(place, object)| (object.id, place))
        .collect();
    let mut touch = Array3::from_elem((frames.len().saturating_sub(1), objects, objects), false);
    for event in &record.events {
        let Event::Collision {
            objects: [one, other],
            frame,
            inside_camera_view: true,
            ..
        } = event
        else {
            continue;
        };
        let step = frames
            .windows(2)
            .position(|pair| pair[0] < *frame && *frame <= pair[1]);
        if let (Some(step), Some(one), Some(other)) = (step, place.get(one), place.get(other)) {
            touch[[step, *one, *other]] = true;
            touch[[step, *other, *one]] = true;
        }
    }
    touch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{SynthPreset, World};

    #[test]
    fn every_collision_in_view_falls_between_two_frames() {
        let preset = SynthPreset::synth().unwrap();
        let frames: Vec<usize> = (0..26).map(|t| 5 * t).collect();
        let mut found = 0;
        for seed in 0..10 {
            let record = World::simulate(&preset, seed);
            let states = States::new(&record, &frames);
            let marked = states.touch.iter().filter(|touch| **touch).count();
            let mut collisions: Vec<_> = record
                .events
                .iter()
                .filter_map(|event| match event {
                    Event::Collision {
                        objects,
                        frame: frame @ 1..=125,
                        inside_camera_view: true,
                        ..
                    } => Some((objects, (frame - 1) / 5)),
                    _ => None,
                })
                .collect();
            collisions.sort();
            collisions.dedup();
            assert_eq!(marked, 2 * collisions.len(), "seed {seed}");
            found += marked;
        }
        assert!(found > 10);
    }

    #[test]
    fn an_object_out_of_view_leaves_zeros() {
        let preset = SynthPreset::synth().unwrap();
        let record = World::simulate(&preset, 3);
        let states = States::new(&record, &[0, 64]);
        let tokens = states.tokens(7);
        for ((t, object), seen) in states.in_view.indexed_iter() {
            let row = tokens.slice(s![t, object, ..]);
            assert_eq!(row[0] == 1.0, *seen);
            assert_eq!(row.iter().any(|value| *value != 0.0), *seen);
        }
    }
}
