//! All questions about a generated clip.
//!
//! No answer is written down: each is what the program says of the simulation's own events. Differs from CLEVRER, whose
//! generator is not published: the templates are made from its vocabulary, its published programs and its examples.

use super::event_table::AnnotatedClip;
use super::rng::QuestionRng;
use super::{counterfactual, descriptive, explanatory, predictive};
use crate::question::Question;

/// Number of questions of each kind, at most; fewer where little happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Descriptive questions.
    pub descriptive: usize,
    /// Explanatory questions.
    pub explanatory: usize,
    /// Predictive questions.
    pub predictive: usize,
    /// Counterfactual questions.
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
pub fn questions(annotated: &AnnotatedClip, amount: Amount, seed: u64) -> Vec<Question> {
    let mut rng = QuestionRng::new(seed ^ SALT);
    let mut asked = descriptive::questions(&mut rng, annotated, amount.descriptive);
    asked.extend(explanatory::questions(
        &mut rng,
        &annotated.table,
        amount.explanatory,
    ));
    asked.extend(predictive::questions(
        &mut rng,
        &annotated.table,
        amount.predictive,
    ));
    asked.extend(counterfactual::questions(
        &mut rng,
        &annotated.table,
        amount.counterfactual,
    ));
    for (id, question) in asked.iter_mut().enumerate() {
        question.id = id;
    }
    asked
}

/// Keeps these draws apart from those of the world with the same seed.
const SALT: u64 = 0x51_75_65_73_74_69_6f_6e;
