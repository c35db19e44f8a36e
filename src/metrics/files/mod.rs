//! What lies in the folders of predictions and of truth.

/// Masks in files.
mod mask_files;
/// Clips and masks of one name on both sides.
mod pairs;

pub(crate) use mask_files::{Labels, MaskFile, places};
pub use pairs::{ClipPair, both_sides};
pub(crate) use pairs::{Matches, Videos, each_piece};
