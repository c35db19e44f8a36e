//! Counterfactual questions: events without an object.

use crate::question::{Event, EventKind, EventTable, Question, QuestionKind};
use crate::synth::questions::choices::{choose, judged, multiple_choice};
use crate::synth::questions::phrase::{self, Phrase};
use crate::synth::questions::rng::QuestionRng;

/// How often 1, 2 and 3 of the statements are right in CLEVRER's training questions.
const RIGHT: [usize; 3] = [7947, 6406, 4120];

/// How often a question has 2, 3 and 4 statements, about as in CLEVRER.
const CHOICES: [usize; 3] = [1, 4, 4];

/// Up to `count` questions, each without another object; objects whose absence changes something come first.
pub fn questions(rng: &mut QuestionRng, table: &EventTable, count: usize) -> Vec<Question> {
    let mut objects: Vec<usize> = table.without.keys().copied().collect();
    rng.shuffle(&mut objects);
    objects.sort_by_key(|object| !matters(table, *object));
    let mut asked = Vec::new();
    for object in objects {
        if asked.len() == count {
            break;
        }
        asked.extend(question(rng, table, object));
    }
    asked
}

/// A question about the clip without an object; `None` where nothing would happen or too few others are there.
fn question(rng: &mut QuestionRng, table: &EventTable, gone: usize) -> Option<Question> {
    let named = phrase::object(rng, table, gone);
    let negative = rng.below(3) == 0;
    let negate = if negative { " negate" } else { "" };
    let asked = Phrase::new(
        words(rng, &named.words, if negative { "not " } else { "" }),
        &format!(
            "all_events {} get_counterfact belong_to{negate}",
            named.tokens()
        ),
    );
    let mut pairs = pairs(table, Some(gone));
    rng.shuffle(&mut pairs);
    // Collisions that happen with or without the object are worth asking for; others only fill up.
    pairs.sort_by_key(|pair| !happens(table, pair) && !happens_without(table, gone, pair));
    let phrases: Vec<Phrase> = pairs
        .iter()
        .filter_map(|pair| phrase::collision_sentence(rng, table, pair))
        .collect();
    let statements = judged(table, &asked, phrases);
    if !statements.iter().any(|one| one.correct) {
        return None;
    }
    let count = 2 + rng.weighted(&CHOICES);
    let right = 1 + rng.weighted(&RIGHT);
    let chosen = choose(rng, statements, count, right);
    (chosen.len() >= 2).then(|| multiple_choice(QuestionKind::Counterfactual, asked, chosen))
}

/// The question in words; `not` is "not " or nothing.
fn words(rng: &mut QuestionRng, gone: &str, not: &str) -> String {
    let what = rng
        .pick(&["What", "Which event", "Which of the following"])
        .unwrap_or("What");
    let lower = what.to_lowercase();
    match rng.below(4) {
        0 => format!("{what} will {not}happen if the {gone} is removed?"),
        1 => format!("{what} will {not}happen without the {gone}?"),
        2 => format!("If the {gone} is removed, {lower} will {not}happen?"),
        _ => format!("Without the {gone}, {lower} will {not}happen?"),
    }
}

/// Every pair of objects, without one of them, as a collision.
pub fn pairs(table: &EventTable, gone: Option<usize>) -> Vec<Event> {
    let there: Vec<usize> = (0..table.objects.len())
        .filter(|object| Some(*object) != gone)
        .collect();
    let below = |(place, high): (usize, &usize)| -> Vec<Event> {
        there[..place]
            .iter()
            .map(|low| Event::new(EventKind::Collision, &[*low, *high], None))
            .collect()
    };
    there.iter().enumerate().flat_map(below).collect()
}

fn happens(table: &EventTable, pair: &Event) -> bool {
    table
        .seen
        .iter()
        .chain(&table.unseen)
        .any(|event| event.is_like(pair))
}

fn happens_without(table: &EventTable, gone: usize, pair: &Event) -> bool {
    table
        .without
        .get(&gone)
        .is_some_and(|events| events.iter().any(|event| event.is_like(pair)))
}

/// Whether an object's absence changes which of the others collide.
fn matters(table: &EventTable, gone: usize) -> bool {
    pairs(table, Some(gone))
        .iter()
        .any(|pair| happens(table, pair) != happens_without(table, gone, pair))
}
