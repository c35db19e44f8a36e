//! Questions about a clip, as CLEVRER asks them (Yi et al., ICLR 2020).

/// A question as data.
pub mod schema;

/// Objects, motions and events of a clip: what programs run on.
pub mod events;

/// Functional programs: read and checked.
pub mod program;

/// Functional programs: run.
pub mod executor;

/// A program step by step, in words.
pub mod trace;

/// Questions and answers as numbers.
mod vocabulary;

/// Whether a question is one of CLEVRER's.
mod check;

/// Which questions are alike but for the objects that they name.
mod family;

/// Question files.
pub mod file;

/// Answers in the form of CLEVRER's evaluation server.
pub mod submission;

/// Event tables from predicted tracks, as the reference's executor reads them: what the executor is compared on.
#[cfg(test)]
mod tracks;

/// What is wrong with a question.
mod error;

pub use error::QuestionError;
pub use events::{Attributes, Event, EventKind, EventTable, Motion};
pub use family::family;
pub use schema::{Ask, Choice, Question, QuestionKind};
pub use vocabulary::{Encoded, PAD, QUESTION_TOKENS, TEXT_TOKENS, Vocabulary};

#[cfg(test)]
mod tests;
