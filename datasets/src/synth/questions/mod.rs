//! Questions about generated clips, of CLEVRER's four kinds, with its wording and its functional programs.

/// Objects and events of a clip as question programs see them.
pub mod event_table;

/// All questions about a clip.
mod ask;

/// One-word questions: what is there, what happens.
mod descriptive;

/// Multiple choice: what is responsible for an event.
mod explanatory;

/// Multiple choice: what happens after the clip's end.
mod predictive;

/// Multiple choice: what would happen without an object.
mod counterfactual;

/// Statements of multiple-choice questions.
mod choices;

/// Words and programs of objects and events.
mod phrase;

/// Random choices.
mod rng;

pub use ask::{Amount, questions};

#[cfg(test)]
mod tests;
