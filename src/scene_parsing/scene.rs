//! Objects and events of a clip together, as programs read them.

use slotflow_datasets::question::EventTable;

use super::appearance::Confidence;
use super::events::crossings;
use super::head_output::{HeadOutput, ParseSettings};
use super::tracking::Track;

/// What is in a clip and what happens there.
#[derive(Debug, Clone)]
pub struct ParsedScene {
    /// What programs run on.
    pub table: EventTable,
    /// By object and frame, the slot that holds it; behind the observed frames the last one that did.
    pub tracks: Vec<Track>,
    /// How probable each word for each object's appearance is.
    pub confidence: Vec<Confidence>,
}

impl HeadOutput {
    /// The objects and events that the output speaks of.
    pub fn parse(&self, settings: ParseSettings) -> ParsedScene {
        let (confidence, tracks): (Vec<Confidence>, Vec<Track>) =
            self.tracked_objects(settings).into_iter().unzip();
        let appearance = confidence.iter().map(Confidence::most_likely).collect();
        let mut events = crossings(&tracks, settings);
        events.extend(self.collision_events(&tracks, settings));
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
        }
    }
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
