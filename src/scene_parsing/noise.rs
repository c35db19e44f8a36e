//! True events with as many errors as a head makes: what a reasoner loses on these is explained by such errors alone.

use slotflow_datasets::question::events::{COLORS, MATERIALS, SHAPES};
use slotflow_datasets::question::{Attributes, Event, EventKind, EventTable, Motion};

use super::misreadings::Misreadings;
use crate::rng::SeededRng;

impl Misreadings {
    /// True events with as many errors, drawn anew.
    ///
    /// An object that is missed is never in view and takes part in nothing; none are invented. Collisions without an object are those of the same
    /// course as far as they are known, else as uncertain as those behind the clip's end.
    pub fn blurred(&self, truth: &EventTable, rng: &mut SeededRng) -> EventTable {
        let mut draw = |share: f64| f64::from(rng.uniform()) < share;
        let missed = truth
            .objects
            .iter()
            .map(|_| draw(self.objects.missed_share()));
        let missed: Vec<bool> = missed.collect();
        let mut kept = |event: &Event| {
            let share = match (event.kind, event.frame) {
                (EventKind::Start | EventKind::End, _) => return true,
                (EventKind::In | EventKind::Out, _) => self.crossings.missed_share(),
                (_, Some(frame)) if frame < truth.frames => self.seen.missed_share(),
                _ => self.unseen.missed_share(),
            };
            // Drawn for every event, so that others do not depend on it.
            let is_lost = draw(share);
            !is_lost && !event.objects.iter().any(|object| missed[*object])
        };
        let [seen, unseen] = [&truth.seen, &truth.unseen]
            .map(|events| events.iter().filter(|event| kept(event)).cloned().collect());
        let mut table = EventTable {
            seen,
            unseen,
            ..truth.clone()
        };
        let happened = [&truth.seen, &truth.unseen];
        for events in table.without.values_mut() {
            let is_known = |event: &Event| happened.iter().any(|events| events.contains(event));
            events.retain(|event| {
                if is_known(event) {
                    table.seen.contains(event) || table.unseen.contains(event)
                } else {
                    !event.objects.iter().any(|object| missed[*object])
                        && f64::from(rng.uniform()) >= self.unseen.missed_share()
                }
            });
        }
        self.misname(&mut table, &missed, rng);
        self.invent(&mut table, rng);
        table
    }

    /// Takes words for others and moving for resting, and hides what is missed.
    fn misname(&self, table: &mut EventTable, missed: &[bool], rng: &mut SeededRng) {
        for object in &mut table.objects {
            let Attributes {
                color,
                material,
                shape,
            } = object;
            let words: [(&mut String, &[&str]); 3] =
                [(color, &COLORS), (material, &MATERIALS), (shape, &SHAPES)];
            for ((word, all), wrong) in words.into_iter().zip(self.words) {
                if f64::from(rng.uniform()) < wrong.share() {
                    let others: Vec<&&str> = all.iter().filter(|other| *other != word).collect();
                    *word = (*others[rng.below(others.len())]).to_owned();
                }
            }
        }
        let wrong = self.moving.share();
        for (object, motion) in table
            .motion
            .values_mut()
            .flat_map(|row| row.iter_mut().enumerate())
        {
            if missed[object] {
                *motion = None;
            }
            if let Some(Motion { moving, .. }) = motion {
                *moving ^= f64::from(rng.uniform()) < wrong;
            }
        }
    }

    /// Adds events that are not there, as many a clip as the head has.
    fn invent(&self, table: &mut EventTable, rng: &mut SeededRng) {
        let objects = table.objects.len();
        let frames = table.frames;
        if objects < 2 || frames < 3 {
            return;
        }
        let behind = |rng: &mut SeededRng| frames + rng.below(frames);
        for _ in 0..self.many(self.seen.invented, rng) {
            let frame = 1 + rng.below(frames - 2);
            table.seen.push(collision(objects, frame, rng));
        }
        for _ in 0..self.many(self.crossings.invented, rng) {
            let kind = [EventKind::In, EventKind::Out][rng.below(2)];
            let (object, frame) = (rng.below(objects), 1 + rng.below(frames - 2));
            table.seen.push(Event::new(kind, &[object], Some(frame)));
        }
        for _ in 0..self.many(self.unseen.invented, rng) {
            let frame = behind(rng);
            table.unseen.push(collision(objects, frame, rng));
        }
        for (removed, events) in &mut table.without {
            for _ in 0..self.many(self.unseen.invented, rng) {
                let frame = behind(rng);
                let event = collision(objects, frame, rng);
                if !event.involves(*removed) {
                    events.push(event);
                }
            }
            events.sort_by_key(|event| event.frame);
        }
        table.seen.sort_by_key(|event| event.frame);
        table.unseen.sort_by_key(|event| event.frame);
    }

