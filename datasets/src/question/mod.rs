//! Questions about a clip, as CLEVRER asks them (Yi et al., ICLR 2020).

/// What is in a clip and what happens there.
pub mod events;
/// Runs programs.
pub mod executor;
/// Question files.
pub mod file;
/// Reads and checks programs.
pub mod program;
/// Answers in the form of CLEVRER's evaluation server.
pub mod submission;
/// Event tables from predicted tracks.
pub mod tracks;

mod error;
mod vocabulary;

pub use error::QuestionError;
pub use events::{Attributes, Event, EventKind, EventTable, Motion};
pub use vocabulary::{Encoded, PAD, QUESTION_TOKENS, TEXT_TOKENS, Vocabulary};

use serde::{Deserialize, Serialize};

/// The four kinds of CLEVRER questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// What is there and what happens; one word answers it.
    Descriptive,
    /// What is responsible for an event.
    Explanatory,
    /// What happens after the clip's end.
    Predictive,
    /// What would happen without one object.
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

/// What a question asks for.
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

    /// Whether the question's words are CLEVRER's and its programs can give an answer.
    ///
    /// # Errors
    /// When a word or token is unknown, or a program cannot run. Programs that are not published are not checked.
    pub fn check(&self) -> Result<(), QuestionError> {
        Vocabulary.encode(self)?;
        match &self.ask {
            Ask::Word(_) if self.program.is_empty() => Ok(()),
            Ask::Word(_) => program::check_open(&self.program),
            Ask::Choices(choices) => {
                let mut published = choices.iter().filter(|choice| !choice.program.is_empty());
                published
                    .try_for_each(|choice| program::check_choice(&choice.program, &self.program))
            }
        }
    }
}

#[cfg(test)]
mod tests;
