//! What a head says of slots → what is in a clip and what happens there, as programs read it.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3};
use slotflow_datasets::question::events::{COLORS, MATERIALS, SHAPES};
use slotflow_datasets::question::{Attributes, Event, EventKind, EventTable, Motion};

use crate::models::reasoner::sight::pairs;

/// What a head says of one clip's slots.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Logits and places of every slot, `[time, slots, SAID]`.
    pub objects: Array3<f32>,
    /// Logits of a collision between a frame and the next, `[time − 1, pairs]`.
    pub touches: Array2<f32>,
}

/// How a reading is taken.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Frames of the film from one sampled frame to the next.
    pub stride: usize,
    /// Sampled frames that were observed; those behind are imagined.
    pub observed: usize,
    /// Frames of the film.
    pub film: usize,
    /// Logit above which perceived slots collide.
    pub touch: f32,
    /// Logit above which imagined slots collide.
    pub imagined_touch: f32,
}

/// An object that was found, by frame: the slot that holds it.
type Track = Vec<Option<usize>>;

/// What was found in a clip.
#[derive(Debug, Clone)]
pub struct Found {
    /// What programs run on.
    pub table: EventTable,
    /// By object and frame, the slot that holds it; behind the observed frames the last one that did.
    pub tracks: Vec<Track>,
}

/// Frames that an object may be hidden for without having left.
const HIDDEN: usize = 3;
/// Frames that an object must be seen at.
const LEAST_SEEN: usize = 2;
/// Sampled frames within which a pair collides once.
const MERGE: usize = 2;

impl Reading {
    /// What is there and what happens.
    pub fn found(&self, scale: Scale) -> Found {
        let (looks, tracks) = self.objects(scale);
        let mut happens = crossings(&tracks, scale);
        happens.extend(self.collisions(&tracks, scale));
        happens.sort_by_key(|event| event.frame);
        let table = EventTable {
            motion: self.motion(&tracks, scale),
            ..EventTable::new(looks, happens, scale.film, scale.film.saturating_sub(1))
        };
        Found { table, tracks }
    }

    /// The objects and the slots that hold them. No two look the same: what looks alike is one.
    fn objects(&self, scale: Scale) -> (Vec<Attributes>, Vec<Track>) {
        let (time, slots, _) = self.objects.dim();
        let mut by_looks: BTreeMap<[usize; 3], Vec<(usize, usize)>> = BTreeMap::new();
        for slot in 0..slots {
            for run in self.runs(slot, scale.observed.min(time)) {
                let looks = self.looks(slot, &run);
                let places = by_looks.entry(looks).or_default();
                places.extend(run.into_iter().map(|t| (t, slot)));
            }
        }
        let mut found: Vec<([usize; 3], Track)> = Vec::new();
        for (looks, places) in by_looks {
            let mut track: Track = vec![None; time];
            for (t, slot) in places {
                let better = track[t]
                    .is_none_or(|other| self.objects[[t, slot, 0]] > self.objects[[t, other, 0]]);
                if better {
                    track[t] = Some(slot);
                }
            }
            if track.iter().flatten().count() >= LEAST_SEEN {
                bridge(&mut track[..scale.observed.min(time)]);
                found.push((looks, track));
            }
        }
        found.sort_by_key(|(_, track)| track.iter().position(Option::is_some));
        for (_, track) in &mut found {
            let last = scale.observed.min(time);
            // Behind the film a slot keeps what it held at its end, as long as it is said to be in view.
            if let Some(Some(slot)) = track.get(last.wrapping_sub(1)).copied() {
                for (t, at) in track.iter_mut().enumerate().skip(last) {
                    *at = (self.objects[[t, slot, 0]] > 0.0).then_some(slot);
                }
            }
        }
        let words = |looks: [usize; 3]| Attributes {
            color: COLORS[looks[0]].to_owned(),
            material: MATERIALS[looks[1]].to_owned(),
            shape: SHAPES[looks[2]].to_owned(),
        };
        found
            .into_iter()
            .map(|(looks, track)| (words(looks), track))
            .unzip()
    }

