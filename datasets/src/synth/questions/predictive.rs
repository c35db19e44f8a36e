//! Predictive questions: events after the clip's end.

use crate::question::{Event, EventKind, EventTable, Question, QuestionKind};
use crate::synth::questions::choices::{choose, judged, multiple_choice};
use crate::synth::questions::phrase::{self, Phrase};
use crate::synth::questions::rng::QuestionRng;

/// Frames after the clip in which the event that is asked for begins: as far as slots are rolled out.
const HORIZON: usize = 32;

const WORDS: [&str; 4] = [
    "What will happen next?",
    "Which event will happen next?",
    "What is the next event that will happen?",
    "Which of the following will happen next?",
];

/// Up to `count` questions, each about another collision, with two statements of which one is right.
pub fn questions(rng: &mut QuestionRng, table: &EventTable, count: usize) -> Vec<Question> {
    let pairs: Vec<Event> = crate::synth::questions::counterfactual::pairs(table, None);
    let soon = |pair: &&Event| {
        let until = table.frames + HORIZON;
        table
            .unseen
            .iter()
            .any(|event| event.is_like(pair) && event.frame.is_some_and(|frame| frame < until))
    };
    let never = |pair: &&Event| !table.unseen.iter().any(|event| event.is_like(pair));
    let mut right: Vec<&Event> = pairs.iter().filter(soon).collect();
    rng.shuffle(&mut right);
    let mut asked = Vec::new();
    for event in right.into_iter().take(count) {
        let mut wrong: Vec<&Event> = pairs
            .iter()
            .filter(never)
            .filter(|pair| plausible(table, pair))
            .collect();
        rng.shuffle(&mut wrong);
        let question = Phrase::new(WORDS[rng.below(WORDS.len())], "unseen_events belong_to");
        let chosen = [Some(&event), wrong.first()].into_iter().flatten();
        let phrases = chosen
            .filter_map(|pair| phrase::collision_sentence(rng, table, pair))
            .collect();
        let statements = judged(table, &question, phrases);
        let chosen = choose(rng, statements, 2, 1);
        if chosen.len() == 2 {
            asked.push(multiple_choice(QuestionKind::Predictive, question, chosen));
        }
    }
    asked
}

/// Whether the clip's end leaves the collision possible: both objects are in view, or one is yet to come.
fn plausible(table: &EventTable, pair: &Event) -> bool {
    let last = table.frames.saturating_sub(1);
    pair.kind == EventKind::Collision
        && pair
            .objects
            .iter()
            .all(|object| table.is_visible(*object, Some(last)))
}
