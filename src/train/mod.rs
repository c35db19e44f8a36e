//! How models learn: one loop for all objectives.

/// Attention taught by segments.
pub mod segment_loss;

/// Objects that can be told from the empty scene.
pub mod segments;
