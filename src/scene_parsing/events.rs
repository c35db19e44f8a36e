//! Collisions, entrances, exits and motion.

use std::collections::BTreeMap;

use slotflow_datasets::question::{Event, EventKind, Motion};

use super::head_output::{HeadOutput, ParseSettings};
use super::tracking::Track;
use crate::models::reasoner::object_event_head::pairs;

/// Sampled frames within which a pair collides once.
const MERGE: usize = 2;

/// Something that may happen.
#[derive(Debug, Clone, PartialEq)]
pub struct PossibleEvent {
    /// What happens then.
    pub event: Event,
    /// Logit that it happens, above the threshold.
    pub logit: f32,
}

impl HeadOutput {
    /// Collisions of objects that may be; of neighbouring steps the most probable counts.
    pub(super) fn possible_collisions(
        &self,
        tracks: &[Track],
        settings: ParseSettings,
    ) -> Vec<PossibleEvent> {
        let mut events = Vec::new();
        for (one, other) in pairs(tracks.len()) {
            let logits = self.pair_collisions(&tracks[one], &tracks[other]);
            let candidates = collision_candidates(&logits, settings).into_iter();
            events.extend(candidates.map(|(step, logit)| PossibleEvent {
                event: Event::new(
                    EventKind::Collision,
                    &[one, other],
                    Some(video_frame_of(step, settings)),
                ),
                logit,
            }));
        }
        events
    }

    /// Logits of a collision of two objects, step by step; least where one of them is not there.
    pub fn pair_collisions(&self, one: &Track, other: &Track) -> Vec<f32> {
        let at = |track: &Track, step: usize| track[step].or(track[step + 1]);
        (0..self.collisions.dim().0)
            .map(|step| match (at(one, step), at(other, step)) {
                (Some(one), Some(other)) if one != other => self.collision(step, one, other),
                _ => f32::NEG_INFINITY,
            })
            .collect()
    }

    /// How every object moves at every frame of the video: as at the nearest sampled frame.
    pub(super) fn motion(
        &self,
        tracks: &[Track],
        settings: ParseSettings,
    ) -> BTreeMap<usize, Vec<Option<Motion>>> {
        let last = settings.observed.saturating_sub(1);
        let one = |track: &Track, frame: usize| {
            let t = ((frame + settings.stride / 2) / settings.stride).min(last);
            let slot = track[t]?;
            let place = |t: usize| {
                let slot = track[t].unwrap_or(slot);
                self.position(t, slot).map(f64::from)
            };
            let (from, to) = (place(t.saturating_sub(1)), place((t + 1).min(last)));
            let span = (((t + 1).min(last) - t.saturating_sub(1)) * settings.stride).max(1) as f64;
            Some(Motion {
                velocity: [(to[0] - from[0]) / span, (to[1] - from[1]) / span],
                moving: self.is_moving(t, slot),
            })
        };
        (0..settings.video_frames)
            .map(|frame| {
                let row = tracks.iter().map(|track| one(track, frame));
                (frame, row.collect())
            })
            .collect()
    }
}

/// The video's frame that stands for what happens between a sampled frame and the next.
pub fn video_frame_of(step: usize, settings: ParseSettings) -> usize {
    step * settings.stride + settings.stride.div_ceil(2)
}

/// Steps at which a pair collides: above the threshold and the largest logit nearby.
pub fn collision_steps(logits: &[f32], settings: ParseSettings) -> Vec<usize> {
    let above = collision_candidates(logits, settings).into_iter();
    let above = above.filter(|(_, logit)| *logit > 0.0);
    above.map(|(step, _)| step).collect()
}

/// Steps at which a pair may collide, the largest logit nearby, each with its logit above the threshold.
pub fn collision_candidates(logits: &[f32], settings: ParseSettings) -> Vec<(usize, f32)> {
    let limit = |step: usize| {
        if step + 1 < settings.observed {
            settings.collision_threshold
        } else {
            settings.rolled_out_collision_threshold
        }
    };
    let is_peak = |step: &usize| {
        let mut about = step.saturating_sub(MERGE)..(step + MERGE + 1).min(logits.len());
        logits[*step].is_finite()
            && about.all(|other| {
                logits[other] < logits[*step] || other >= *step && logits[other] <= logits[*step]
            })
    };
    (0..logits.len())
        .filter(is_peak)
        .map(|step| (step, logits[step] - limit(step)))
        .collect()
}

/// Logit that an object enters or leaves where it was not seen to.
const UNSEEN_CROSSING: f32 = -6.0;

/// Entrances and exits that the tracks do not show: an object that was there from the first frame on may have entered just then,
/// and one that is there to the end may be about to leave.
pub(super) fn unseen_crossings(tracks: &[Track], settings: ParseSettings) -> Vec<PossibleEvent> {
    let mut events = Vec::new();
    for (object, track) in tracks.iter().enumerate() {
        let last = settings.observed.min(track.len()).saturating_sub(1);
        for (kind, t) in [(EventKind::In, 0), (EventKind::Out, last)] {
            if track.get(t).is_some_and(Option::is_some) {
                events.push(PossibleEvent {
                    event: Event::new(kind, &[object], Some(t * settings.stride)),
                    logit: UNSEEN_CROSSING,
                });
            }
        }
    }
    events
}

/// Entrances and exits.
pub(super) fn crossings(tracks: &[Track], settings: ParseSettings) -> Vec<Event> {
    let mut events = Vec::new();
    for (object, track) in tracks.iter().enumerate() {
        for t in 1..track.len() {
            let kind = match (track[t - 1], track[t]) {
                (None, Some(_)) => EventKind::In,
                (Some(_), None) => EventKind::Out,
                _ => continue,
            };
            events.push(Event::new(kind, &[object], Some(t * settings.stride)));
        }
    }
    events
}
