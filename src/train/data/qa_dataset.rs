//! Questions as texts, with the slots that they are about.

use std::collections::BTreeMap;

use ndarray::Array4;
use serde::{Deserialize, Serialize};
use slotflow_datasets::question::{Encoded, TEXT_TOKENS, Vocabulary, family};
use slotflow_datasets::{Ask, Choice, Question, QuestionKind};

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
    /// Its wording without what tells one object from another.
    pub family: String,
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
        let text = |words, label, choice: Option<&Choice>| Text {
            clip,
            predictive,
            words,
            label,
            is_choice: choice.is_some(),
            kind: kind.clone(),
            family: family(question, choice),
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
                texts.push(text(words, i64::from(label), None));
            }
            (Encoded::Choices(all), Ask::Choices(choices)) => {
                for (words, choice) in all.into_iter().zip(choices) {
                    let right = choice
                        .correct
                        .ok_or_else(|| bad("a choice without its answer".to_owned()))?;
                    texts.push(text(words, i64::from(right), Some(choice)));
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

/// What answers best without the video.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MostFrequent {
    /// The most frequent answer of every type of question.
    pub kinds: BTreeMap<String, i64>,
    /// The same of every family of questions.
    pub families: BTreeMap<String, i64>,
}

impl MostFrequent {
    /// Of texts whose answers are known.
    pub fn of(texts: &[Text]) -> Self {
        Self {
            kinds: most_frequent(texts, |text| &text.kind),
            families: most_frequent(texts, |text| &text.family),
        }
    }

    /// As a reasoner's file holds them; earlier files know the types alone.
    ///
    /// # Errors
    /// When the value is neither.
    pub fn read(value: &serde_json::Value) -> Result<Self, serde_json::Error> {
        if value.get("families").is_some() {
            return Self::deserialize(value);
        }
        Ok(Self {
            kinds: BTreeMap::deserialize(value)?,
            families: BTreeMap::new(),
        })
    }

    /// The guess about a question of a family, or else of a type; `None` where neither was seen.
    pub fn guess(&self, kind: &str, family: &str) -> Option<i64> {
        let known = self.families.get(family).or_else(|| self.kinds.get(kind));
        known.copied()
    }
}

/// The most frequent answer by what a key says of texts; the smallest of those that are equally frequent.
fn most_frequent(texts: &[Text], key: impl Fn(&Text) -> &str) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<&str, BTreeMap<i64, usize>> = BTreeMap::new();
    for text in texts {
        let of = counts.entry(key(text)).or_default();
        *of.entry(text.label).or_default() += 1;
    }
    let best = |of: &BTreeMap<i64, usize>| {
        of.iter()
            .max_by_key(|&(label, count)| (*count, std::cmp::Reverse(*label)))
            .map_or(0, |(label, _)| *label)
    };
    counts
        .into_iter()
        .map(|(key, of)| (key.to_owned(), best(&of)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: &str, family: &str, label: i64) -> Text {
        Text {
            clip: 0,
            predictive: false,
            words: [0; TEXT_TOKENS],
            label,
            is_choice: false,
            kind: kind.to_owned(),
            family: family.to_owned(),
        }
    }

    #[test]
    fn the_blind_answer_is_the_most_frequent_of_its_family_or_else_of_its_type() {
        let fitted = MostFrequent::of(&[
            text("count", "how many objects", 1),
            text("count", "how many collisions", 2),
            text("count", "how many collisions", 2),
            text("exist", "are there any", 21),
        ]);
        assert_eq!(fitted.guess("count", "how many objects"), Some(1));
        assert_eq!(fitted.guess("count", "how many enter"), Some(2));
        assert_eq!(fitted.guess("exist", "are there any"), Some(21));
        assert_eq!(fitted.guess("predictive", "what happens next"), None);

        let written = serde_json::to_value(&fitted).unwrap();
        assert_eq!(MostFrequent::read(&written).unwrap(), fitted);
        let earlier = MostFrequent::read(&serde_json::json!({"count": 2})).unwrap();
        assert_eq!(earlier.guess("count", "how many objects"), Some(2));
        MostFrequent::read(&serde_json::json!({"count": "two"})).unwrap_err();
    }
}
