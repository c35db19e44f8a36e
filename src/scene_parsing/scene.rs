//! Objects and events of a clip together, as programs read them.

use slotflow_datasets::question::{Event, EventTable};

use super::appearance::Confidence;
use super::events::{PossibleEvent, crossings, unseen_crossings};
use super::head_output::{HeadOutput, ParseSettings};
use super::tracking::Track;
use crate::rng::SeededRng;

/// What is in a clip and what happens there: the most likely reading of a head's output, and how likely others are.
#[derive(Debug, Clone)]
pub struct ParsedScene {
    /// What programs run on.
    pub table: EventTable,
    /// By object and frame, the slot that holds it; behind the observed frames the last one that did.
    pub tracks: Vec<Track>,
    /// How probable each word for each object's appearance is.
    pub confidence: Vec<Confidence>,
    /// Collisions that may be, and entrances and exits that were not seen.
    pub possible: Vec<PossibleEvent>,
}

impl HeadOutput {
    /// The objects and events that the output speaks of.
    pub fn parse(&self, settings: ParseSettings) -> ParsedScene {
        let (confidence, tracks): (Vec<Confidence>, Vec<Track>) =
            self.tracked_objects(settings).into_iter().unzip();
        let appearance = confidence.iter().map(Confidence::most_likely).collect();
        let mut possible = self.possible_collisions(&tracks, settings);
        possible.extend(unseen_crossings(&tracks, settings));
        let likely = possible.iter().filter(|possible| possible.logit > 0.0);
        let mut events = crossings(&tracks, settings);
        events.extend(likely.map(|possible| possible.event.clone()));
        events.sort_by_key(|event| event.frame);
        let frames = settings.video_frames;
        let table = EventTable {
            motion: self.motion(&tracks, settings),
            ..EventTable::new(appearance, events, frames, frames.saturating_sub(1))
        };
        ParsedScene {
            table,
            tracks,
            confidence,
            possible,
        }
    }
}

impl ParsedScene {
    /// Another reading, drawn by the probabilities of words and events, whose logits are raised by `credit`. Objects and their ways
    /// are those of the most likely one.
    pub fn drawn(&self, settings: ParseSettings, credit: f32, rng: &mut SeededRng) -> EventTable {
        let appearance = self.confidence.iter().map(|words| words.drawn(rng));
        let appearance = appearance.collect();
        let mut events = crossings(&self.tracks, settings);
        events.extend(drawn_events(&self.possible, credit, rng));
        events.sort_by_key(|event| event.frame);
        let frames = settings.video_frames;
        EventTable {
            motion: self.table.motion.clone(),
            ..EventTable::new(appearance, events, frames, frames.saturating_sub(1))
        }
    }
}

/// The events that happen, drawn by their probabilities; `credit` is added to all logits.
pub fn drawn_events(possible: &[PossibleEvent], credit: f32, rng: &mut SeededRng) -> Vec<Event> {
    let happens = possible
        .iter()
        .filter(|possible| rng.uniform() < 1.0 / (1.0 + (-possible.logit - credit).exp()));
    happens.map(|possible| possible.event.clone()).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};
    use slotflow_datasets::question::EventKind;

    use super::*;
    use crate::models::reasoner::object_event_head::SAID;

    const SETTINGS: ParseSettings = ParseSettings {
        stride: 5,
        observed: 8,
        video_frames: 40,
        collision_threshold: 0.0,
        rolled_out_collision_threshold: 0.0,
    };

    /// Three slots over ten frames: a red cube, a blue sphere from frame 3 on, nothing.
    fn head_output() -> HeadOutput {
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
        let mut collisions = Array2::from_elem((9, 3), -5.0);
        collisions[[4, 0]] = 3.0;
        collisions[[5, 0]] = 2.0;
        collisions[[8, 0]] = 1.0;
        collisions[[6, 1]] = 9.0;
        HeadOutput {
            objects,
            collisions,
        }
    }

    #[test]
    fn objects_and_events_are_those_that_the_head_predicts() {
        let scene = head_output().parse(SETTINGS);
        let looks: Vec<_> = scene
            .table
            .objects
            .iter()
            .map(|o| o.color.as_str())
            .collect();
        assert_eq!(looks, ["red", "blue"]);
        let seen: Vec<_> = scene
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
        assert_eq!(scene.table.unseen.len(), 1);
        assert_eq!(scene.table.unseen[0].objects, [0, 1]);
    }

    #[test]
    fn readings_differ_as_often_as_the_head_is_unsure() {
        let mut output = head_output();
        output.collisions[[8, 0]] = 0.0;
        for t in 0..10 {
            // Of another colour as likely as red.
            output.objects[[t, 0, 2 + 4]] = 3.999;
        }
        let scene = output.parse(SETTINGS);
        let mut rng = SeededRng::new(1, &["readings"]);
        let (mut reds, mut late, mut unlikely) = (0, 0, 0);
        for _ in 0..1000 {
            let table = scene.drawn(SETTINGS, 0.0, &mut rng);
            reds += usize::from(table.objects[0].color == "red");
            late += table.unseen.len();
            let seen = table
                .seen
                .iter()
                .filter(|event| event.kind == EventKind::Collision);
            unlikely += usize::from(seen.count() != 1 || table.objects[1].color != "blue");
        }
        assert!((400..600).contains(&reds), "{reds}");
        assert!((400..600).contains(&late), "{late}");
        assert!((1..200).contains(&unlikely), "{unlikely}");
    }

    #[test]
    fn what_is_hidden_for_a_moment_has_not_left() {
        let mut output = head_output();
        for t in 5..7 {
            output.objects[[t, 0, 0]] = -4.0;
        }
        let scene = output.parse(SETTINGS);
        let crossed = scene.table.seen.iter().filter(|event| event.involves(0));
        assert!(
            crossed
                .filter(|event| event.kind != EventKind::Collision)
                .count()
                == 0
        );
        assert!(scene.tracks[0][..8].iter().all(Option::is_some));
    }
}
