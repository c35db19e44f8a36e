//! Explanatory questions: causes of an event of the clip.

use std::collections::BTreeSet;

use crate::question::{Event, EventKind, EventTable, Question, QuestionKind};
use crate::synth::questions::choices::{choose, judged, multiple_choice};
use crate::synth::questions::phrase::{self, Phrase};
use crate::synth::questions::rng::QuestionRng;

/// Statements of one question.
const CHOICES: usize = 4;

/// How often 0, 1, 2, 3 and 4 of the statements are right in CLEVRER's training questions.
const RIGHT: [usize; 5] = [2743, 3428, 5541, 4320, 767];

/// Up to `count` questions, each about another event.
pub fn questions(rng: &mut QuestionRng, table: &EventTable, count: usize) -> Vec<Question> {
    let mut targets: Vec<&Event> = table
        .seen
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Collision | EventKind::Out))
        .filter(|event| happens_once(table, event))
        .collect();
    rng.shuffle(&mut targets);
    let mut asked = Vec::new();
    for target in targets {
        if asked.len() == count {
            break;
        }
        asked.extend(question(rng, table, target));
    }
    asked
}

/// A question about an event; `None` where fewer than two things could be responsible.
fn question(rng: &mut QuestionRng, table: &EventTable, target: &Event) -> Option<Question> {
    let named = phrase::event_noun(rng, table, target)?;
    let (not, negate) = if rng.coin() {
        ("not ", " negate")
    } else {
        ("", "")
    };
    let asked = Phrase::new(
        format!(
            "Which of the following is {not}responsible for {}?",
            named.words
        ),
        &format!(
            "events {} filter_ancestor belong_to{negate}",
            named.tokens()
        ),
    );
    let statements = judged(table, &asked, suspects(rng, table, target));
    let right = rng.weighted(&RIGHT);
    let chosen = choose(rng, statements, CHOICES, right);
    (chosen.len() >= 2).then(|| multiple_choice(QuestionKind::Explanatory, asked, chosen))
}

/// Everything that could be responsible: other objects' presence, collisions and entrances.
fn suspects(rng: &mut QuestionRng, table: &EventTable, target: &Event) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    for other in (0..table.objects.len()).filter(|other| !target.involves(*other)) {
        let named = phrase::object(rng, table, other);
        phrases.push(Phrase::new(
            format!("the presence of the {}", named.words),
            &named.tokens(),
        ));
    }
    let mut pairs = BTreeSet::new();
    for event in &table.seen {
        let can_be_asked = matches!(event.kind, EventKind::Collision | EventKind::In);
        if can_be_asked
            && !event.is_like(target)
            && pairs.insert((event.kind, event.objects.clone()))
        {
            phrases.extend(phrase::event_noun(rng, table, event));
        }
    }
    rng.shuffle(&mut phrases);
    phrases
}

/// Whether words can name the event: nothing like it happens twice.
pub fn happens_once(table: &EventTable, event: &Event) -> bool {
    table
        .seen
        .iter()
        .filter(|other| other.is_like(event))
        .count()
        == 1
}
