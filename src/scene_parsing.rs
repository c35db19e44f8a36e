//! What a head says of slots → what is in a clip and what happens there, as programs read it.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3};
use slotflow_datasets::question::events::{COLORS, MATERIALS, SHAPES};
use slotflow_datasets::question::{Attributes, Event, EventKind, EventTable, Motion};

use crate::models::reasoner::object_event_head::pairs;

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

/// Words for an object's looks: colours, materials, shapes.
const LOOKS: usize = COLORS.len() + MATERIALS.len() + SHAPES.len();
/// Units of length within which two slots hold one object.
const SAME_PLACE: f32 = 0.4;

/// How sure an object's looks are: the logarithm of each word's probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Sureness([f32; LOOKS]);

impl Sureness {
    fn of(mut logits: [f32; LOOKS]) -> Self {
        for (first, last) in GROUPS {
            let group = &mut logits[first..last];
            let most = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let all = group
                .iter()
                .map(|logit| (logit - most).exp())
                .sum::<f32>()
                .ln()
                + most;
            for logit in group.iter_mut() {
                *logit -= all;
            }
        }
        Self(logits)
    }

    /// The most likely words.
    fn most_likely(&self) -> Attributes {
        let word =
            |(first, last): (usize, usize)| WORDS[first + best(&self.0[first..last])].to_owned();
        Attributes {
            color: word(GROUPS[0]),
            material: word(GROUPS[1]),
            shape: word(GROUPS[2]),
        }
    }

    /// How sure a word is of the object, as a logarithm; certain for what is no word for looks.
    pub fn of_word(&self, word: &str) -> f32 {
        WORDS
            .iter()
            .position(|known| *known == word)
            .map_or(0.0, |place| self.0[place])
    }

    /// The likeliest word that says the same kind of thing as a word and something else.
    pub fn instead_of(&self, word: &str) -> Option<&'static str> {
        let place = WORDS.iter().position(|known| *known == word)?;
        let (first, last) = GROUPS
            .into_iter()
            .find(|(first, last)| (*first..*last).contains(&place))?;
        let others = (first..last).filter(|other| *other != place);
        let likeliest = others.max_by(|a, b| self.0[*a].total_cmp(&self.0[*b]))?;
        Some(WORDS[likeliest])
    }
}

/// Where colours, materials and shapes stand among [`WORDS`].
const GROUPS: [(usize, usize); 3] = [(0, 8), (8, 10), (10, 13)];
/// All words for looks, in the order in which a head says them.
const WORDS: [&str; LOOKS] = {
    let mut words = [""; LOOKS];
    let mut place = 0;
    while place < LOOKS {
        words[place] = if place < 8 {
            COLORS[place]
        } else if place < 10 {
            MATERIALS[place - 8]
        } else {
            SHAPES[place - 10]
        };
        place += 1;
    }
    words
};

/// The place of the largest number.
fn best(of: &[f32]) -> usize {
    (0..of.len())
        .max_by(|a, b| of[*a].total_cmp(&of[*b]))
        .unwrap_or(0)
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
    /// How sure each object's looks are.
    pub sure: Vec<Sureness>,
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
        let (sure, tracks): (Vec<Sureness>, Vec<Track>) = self.objects(scale).into_iter().unzip();
        let looks = sure.iter().map(Sureness::most_likely).collect();
        let mut happens = crossings(&tracks, scale);
        happens.extend(self.collisions(&tracks, scale));
        happens.sort_by_key(|event| event.frame);
        let table = EventTable {
            motion: self.motion(&tracks, scale),
            ..EventTable::new(looks, happens, scale.film, scale.film.saturating_sub(1))
        };
        Found {
            table,
            tracks,
            sure,
        }
    }

    /// The objects and the slots that hold them. A slot's run of frames goes on with an object of its colour that no
    /// slot holds meanwhile, or that stands where the run does; else it is another object.
    fn objects(&self, scale: Scale) -> Vec<(Sureness, Track)> {
        let (time, slots, _) = self.objects.dim();
        let observed = scale.observed.min(time);
        let mut runs: Vec<(usize, Vec<usize>)> = (0..slots)
            .flat_map(|slot| {
                self.runs(slot, observed)
                    .into_iter()
                    .map(move |run| (slot, run))
            })
            .collect();
        // The longest first: what is sure takes up what is not.
        runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.len()));
        let mut found: Vec<([f32; LOOKS], Track)> = Vec::new();
        for (slot, run) in runs {
            let said = self.sum(slot, &run);
            let same = |(sum, track): &([f32; LOOKS], Track)| {
                best(&sum[..8]) == best(&said[..8]) && self.goes_on(track, slot, &run)
            };
            let place = found.iter().position(same).unwrap_or_else(|| {
                found.push(([0.0; LOOKS], vec![None; time]));
                found.len() - 1
            });
            let (sum, track) = &mut found[place];
            for (all, more) in sum.iter_mut().zip(said) {
                *all += more;
            }
            for t in run {
                let better = track[t]
                    .is_none_or(|other| self.objects[[t, slot, 0]] > self.objects[[t, other, 0]]);
                if better {
                    track[t] = Some(slot);
                }
            }
        }
        found.retain(|(_, track)| track.iter().flatten().count() >= LEAST_SEEN);
        found.sort_by_key(|(_, track)| track.iter().position(Option::is_some));
        let mut objects = Vec::new();
        for (sum, mut track) in found {
            let count = track.iter().flatten().count().max(1) as f32;
            bridge(&mut track[..observed]);
            // Behind the film a slot keeps what it held at its end, as long as it is said to be in view.
            if let Some(Some(slot)) = track.get(observed.wrapping_sub(1)).copied() {
                for (t, at) in track.iter_mut().enumerate().skip(observed) {
                    *at = (self.objects[[t, slot, 0]] > 0.0).then_some(slot);
                }
            }
            objects.push((Sureness::of(sum.map(|logit| logit / count)), track));
        }
        objects
    }

    /// Whether a run of a slot may be of an object that was found: they never meet, or only in one place.
    fn goes_on(&self, track: &Track, slot: usize, run: &[usize]) -> bool {
        let place = |t: usize, slot: usize| [15, 16].map(|axis| self.objects[[t, slot, axis]]);
        let apart: Vec<f32> = run
            .iter()
            .filter_map(|t| {
                let ([x, y], [u, v]) = (place(*t, slot), place(*t, track[*t]?));
                Some((x - u).hypot(y - v))
            })
            .collect();
        apart.iter().sum::<f32>() <= SAME_PLACE * apart.len() as f32
    }

    /// Sums over some frames of the logits of a slot's looks.
    fn sum(&self, slot: usize, run: &[usize]) -> [f32; LOOKS] {
        std::array::from_fn(|word| run.iter().map(|t| self.objects[[*t, slot, 2 + word]]).sum())
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
        let before = self.sum(slot, &[t - 2, t - 1]);
        let behind = self.sum(slot, &[t, t + 1]);
        best(&before[..8]) != best(&behind[..8])
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
    use crate::models::reasoner::object_event_head::SAID;

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