    /// The runs of frames at which a slot holds something in view, short gaps and single frames smoothed away.
    fn runs(&self, slot: usize, observed: usize) -> Vec<Vec<usize>> {
        let raw: Vec<bool> = (0..observed)
            .map(|t| self.objects[[t, slot, 0]] > 0.0)
            .collect();
        let smooth = |t: usize| {
            let about = t.saturating_sub(1)..(t + 2).min(observed);
            2 * raw[about.clone()].iter().filter(|seen| **seen).count() > about.len()
                || (raw[t] && (t == 0 || t + 1 == observed))
        };
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for t in (0..observed).filter(|t| smooth(*t)) {
            match runs.last_mut() {
                Some(run) if run.last() == Some(&(t - 1)) && !self.changes(slot, t, observed) => {
                    run.push(t);
                }
                _ => runs.push(vec![t]),
            }
        }
        runs
    }

    /// Whether a slot holds another object from a frame on: its three looks before and behind differ in colour.
    fn changes(&self, slot: usize, t: usize, observed: usize) -> bool {
        if t < 2 || t + 2 > observed {
            return false;
        }
        let before = self.looks(slot, &[t - 2, t - 1]);
        let behind = self.looks(slot, &[t, t + 1]);
        before[0] != behind[0]
    }

    /// The most likely colour, material and shape of a slot over some frames.
    fn looks(&self, slot: usize, run: &[usize]) -> [usize; 3] {
        let best = |first: usize, width: usize| {
            let sum = |word: usize| -> f32 {
                run.iter()
                    .map(|t| self.objects[[*t, slot, first + word]])
                    .sum()
            };
            (0..width)
                .max_by(|a, b| sum(*a).total_cmp(&sum(*b)))
                .unwrap_or(0)
        };
        [best(2, 8), best(10, 2), best(12, 3)]
    }

    /// Collisions of objects; of neighbouring steps the surest counts.
    fn collisions(&self, tracks: &[Track], scale: Scale) -> Vec<Event> {
        let mut events = Vec::new();
        for (one, other) in pairs(tracks.len()) {
            let said = self.pair(&tracks[one], &tracks[other]);
            events.extend(peaks(&said, scale).into_iter().map(|step| {
                Event::new(
                    EventKind::Collision,
                    &[one, other],
                    Some(frame_of(step, scale)),
                )
            }));
        }
        events
    }

    /// Logits of a collision of two objects, step by step; least where one of them is not there.
    pub fn pair(&self, one: &Track, other: &Track) -> Vec<f32> {
        let slots = self.objects.dim().1;
        let place = |a: usize, b: usize| {
            let (low, high) = (a.min(b), a.max(b));
            // Pairs stand in order of their first slot.
            low * (2 * slots - low - 1) / 2 + (high - low - 1)
        };
        let at = |track: &Track, step: usize| track[step].or(track[step + 1]);
        (0..self.touches.dim().0)
            .map(|step| match (at(one, step), at(other, step)) {
                (Some(one), Some(other)) if one != other => self.touches[[step, place(one, other)]],
                _ => f32::NEG_INFINITY,
            })
            .collect()
    }

    /// How every object moves at every frame of the film: as at the nearest sampled frame.
    fn motion(&self, tracks: &[Track], scale: Scale) -> BTreeMap<usize, Vec<Option<Motion>>> {
        let last = scale.observed.saturating_sub(1);
        let one = |track: &Track, frame: usize| {
            let t = ((frame + scale.stride / 2) / scale.stride).min(last);
            let slot = track[t]?;
            let place = |t: usize| {
                let slot = track[t].unwrap_or(slot);
                [15, 16].map(|axis| f64::from(self.objects[[t, slot, axis]]))
            };
            let (from, to) = (place(t.saturating_sub(1)), place((t + 1).min(last)));
            let span = (((t + 1).min(last) - t.saturating_sub(1)) * scale.stride).max(1) as f64;
            Some(Motion {
                velocity: [(to[0] - from[0]) / span, (to[1] - from[1]) / span],
                moving: self.objects[[t, slot, 1]] > 0.0,
            })
        };
        (0..scale.film)
            .map(|frame| {
                let row = tracks.iter().map(|track| one(track, frame));
                (frame, row.collect())
            })
            .collect()
    }
}