    /// How many of what is invented, in all clips, are invented in one; on average exactly.
    fn many(&self, invented: usize, rng: &mut SeededRng) -> usize {
        let mean = invented as f64 / self.clips.max(1) as f64;
        mean as usize + usize::from(f64::from(rng.uniform()) < mean.fract())
    }
}

/// A collision of two objects.
fn collision(objects: usize, frame: usize, rng: &mut SeededRng) -> Event {
    let one = rng.below(objects);
    let other = (one + 1 + rng.below(objects - 1)) % objects;
    Event::new(EventKind::Collision, &[one, other], Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene_parsing::misreadings::{Detections, Wrong};

    fn table() -> EventTable {
        let looks = |color: &str| Attributes::new(color, "metal", "cube").unwrap();
        let event = |kind, objects: &[usize], frame| Event::new(kind, objects, Some(frame));
        let events = vec![
            event(EventKind::In, &[2], 10),
            event(EventKind::Collision, &[0, 1], 30),
            event(EventKind::Collision, &[1, 2], 120),
        ];
        let mut table =
            EventTable::new(["red", "blue", "gray"].map(looks).to_vec(), events, 100, 99);
        let motion = |moving| Motion {
            velocity: [0.0; 2],
            moving,
        };
        for frame in 0..100 {
            let late = (frame >= 10).then(|| motion(true));
            table
                .motion
                .insert(frame, vec![Some(motion(false)), Some(motion(true)), late]);
        }
        let before = event(EventKind::Collision, &[0, 1], 30);
        table
            .without
            .insert(2, vec![before, event(EventKind::Collision, &[0, 1], 130)]);
        table
    }

    #[test]
    fn without_errors_the_truth_stays() {
        let truth = table();
        let none = Misreadings {
            clips: 10,
            ..Misreadings::default()
        };
        let mut rng = SeededRng::new(1, &["test"]);
        assert_eq!(none.blurred(&truth, &mut rng), truth);
    }

    #[test]
    fn errors_are_as_many_as_were_counted() {
        let truth = table();
        let found = |right, missed, invented| Detections {
            right,
            missed,
            invented,
        };
        let rates = Misreadings {
            clips: 100,
            words: [
                Wrong {
                    wrong: 10,
                    all: 100,
                },
                Wrong::default(),
                Wrong {
                    wrong: 50,
                    all: 100,
                },
            ],
            moving: Wrong { wrong: 1, all: 4 },
            seen: found(60, 40, 30),
            unseen: found(50, 50, 0),
            ..Misreadings::default()
        };
        let mut rng = SeededRng::new(1, &["test"]);
        let (mut colors, mut shapes, mut still, mut kept, mut more, mut later) = (0, 0, 0, 0, 0, 0);
        for _ in 0..1000 {
            let blurred = rates.blurred(&truth, &mut rng);
            colors += usize::from(blurred.objects[0].color != "red");
            shapes += usize::from(blurred.objects[1].shape != "cube");
            assert!(
                blurred
                    .objects
                    .iter()
                    .all(|object| object.material == "metal")
            );
            still += usize::from(!blurred.is_moving(1, Some(50)));
            let collisions = blurred.seen.iter();
            let collisions = collisions.filter(|event| event.kind == EventKind::Collision);
            let true_one = |event: &&Event| truth.seen.contains(event);
            kept += collisions.clone().filter(true_one).count();
            more += collisions.filter(|event| !true_one(event)).count();
            later += blurred.unseen.len();
            // What is known of the course without an object is what is known of the clip.
            let known = blurred.without[&2]
                .iter()
                .filter(|event| event.frame == Some(30));
            let is_kept = blurred
                .seen
                .iter()
                .any(|event| truth.without[&2][0] == *event);
            assert_eq!(known.count() == 1, is_kept);
        }
        let about = |count: usize, share: f64| (count as f64 / 1000.0 - share).abs() < 0.05;
        assert!(about(colors, 0.1) && about(shapes, 0.5) && about(still, 0.25));
        assert!(
            about(kept, 0.6) && about(more, 0.3) && about(later, 0.5),
            "{kept} {more} {later}"
        );
    }

    #[test]
    fn what_is_missed_takes_part_in_nothing() {
        let rates = Misreadings {
            clips: 1,
            objects: Detections {
                missed: 1,
                ..Detections::default()
            },
            ..Misreadings::default()
        };
        let blurred = rates.blurred(&table(), &mut SeededRng::new(1, &["test"]));
        assert_eq!(
            (blurred.seen.len(), blurred.unseen.len()),
            (2, 0),
            "start and end"
        );
        assert!(blurred.without[&2].is_empty() && !blurred.is_visible(1, None));
    }
}
