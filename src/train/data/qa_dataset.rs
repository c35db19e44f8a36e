//! Questions as texts, with the slots that they are about.

use std::collections::BTreeMap;

use ndarray::Array4;
use slotflow_datasets::question::{Encoded, TEXT_TOKENS, Vocabulary};
use slotflow_datasets::{Ask, Question, QuestionKind};

use crate::train::error::TrainError;

/// One text and what is right about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Its clip.
    pub clip: usize,
    /// Whether it is about what comes after the clip.
    pub predictive: bool,
    /// Words by number.
    pub words: [u32; TEXT_TOKENS],
    /// The answer's number for a descriptive question; 1 or 0 for a choice.
    pub label: i64,
    /// Whether it is a choice.
    pub is_choice: bool,
    /// The type that scores tell apart: `count`, …, `explanatory`, `predictive`, `counterfactual`.
    pub kind: String,
}

/// Texts and the slots that they are about.
#[derive(Debug)]
pub struct QaDataset {
    /// Slots of every clip and of the rollout behind it, `[clips, time + steps, slots, dim]`.
    pub slots: Array4<f32>,
    /// The texts.
    pub texts: Vec<Text>,
}

/// The type of a question that scores tell apart.
pub fn kind_of(question: &Question) -> String {
    match question.kind {
        QuestionKind::Descriptive => question
            .subtype
            .clone()
            .unwrap_or_else(|| "descriptive".to_owned()),
        QuestionKind::Explanatory => "explanatory".to_owned(),
        QuestionKind::Predictive => "predictive".to_owned(),
        QuestionKind::Counterfactual => "counterfactual".to_owned(),
    }
}

/// The texts of a clip's questions.
///
/// # Errors
/// When a word or an answer is not CLEVRER's, or an answer is missing.
pub fn texts_of(clip: usize, questions: &[Question]) -> Result<Vec<Text>, TrainError> {
    let mut texts = Vec::new();
    let bad = |reason: String| TrainError::Data { reason };
    for question in questions {
        let predictive = question.kind == QuestionKind::Predictive;
        let kind = kind_of(question);
        let text = |words, label, is_choice| Text {
            clip,
            predictive,
            words,
            label,
            is_choice,
            kind: kind.clone(),
        };
        match (
            Vocabulary
                .encode(question)
                .map_err(|error| bad(error.to_string()))?,
            &question.ask,
        ) {
            (Encoded::Open(words), Ask::Word(Some(answer))) => {
                let label = Vocabulary
                    .answer_id(answer)
                    .ok_or_else(|| bad(format!("no answer is called `{answer}`")))?;
                texts.push(text(words, i64::from(label), false));
            }
            (Encoded::Choices(all), Ask::Choices(choices)) => {
                for (words, choice) in all.into_iter().zip(choices) {
                    let right = choice
                        .correct
                        .ok_or_else(|| bad("a choice without its answer".to_owned()))?;
                    texts.push(text(words, i64::from(right), true));
                }
            }
            _ => {
                return Err(bad(format!(
                    "a question without its answer: {}",
                    question.text
                )));
            }
        }
    }
    Ok(texts)
}

/// What answers best without the video: the most frequent answer of every type of question.
pub fn most_frequent(texts: &[Text]) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<&str, BTreeMap<i64, usize>> = BTreeMap::new();
    for text in texts {
        *counts
            .entry(&text.kind)
            .or_default()
            .entry(text.label)
            .or_default() += 1;
    }
    let best = |of: &BTreeMap<i64, usize>| {
        of.iter()
            .max_by_key(|(_, count)| **count)
            .map_or(0, |(label, _)| *label)
    };
    counts
        .into_iter()
        .map(|(kind, of)| (kind.to_owned(), best(&of)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blind_answer_is_the_most_frequent_of_its_type() {
        let text = |kind: &str, label| Text {
            clip: 0,
            predictive: false,
            words: [0; TEXT_TOKENS],
            label,
            is_choice: false,
            kind: kind.to_owned(),
        };
        let best = most_frequent(&[
            text("count", 1),
            text("count", 2),
            text("count", 2),
            text("exist", 21),
        ]);
        assert_eq!((best["count"], best["exist"]), (2, 21));
    }
}
