//! Explanatory questions: causes of an event of the clip.

use std::collections::BTreeSet;

use crate::question::{Event, EventKind, EventTable, Question, QuestionKind};
use crate::synth::questions::choices::{Judged, judged, multiple_choice};
use crate::synth::questions::phrase::{self, Phrase};
use crate::synth::questions::rng::QuestionRng;

/// Statements of one question.
const CHOICES: usize = 4;

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
    let chosen = balanced(rng, statements);
    (chosen.len() >= 2).then(|| multiple_choice(QuestionKind::Explanatory, asked, chosen))
}

/// What a statement is about, and how often CLEVRER's explanatory statements are about it, in per cent.
const KINDS: [(&str, usize); 3] = [("filter_in", 16), ("filter_collision", 42), ("", 42)];

/// Up to [`CHOICES`] of the statements, each right as often as wrong whatever it is about: most objects are responsible
/// for nothing and most entrances for something, so that their wording would answer. What is said only rightly or only
/// wrongly of this event is therefore left out.
fn balanced(rng: &mut QuestionRng, statements: Vec<Judged>) -> Vec<Judged> {
    let mut of_kind: [[Vec<Judged>; 2]; KINDS.len()] = Default::default();
    for one in statements {
        let says = |module: &str| one.phrase.program.iter().any(|token| token == module);
        let kind = KINDS
            .iter()
            .position(|(module, _)| module.is_empty() || says(module));
        of_kind[kind.unwrap_or(0)][usize::from(one.correct)].push(one);
    }
    let mut left = of_kind
        .each_ref()
        .map(|[wrong, right]| wrong.len().min(right.len()));
    let mut chosen = Vec::new();
    while chosen.len() < CHOICES {
        let weights = [0, 1, 2].map(|kind| if left[kind] == 0 { 0 } else { KINDS[kind].1 });
        if weights == [0; KINDS.len()] {
            break;
        }
        let kind = rng.weighted(&weights);
        left[kind] -= 1;
        chosen.extend(of_kind[kind][rng.below(2)].pop());
    }
    chosen
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
