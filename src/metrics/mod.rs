//! Metrics of predictions against truth, wherever they came from.
//!
//! Networks whose features metrics compare run here; the arithmetic, and the registry of all metrics, are
//! `slotflow_eval`'s. `pipeline eval` ([`evaluate`]) and the `evaluate` stage of runs call the same functions.

/// Distances between sets of videos, by features of networks.
pub mod distribution_metrics;
/// Reasons why predictions were not evaluated.
mod error;
/// Two folders → scores.
mod evaluate;
/// Scores of two folders, and what is shared by their rows.
mod evaluation;
/// Features of clips, cached by content.
pub mod features;
/// Files of predictions and of truth.
mod files;
/// Metrics of what lies in two folders.
mod folders;
/// LPIPS of frames.
pub mod lpips;
/// Distances between sets of videos, by how they move.
pub mod motion;
/// Where values of single pairs come from.
mod pair_values;
/// Downloaded weights.
pub mod pretrained;
/// What is to be evaluated, and how.
mod request;

pub use error::MetricsError;
pub use evaluate::{evaluate, inputs_identity};
pub use evaluation::{Evaluation, TRUTH};
pub use files::{ClipPair, both_sides};
pub(crate) use files::{MaskFile, places};
pub use folders::masks::{MaskClipPair, both_masks};
pub use pair_values::PairValues;
pub use request::{MaskResize, Request};
