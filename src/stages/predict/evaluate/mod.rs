//! Scores of what a run rendered, perceived and answered, with floors and ceilings.

mod inputs;
mod masks;
mod motion;
mod perceptual;
mod pixels;
#[cfg(test)]
mod registry_tests;
mod rows;
mod scores;
mod stage;

pub use inputs::Evaluate;
pub use scores::{EvaluationTables, Scores};
