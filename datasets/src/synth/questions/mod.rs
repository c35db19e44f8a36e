//! Questions about generated clips, of CLEVRER's four kinds, with its wording and its functional programs.
//!
//! No answer is written down: each is what the program says of the simulation's own events. Differs from CLEVRER, whose
//! generator is not published: the templates are made from its vocabulary, its published programs and its examples.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::question::{Ask, Choice, EventTable, Question, QuestionKind, executor};
use crate::synth::AnnotatedClip;

/// Objects and events of a clip as question programs see them.
pub mod event_table;

mod counterfactual;
mod descriptive;
mod explanatory;
mod phrase;
mod predictive;

use phrase::Phrase;

/// How many questions of each kind a clip gets at most; fewer where little happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// One word answers them.
    pub descriptive: usize,
    /// What is responsible.
    pub explanatory: usize,
    /// What happens next.
    pub predictive: usize,
    /// What if.
    pub counterfactual: usize,
}

impl Default for Amount {
    /// About as many of each kind as CLEVRER asks.
    fn default() -> Self {
        Self {
            descriptive: 10,
            explanatory: 2,
            predictive: 2,
            counterfactual: 2,
        }
    }
}

/// Questions about a generated clip; the same for the same clip and seed.
pub fn questions(told: &AnnotatedClip, amount: Amount, seed: u64) -> Vec<Question> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed ^ SALT));
    let mut asked = descriptive::questions(&mut dice, told, amount.descriptive);
    asked.extend(explanatory::questions(
        &mut dice,
        &told.table,
        amount.explanatory,
    ));
    asked.extend(predictive::questions(
        &mut dice,
        &told.table,
        amount.predictive,
    ));
    asked.extend(counterfactual::questions(
        &mut dice,
        &told.table,
        amount.counterfactual,
    ));
    for (id, question) in asked.iter_mut().enumerate() {
        question.id = id;
    }
    asked
}

/// Keeps these draws apart from those of the world with the same seed.
const SALT: u64 = 0x51_75_65_73_74_69_6f_6e;

/// Random choices, the same on every machine.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// A whole number below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        match end {
            0 => 0,
            _ => (self.0.next_u64() % end as u64) as usize,
        }
    }

    /// True as often as not.
    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of some.
    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).copied()
    }

    /// A place, more often where the weight is larger.
    fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut rest = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return place;
            }
            rest -= weight;
        }
        0
    }

    /// In another order.
    fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place + 1));
        }
    }
}

/// A statement and whether it is right.
#[derive(Debug, Clone)]
struct Judged {
    phrase: Phrase,
    correct: bool,
}

/// Statements whose programs say right or wrong; the others and those that repeat words are left out.
fn judged(table: &EventTable, asked: &Phrase, phrases: Vec<Phrase>) -> Vec<Judged> {
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
fn choose(dice: &mut Dice, judged: Vec<Judged>, count: usize, right: usize) -> Vec<Judged> {
    let (mut correct, mut wrong): (Vec<_>, Vec<_>) =
        judged.into_iter().partition(|one| one.correct);
    let right = right
        .max(count.saturating_sub(wrong.len()))
        .min(correct.len());
    correct.truncate(right);
    wrong.truncate(count.saturating_sub(right));
    correct.append(&mut wrong);
    dice.shuffle(&mut correct);
    correct
}

/// A multiple-choice question.
fn multiple_choice(kind: QuestionKind, asked: Phrase, judged: Vec<Judged>) -> Question {
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

#[cfg(test)]
mod tests;
