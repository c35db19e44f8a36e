//! Attention → masks at the size that is wanted → scores.

/// Masks of every clip, and what each slot is like over it.
pub mod segmentation;

/// Slots that are alike, merged to wholes.
pub mod levels;

/// Masks against the truth → scores.
pub mod score_masks;

/// Frames rendered from their own slots against the truth → scores.
pub mod score_reconstructions;

/// Levels against the truth → scores.
mod score_levels;