/// The film's frame that stands for what happens between a sampled frame and the next.
pub fn frame_of(step: usize, scale: Scale) -> usize {
    step * scale.stride + scale.stride.div_ceil(2)
}

/// Steps at which a pair collides: above the threshold and the surest nearby.
pub fn peaks(said: &[f32], scale: Scale) -> Vec<usize> {
    let limit = |step: usize| {
        if step + 1 < scale.observed {
            scale.touch
        } else {
            scale.imagined_touch
        }
    };
    let is_peak = |step: &usize| {
        let about = step.saturating_sub(MERGE)..(step + MERGE + 1).min(said.len());
        said[*step] > limit(*step)
            && about.clone().all(|other| {
                said[other] < said[*step] || other >= *step && said[other] <= said[*step]
            })
    };
    (0..said.len()).filter(is_peak).collect()
}

/// Fills short gaps: what is hidden for a moment has not left.
fn bridge(track: &mut [Option<usize>]) {
    let seen: Vec<usize> = (0..track.len()).filter(|t| track[*t].is_some()).collect();
    for pair in seen.windows(2) {
        if pair[1] - pair[0] <= HIDDEN + 1 {
            let held = track[pair[0]];
            track[pair[0] + 1..pair[1]].fill(held);
        }
    }
}

/// Entrances and exits.
fn crossings(tracks: &[Track], scale: Scale) -> Vec<Event> {
    let mut events = Vec::new();
    for (object, track) in tracks.iter().enumerate() {
        for t in 1..track.len() {
            let kind = match (track[t - 1], track[t]) {
                (None, Some(_)) => EventKind::In,
                (Some(_), None) => EventKind::Out,
                _ => continue,
            };
            events.push(Event::new(kind, &[object], Some(t * scale.stride)));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::reasoner::sight::SAID;

    const SCALE: Scale = Scale {
        stride: 5,
        observed: 8,
        film: 40,
        touch: 0.0,
        imagined_touch: 0.0,
    };

    /// Three slots over ten frames: a red cube, a blue sphere from frame 3 on, nothing.
    fn reading() -> Reading {
        let mut objects = Array3::from_elem((10, 3, SAID), -4.0);
        for t in 0..10 {
            for (slot, color, shape, from) in [(0, 1, 2, 0), (1, 2, 0, 3)] {
                if t >= from {
                    objects[[t, slot, 0]] = 4.0;
                    objects[[t, slot, 2 + color]] = 4.0;
                    objects[[t, slot, 10]] = 4.0;
                    objects[[t, slot, 12 + shape]] = 4.0;
                }
            }
        }
        let mut touches = Array2::from_elem((9, 3), -5.0);
        touches[[4, 0]] = 3.0;
        touches[[5, 0]] = 2.0;
        touches[[8, 0]] = 1.0;
        touches[[6, 1]] = 9.0;
        Reading { objects, touches }
    }

    #[test]
    fn objects_and_events_are_those_that_the_head_says() {
        let found = reading().found(SCALE);
        let looks: Vec<_> = found
            .table
            .objects
            .iter()
            .map(|o| o.color.as_str())
            .collect();
        assert_eq!(looks, ["red", "blue"]);
        let seen: Vec<_> = found
            .table
            .seen
            .iter()
            .map(|event| (event.kind, event.frame.unwrap()))
            .collect();
        let expected = [
            (EventKind::Start, 0),
            (EventKind::In, 15),
            (EventKind::Collision, 23),
            (EventKind::End, 39),
        ];
        assert_eq!(
            seen, expected,
            "one collision of two neighbouring steps, none with nothing"
        );
        assert_eq!(found.table.unseen.len(), 1);
        assert_eq!(found.table.unseen[0].objects, [0, 1]);
    }

    #[test]
    fn what_is_hidden_for_a_moment_has_not_left() {
        let mut reading = reading();
        for t in 5..7 {
            reading.objects[[t, 0, 0]] = -4.0;
        }
        let found = reading.found(SCALE);
        let crossed = found.table.seen.iter().filter(|event| event.involves(0));
        assert!(
            crossed
                .filter(|event| event.kind != EventKind::Collision)
                .count()
                == 0
        );
        assert!(found.tracks[0][..8].iter().all(Option::is_some));
    }
}
