//! Event tables from predicted tracks, as NS-DR's dynamics predictor writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::events::{Attributes, Event, EventKind, EventTable, Motion};

/// Frames that the clip shows; what happens later is unseen.
const SEEN_FRAMES: usize = 128;
/// The frame of the last sample in the clip, where the clip ends.
const END_FRAME: usize = 125;
/// Frames between two samples.
const STRIDE: f64 = 5.0;
/// Pixels per frame above which an object moves.
const MOVING_SPEED: f64 = 0.1;
/// Change of velocity between two samples that a collision makes, pixels per frame.
const BUMP: (f64, f64) = (0.1, 5.0);
/// Distance within which an object is hit, pixels.
const REACH: f64 = 20.0;

/// The course of a scene, or of the scene without one object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Course {
    /// The object that is missing; −1 for the scene itself.
    pub what_if: i64,
    /// Positions of objects, every fifth frame.
    pub trajectory: Vec<Snapshot>,
    /// Collisions; absent where only tracks are predicted.
    #[serde(default)]
    pub collisions: Vec<Bump>,
}

/// Positions of objects at one frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Snapshot {
    /// The frame.
    pub frame_index: usize,
    /// The objects in view.
    pub objects: Vec<Place>,
}

/// Position of an object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Place {
    /// The object's attributes.
    #[serde(flatten)]
    pub object: Attributes,
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
}

/// A predicted collision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Bump {
    /// Attributes of both objects.
    pub objects: Vec<Attributes>,
    /// Frame of the collision.
    pub frame: usize,
}

/// Source of collisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collisions {
    /// The predictor says them.
    Predicted,
    /// They are read off the tracks: where a velocity jumps beside another object.
    FromTracks,
}

/// Position and velocity of each object at each sample.
struct Tracks {
    frames: Vec<usize>,
    /// `[object][sample]`
    places: Vec<Vec<Option<[f64; 2]>>>,
}

impl EventTable {
    /// The table of predicted courses: one of the scene and one without each object.
    ///
    /// # Source
    /// NS-DR's simulation, its quirks included: the clip ends at frame 125, an exit is stamped with the first sample
    /// without the object, and entrances and exits after the clip name no object that a filter would find.
    pub fn from_courses(
        objects: Vec<Attributes>,
        courses: &[Course],
        collisions: Collisions,
    ) -> Self {
        let course = |what_if: i64| courses.iter().find(|course| course.what_if == what_if);
        let Some(scene) = course(-1) else {
            return Self::new(objects, Vec::new(), SEEN_FRAMES, END_FRAME);
        };
        let tracks = Tracks::read(&objects, scene);
        let mut happens = tracks.crossings();
        happens.extend(collisions_of(&objects, scene, collisions));
        for event in &mut happens {
            let unseen = event.frame.is_some_and(|frame| frame >= SEEN_FRAMES);
            if unseen && event.kind != EventKind::Collision {
                event.objects.clear();
            }
        }
        let count = objects.len();
        let without = (0..count).filter_map(|object| {
            let course = course(object as i64)?;
            Some((object, collisions_of(&objects, course, collisions)))
        });
        let without = without.collect();
        let motion = tracks.motion();
        Self {
            motion,
            without,
            ..Self::new(objects, happens, SEEN_FRAMES, END_FRAME)
        }
    }
}

fn collisions_of(objects: &[Attributes], course: &Course, from: Collisions) -> Vec<Event> {
    if from == Collisions::FromTracks {
        return Tracks::read(objects, course).bumps();
    }
    let number = |object: &Attributes| objects.iter().position(|known| known == object);
    let event = |bump: &Bump| {
        let objects: Option<Vec<usize>> = bump.objects.iter().map(number).collect();
        Some(Event::new(
            EventKind::Collision,
            &objects?,
            Some(bump.frame),
        ))
    };
    course.collisions.iter().filter_map(event).collect()
}

