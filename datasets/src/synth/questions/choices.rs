//! Statements of multiple-choice questions: judged by their programs, and chosen.

use std::collections::BTreeSet;

use super::phrase::Phrase;
use super::rng::QuestionRng;
use crate::question::{Ask, Choice, EventTable, Question, QuestionKind, executor};

/// A statement and whether it is right.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) phrase: Phrase,
    pub(super) correct: bool,
}

/// Statements whose programs say right or wrong; the others and those that repeat words are left out.
pub(super) fn judged(table: &EventTable, asked: &Phrase, phrases: Vec<Phrase>) -> Vec<Judged> {
    let mut said = BTreeSet::new();
    let judge = |phrase: Phrase| {
        let correct = match executor::judge(table, &phrase.program, &asked.program) {
            "correct" => true,
            "wrong" => false,
            _ => return None,
        };
        said.insert(phrase.words.clone())
            .then_some(Judged { phrase, correct })
    };
    phrases.into_iter().filter_map(judge).collect()
}

/// Up to `count` statements of which about `right` are right, in any order.
pub(super) fn choose(
    rng: &mut QuestionRng,
    judged: Vec<Judged>,
    count: usize,
    right: usize,
) -> Vec<Judged> {
    let (mut correct, mut wrong): (Vec<_>, Vec<_>) =
        judged.into_iter().partition(|one| one.correct);
    let right = right
        .max(count.saturating_sub(wrong.len()))
        .min(correct.len());
    correct.truncate(right);
    wrong.truncate(count.saturating_sub(right));
    correct.append(&mut wrong);
    rng.shuffle(&mut correct);
    correct
}

/// A multiple-choice question.
pub(super) fn multiple_choice(kind: QuestionKind, asked: Phrase, judged: Vec<Judged>) -> Question {
    let choice = |one: Judged| Choice {
        text: one.phrase.words,
        program: one.phrase.program,
        correct: Some(one.correct),
    };
    Question {
        id: 0,
        kind,
        subtype: None,
        text: asked.words,
        program: asked.program,
        ask: Ask::Choices(judged.into_iter().map(choice).collect()),
    }
}
