//! Attention → masks at the size that is wanted → scores.

/// Masks of every clip, and what each slot is like over it.
pub mod segmentation;

/// Masks against the truth → scores.
pub mod score_masks;