impl Tracks {
    fn read(objects: &[Attributes], course: &Course) -> Self {
        let place = |object: &Attributes, snapshot: &Snapshot| {
            snapshot
                .objects
                .iter()
                .find(|place| place.object == *object)
                .map(|place| [place.x, place.y])
        };
        let track = |object| {
            course
                .trajectory
                .iter()
                .map(|snapshot| place(object, snapshot))
                .collect()
        };
        Self {
            frames: course
                .trajectory
                .iter()
                .map(|snapshot| snapshot.frame_index)
                .collect(),
            places: objects.iter().map(track).collect(),
        }
    }

    /// Mean of the steps to and from a sample, as far as there are any; pixels per frame.
    fn velocity(&self, object: usize, sample: usize) -> Option<[f64; 2]> {
        let at = |sample: usize| self.places[object].get(sample).copied().flatten();
        let here = at(sample)?;
        let before = sample
            .checked_sub(1)
            .and_then(at)
            .map(|before| step(before, here));
        let after = at(sample + 1).map(|after| step(here, after));
        Some(match (before, after) {
            (Some(before), Some(after)) => [
                f64::midpoint(before[0], after[0]),
                f64::midpoint(before[1], after[1]),
            ],
            (one, other) => one.or(other).unwrap_or([0.0; 2]),
        })
    }

    fn motion(&self) -> BTreeMap<usize, Vec<Option<Motion>>> {
        let motion = |object, sample| {
            let velocity = self.velocity(object, sample)?;
            Some(Motion {
                velocity,
                moving: norm(velocity) > MOVING_SPEED,
            })
        };
        let objects = self.places.len();
        let row = |sample| (0..objects).map(|object| motion(object, sample)).collect();
        self.frames
            .iter()
            .enumerate()
            .map(|(sample, frame)| (*frame, row(sample)))
            .collect()
    }

    /// Entrances and exits, in order of time.
    fn crossings(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (sample, frame) in self.frames.iter().enumerate().skip(1) {
            for (object, places) in self.places.iter().enumerate() {
                let kind = match (places[sample - 1], places[sample]) {
                    (None, Some(_)) => EventKind::In,
                    (Some(_), None) => EventKind::Out,
                    _ => continue,
                };
                events.push(Event::new(kind, &[object], Some(*frame)));
            }
        }
        events
    }

    /// Collisions by jumps of velocity: a strict peak, beside another object; the first of each pair counts.
    fn bumps(&self) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for object in 0..self.places.len() {
            let jumps = self.jumps(object);
            for sample in 1..jumps.len().saturating_sub(1) {
                let [before, here, after] = [jumps[sample - 1], jumps[sample], jumps[sample + 1]];
                let peak = here > before && here > after && here > BUMP.0 && here < BUMP.1;
                let Some(partner) = peak.then(|| self.nearest(object, sample)).flatten() else {
                    continue;
                };
                let event = Event::new(
                    EventKind::Collision,
                    &[object, partner],
                    Some(self.frames[sample]),
                );
                if !events.iter().any(|known| known.is_like(&event)) {
                    events.push(event);
                }
            }
        }
        events
    }

    /// Change of velocity since the sample before; 0 where there is none.
    fn jumps(&self, object: usize) -> Vec<f64> {
        let jump = |sample: usize| {
            let before = self.velocity(object, sample.checked_sub(1)?)?;
            let here = self.velocity(object, sample)?;
            Some(norm([here[0] - before[0], here[1] - before[1]]))
        };
        (0..self.frames.len())
            .map(|sample| jump(sample).unwrap_or(0.0))
            .collect()
    }

    /// The nearest other object within reach.
    fn nearest(&self, object: usize, sample: usize) -> Option<usize> {
        let here = self.places[object][sample]?;
        let others = (0..self.places.len()).filter(|other| *other != object);
        let distances = others.filter_map(|other| {
            let there = self.places[other][sample]?;
            Some((other, norm([there[0] - here[0], there[1] - here[1]])))
        });
        let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (nearest.1 < REACH).then_some(nearest.0)
    }
}

fn step(from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    [(to[0] - from[0]) / STRIDE, (to[1] - from[1]) / STRIDE]
}

fn norm([x, y]: [f64; 2]) -> f64 {
    (x * x + y * y).sqrt()
}
