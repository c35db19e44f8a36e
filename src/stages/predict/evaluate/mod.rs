//! Scores of what a run rendered, perceived and answered, with floors and ceilings.

/// What is evaluated.
mod inputs;
/// Perceived masks against true ones.
mod masks;
/// `fvd-motion`.
mod motion;
/// Metrics of published networks.
mod perceptual;
/// Rendered frames against true ones.
mod pixels;
#[cfg(test)]
mod registry_tests;
/// Rows while they are gathered.
mod rows;
/// The tables on disk.
mod scores;
/// The stage.
mod stage;

pub use inputs::Evaluate;
pub(crate) use masks::{MaskComparison, OBSERVED};
pub(crate) use rows::{Rows, computed_or_reason};
pub use scores::{EvaluationTables, Scores};
