//! Scores of what a run rendered, perceived and answered, with floors and ceilings.

/// Metrics of one kind of frames.
mod frame_samples;
/// What is evaluated.
mod inputs;
/// Perceived masks against true ones.
mod masks;
/// `fvd-motion`.
mod motion;
/// Clips by how they move.
mod moving_set;
/// Metrics of published networks.
mod perceptual;
/// Rendered frames against true ones.
mod pixels;
/// Frames rendered from their own slots.
mod reconstructions;
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
pub(crate) use moving_set::MovingSet;
pub(crate) use reconstructions::{Reconstructed, ReconstructionSamples, median};
pub(crate) use rows::{Rows, computed_or_reason};
pub use scores::{EvaluationTables, Scores};
