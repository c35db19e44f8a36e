//! Slots → predicted slots → frames → scores.

/// Slots taken away, added and exchanged.
pub mod edit;

/// Observed slots → predicted slots, by SlotFormer.
pub mod rollout;

/// Slots → frames, by a slot decoder.
pub mod render;

/// Rendered frames on disk.
pub mod frames;

/// Frames, masks and answers against the truth → scores.
pub mod evaluate;
