//! How often what is read off slots differs from the truth.

use std::ops::AddAssign;

use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};
use slotflow_datasets::question::{Event, EventKind, EventTable};
use slotflow_datasets::synth::physics::states::TOKEN;

use super::head_output::HeadOutput;
use super::scene::ParsedScene;

/// Channel of true states that says whether an object is in view.
const IN_VIEW: usize = 0;
/// Channels of true states that say where it is on the floor.
const PLACE: [usize; 2] = [TOKEN - 4, TOKEN - 3];
/// Distance within which an object that was read is a true one, scene units.
const SAME_PLACE: f32 = 1.0;
/// Frames of the video within which an event that was read is a true one.
const SAME_TIME: usize = 15;

/// How many are wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// The wrong ones.
    pub wrong: usize,
    /// All of them.
    pub all: usize,
}

/// What is found of what is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detections {
    /// There, and read.
    pub right: usize,
    /// There, and not read.
    pub missed: usize,
    /// Read, and not there.
    pub invented: usize,
}

/// How often what a head reads off slots differs from the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misreadings {
    /// Clips that were read.
    pub clips: usize,
    /// Objects that come into view.
    pub objects: Detections,
    /// Words for the objects that were found: colour, material, shape.
    pub words: [Wrong; 3],
    /// Whether an object moves, of objects that were found, at every sampled frame.
    pub moving: Wrong,
    /// Collisions in the clip.
    pub seen: Detections,
    /// Collisions behind its end.
    pub unseen: Detections,
    /// Entrances and exits.
    pub crossings: Detections,
}

impl Wrong {
    fn count(&mut self, is_wrong: bool) {
        self.wrong += usize::from(is_wrong);
        self.all += 1;
    }

    /// Share of the wrong ones, 0 of none.
    pub fn share(self) -> f64 {
        self.wrong as f64 / self.all.max(1) as f64
    }
}

impl Detections {
    /// Share of what is there that is not found, 0 of nothing.
    pub fn missed_share(self) -> f64 {
        self.missed as f64 / (self.right + self.missed).max(1) as f64
    }

    /// Pairs each true one with one that was read and is the same; the rest is missed or invented.
    fn of<T>(truth: &[T], read: &[T], is_same: impl Fn(&T, &T) -> bool) -> Self {
        let mut left: Vec<&T> = read.iter().collect();
        let mut right = 0;
        for one in truth {
            if let Some(place) = left.iter().position(|other| is_same(one, other)) {
                left.remove(place);
                right += 1;
            }
        }
        Self {
            right,
            missed: truth.len() - right,
            invented: left.len(),
        }
    }
}

impl AddAssign for Wrong {
    fn add_assign(&mut self, other: Self) {
        self.wrong += other.wrong;
        self.all += other.all;
    }
}

impl AddAssign for Detections {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.missed += other.missed;
        self.invented += other.invented;
    }
}

impl AddAssign for Misreadings {
    fn add_assign(&mut self, other: Self) {
        self.clips += other.clips;
        self.objects += other.objects;
        for (word, more) in self.words.iter_mut().zip(other.words) {
            *word += more;
        }
        self.moving += other.moving;
        self.seen += other.seen;
        self.unseen += other.unseen;
        self.crossings += other.crossings;
    }
}

