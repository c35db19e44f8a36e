//! Masks against masks. Masks are labels, `[time, height, width]` u8; 0 in the truth is background.

/// Boxes around masks.
pub mod boxes;
/// All metrics of one pair of masks.
mod clip;
/// The same masks at several granularities.
pub mod levels;
/// One-to-one matching with the largest sum.
pub mod matching;
/// The metrics of masks in the registry.
pub mod metrics;
/// Overlaps of labels: ARI, mIoU, mBO, objects found.
pub mod overlap;
/// Masks that never looked at a picture.
pub mod trivial_baselines;

pub use clip::MaskScores;
pub use overlap::{
    Discovery, MaskPair, SegProfile, Segmentation, best_overlaps, corloc, measure, recall,
    set_aside,
};
