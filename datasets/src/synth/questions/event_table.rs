//! Event tables of generated clips, from the simulation.

use std::collections::BTreeMap;

use crate::question::{Attributes, Event, EventKind, EventTable, Motion};
use crate::synth::physics::record::{self, Object, Pose, Record};
use crate::synth::{SynthPreset, World};

/// Speed above which an object counts as moving, units of length a second.
pub const MOVING_SPEED: f32 = 0.1;

/// A generated clip with everything that questions are about.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotatedClip {
    /// The simulated clip.
    pub record: Record,
    /// The simulation without each of the objects, by their numbers.
    pub without: BTreeMap<usize, Record>,
    /// The event table of question programs.
    pub table: EventTable,
    /// By place in the table: the object's number in the record.
    pub ids: Vec<usize>,
}

impl AnnotatedClip {
    /// A clip and its variants, simulated.
    pub fn simulate(preset: &SynthPreset, seed: u64) -> Self {
        let record = World::simulate(preset, seed);
        let without = shown(&record)
            .into_iter()
            .map(|id| (id, World::simulate_without(preset, seed, id)))
            .collect();
        Self::new(record, without)
    }

    /// A clip of which the variants are known.
    ///
    /// Only objects that the rendered frames show are asked about, and only events in the camera's view.
    pub fn new(record: Record, without: BTreeMap<usize, Record>) -> Self {
        let ids = shown(&record);
        let places: BTreeMap<usize, usize> = ids
            .iter()
            .enumerate()
            .map(|(place, id)| (*id, place))
            .collect();
        let frames = record.rendered_frames;
        let objects = ids.iter().filter_map(|id| attributes(&record, *id));
        let end = frames.saturating_sub(1);
        let happens = events(&record, &places);
        let variants = without.iter().filter_map(|(id, record)| {
            let mut events = events(record, &places);
            events.retain(|event| event.kind == EventKind::Collision);
            Some((*places.get(id)?, events))
        });
        let table = EventTable {
            motion: motion(&record, &ids),
            without: variants.collect(),
            ..EventTable::new(objects.collect(), happens, frames, end)
        };
        Self {
            record,
            without,
            table,
            ids,
        }
    }
}

/// The numbers of the objects that a rendered frame shows.
fn shown(record: &Record) -> Vec<usize> {
    let rendered = &record.motion[..record.rendered_frames.min(record.motion.len())];
    let seen = |k: usize| rendered.iter().any(|poses| poses[k].inside_camera_view);
    let objects = record.objects.iter().enumerate();
    objects
        .filter(|(k, _)| seen(*k))
        .map(|(_, object)| object.id)
        .collect()
}

fn attributes(record: &Record, id: usize) -> Option<Attributes> {
    let object: &Object = &record.objects[record.index_of(id)?];
    Some(Attributes {
        color: object.color.word().to_owned(),
        material: object.material.word().to_owned(),
        shape: object.shape.word().to_owned(),
    })
}

/// The events of objects that are spoken of, by frame.
fn events(record: &Record, places: &BTreeMap<usize, usize>) -> Vec<Event> {
    let event = |event: &record::Event| {
        let (kind, ids) = match event {
            record::Event::Collision {
                inside_camera_view: false,
                ..
            } => return None,
            record::Event::Collision { objects, .. } => (EventKind::Collision, objects.to_vec()),
            record::Event::Enter { object, .. } => (EventKind::In, vec![*object]),
            record::Event::Leave { object, .. } => (EventKind::Out, vec![*object]),
        };
        let objects: Option<Vec<usize>> = ids.iter().map(|id| places.get(id).copied()).collect();
        Some(Event::new(kind, &objects?, Some(event.frame())))
    };
    record.events.iter().filter_map(event).collect()
}

/// Motions of the objects in view in every rendered frame; the velocity is along the floor, per frame.
fn motion(record: &Record, ids: &[usize]) -> BTreeMap<usize, Vec<Option<Motion>>> {
    let places: Vec<usize> = ids.iter().filter_map(|id| record.index_of(*id)).collect();
    let one = |pose: &Pose| {
        let [x, y, _] = pose.velocity;
        let per_frame = |speed: f32| f64::from(speed / record.fps);
        pose.inside_camera_view.then(|| Motion {
            velocity: [per_frame(x), per_frame(y)],
            moving: speed(pose) > MOVING_SPEED,
        })
    };
    let rendered = record
        .motion
        .iter()
        .take(record.rendered_frames)
        .enumerate();
    rendered
        .map(|(frame, poses)| {
            (
                frame,
                places.iter().map(|place| one(&poses[*place])).collect(),
            )
        })
        .collect()
}

/// Units of length a second.
pub fn speed(pose: &Pose) -> f32 {
    let [x, y, z] = pose.velocity;
    (x * x + y * y + z * z).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_that_rendered_frames_show_are_in_the_table() {
        let preset = SynthPreset::synth().unwrap();
        let (mut seen, mut unseen) = (0, 0);
        for seed in 0..20 {
            let annotated = AnnotatedClip::simulate(&preset, seed);
            for place in 0..annotated.table.objects.len() {
                assert!(annotated.table.is_visible(place, None), "seed {seed}");
            }
            let frame = |event: &Event| event.frame.unwrap();
            assert!(annotated.table.seen.iter().all(|e| frame(e) < 128));
            assert!(annotated.table.unseen.iter().all(|e| frame(e) >= 128));
            seen += annotated.table.seen.len() - 2;
            unseen += annotated.table.unseen.len();
            assert_eq!(annotated.without.len(), annotated.ids.len());
        }
        assert!(seen > 20 && unseen > 5, "{seen} {unseen}");
    }

    #[test]
    fn without_an_object_nothing_hits_it() {
        let preset = SynthPreset::synth().unwrap();
        for seed in 0..10 {
            let annotated = AnnotatedClip::simulate(&preset, seed);
            for (gone, events) in &annotated.table.without {
                assert!(events.iter().all(|event| !event.involves(*gone)));
            }
        }
    }
}