impl Misreadings {
    /// What one clip's reading has wrong.
    ///
    /// # Shape
    /// - `states`: `[time, objects, TOKEN]` at the sampled frames, `stride` frames of the video apart, objects as in `truth`
    pub fn of_clip(
        parsed: &ParsedScene,
        output: &HeadOutput,
        (truth, states): (&EventTable, ArrayView3<'_, f32>),
        stride: usize,
    ) -> Self {
        let same = same_objects(parsed, output, states);
        let is_there = |object: usize| truth.is_visible(object, None);
        let there = (0..truth.objects.len()).filter(|object| is_there(*object));
        let there: Vec<usize> = there.collect();
        let found = same.iter().flatten().filter(|object| is_there(**object));
        let right = found.count();
        let mut all = Self {
            clips: 1,
            objects: Detections {
                right,
                missed: there.len() - right,
                invented: same.iter().filter(|object| object.is_none()).count(),
            },
            ..Self::default()
        };
        for (read, object) in same.iter().enumerate() {
            let Some(object) = *object else { continue };
            let [is, said] = [&truth.objects[object], &parsed.table.objects[read]];
            all.words[0].count(is.color != said.color);
            all.words[1].count(is.material != said.material);
            all.words[2].count(is.shape != said.shape);
            for frame in (0..truth.frames).step_by(stride.max(1)) {
                let is = truth.motion_at(object, frame);
                let said = parsed.table.motion_at(read, frame);
                if let (Some(is), Some(said)) = (is, said) {
                    all.moving.count(is.moving != said.moving);
                }
            }
        }
        let read = |events: &[Event], kinds: &[EventKind]| -> Vec<Event> {
            let of_kind = events.iter().filter(|event| kinds.contains(&event.kind));
            // What happens to an object that is not there is known by a number that no true one has.
            let own = |read: &usize| same[*read].unwrap_or(truth.objects.len() + read);
            let translated = of_kind.map(|event| {
                let objects: Vec<usize> = event.objects.iter().map(own).collect();
                Event::new(event.kind, &objects, event.frame)
            });
            translated.collect()
        };
        let is = |events: &[Event], kinds: &[EventKind]| -> Vec<Event> {
            let of_kind = events.iter().filter(|event| kinds.contains(&event.kind));
            of_kind.cloned().collect()
        };
        let collision = [EventKind::Collision];
        let crossing = [EventKind::In, EventKind::Out];
        let soon = |one: &Event, other: &Event| {
            let apart = one.frame.zip(other.frame);
            one.is_like(other) && apart.is_none_or(|(one, other)| one.abs_diff(other) <= SAME_TIME)
        };
        let (seen, said) = (&truth.seen, &parsed.table.seen);
        all.seen = Detections::of(&is(seen, &collision), &read(said, &collision), soon);
        all.crossings = Detections::of(&is(seen, &crossing), &read(said, &crossing), soon);
        let (unseen, said) = (&truth.unseen, &parsed.table.unseen);
        let [is, said] = [is(unseen, &collision), read(said, &collision)];
        all.unseen = Detections::of(&is, &said, Event::is_like);
        all
    }
}

impl std::fmt::Display for Misreadings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let found = |found: Detections| {
            let all = (found.right + found.invented).max(1) as f64;
            let invented = percent(found.invented as f64 / all);
            format!(
                "{} missed, {invented} of those read are none",
                percent(found.missed_share())
            )
        };
        let [color, material, shape] = self.words.map(|word| percent(word.share()));
        write!(
            out,
            "wrong words: colour {color}, material {material}, shape {shape}; moving or not {} wrong; objects: {}; \
             collisions in the clip: {}; behind its end: {}; entrances and exits: {}",
            percent(self.moving.share()),
            found(self.objects),
            found(self.seen),
            found(self.unseen),
            found(self.crossings)
        )
    }
}

/// By object that was read, the true one that is nearest to it while both are in view; each true one once.
fn same_objects(
    parsed: &ParsedScene,
    output: &HeadOutput,
    states: ArrayView3<'_, f32>,
) -> Vec<Option<usize>> {
    let (time, objects, _) = states.dim();
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (read, track) in parsed.tracks.iter().enumerate() {
        for object in 0..objects {
            let both = (0..time.min(track.len())).filter(|t| states[[*t, object, IN_VIEW]] > 0.0);
            let apart = both.filter_map(|t| {
                let [x, y] = output.position(t, track[t]?);
                let [u, v] = PLACE.map(|axis| states[[t, object, axis]]);
                Some((x - u).hypot(y - v))
            });
            let apart: Vec<f32> = apart.collect();
            let mean = apart.iter().sum::<f32>() / apart.len() as f32;
            if mean <= SAME_PLACE {
                pairs.push((mean, read, object));
            }
        }
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut same = vec![None; parsed.tracks.len()];
    for (_, read, object) in pairs {
        if same[read].is_none() && !same.contains(&Some(object)) {
            same[read] = Some(object);
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_paired_once() {
        let event = |frame| Event::new(EventKind::Collision, &[0, 1], Some(frame));
        let near = |one: &Event, other: &Event| {
            one.frame
                .zip(other.frame)
                .is_some_and(|(one, other)| one.abs_diff(other) < 5)
        };
        let truth = [event(10), event(50)];
        let found = Detections::of(&truth, &[event(12), event(13), event(90)], near);
        assert_eq!((found.right, found.missed, found.invented), (1, 1, 2));
        assert_eq!(found.missed_share(), 0.5);
    }
}
