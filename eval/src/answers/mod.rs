//! Answers to questions about clips.

/// Accuracies as CLEVRER counts them.
pub mod clevrer;
/// Logistic regression.
pub mod logistic;
/// Choice of readouts for Physion.
pub mod physion;

pub use clevrer::{ALL, Accuracy, Graded, PROFILE, Tally, confusion, items, scores, tally};
