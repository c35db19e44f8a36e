//! A question as data: kind, words, functional program, and what is asked for.

use serde::{Deserialize, Serialize};

/// The four kinds of CLEVRER questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// About objects and events of the clip; the answer is one word.
    Descriptive,
    /// About causes of an event.
    Explanatory,
    /// About events after the clip's end.
    Predictive,
    /// About events without one object.
    Counterfactual,
}

/// One statement of a multiple-choice question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The statement in words.
    pub text: String,
    /// Its functional program; empty where it is not published.
    pub program: Vec<String>,
    /// Whether it is right; `None` where it is not published.
    pub correct: Option<bool>,
}

/// Form of the answer: a word, or a judgement of each statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// One word of the answer vocabulary; `None` where it is not published.
    Word(Option<String>),
    /// Right or wrong for each statement.
    Choices(Vec<Choice>),
}

/// A question about a whole clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Number within its clip.
    pub id: usize,
    /// Which of the four kinds.
    pub kind: QuestionKind,
    /// `count`, `exist`, `query_color`, … for descriptive questions.
    pub subtype: Option<String>,
    /// The question in words.
    pub text: String,
    /// Its functional program; empty where it is not published.
    pub program: Vec<String>,
    /// What is asked for, with the truth where it is known.
    pub ask: Ask,
}

impl Question {
    /// Whether all that is right about it is published.
    pub fn is_answered(&self) -> bool {
        match &self.ask {
            Ask::Word(answer) => answer.is_some(),
            Ask::Choices(choices) => choices.iter().all(|choice| choice.correct.is_some()),
        }
    }
}
