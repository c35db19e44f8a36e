//! How sure a number is: intervals and tests for means and proportions.
//!
//! Frames of one video and questions about one video are not independent, so whatever is drawn here is drawn by video.

/// Bootstrap over videos.
pub mod bootstrap;
/// Both ends of an interval.
mod interval;
/// The normal distribution.
pub mod normal;
/// Intervals and tests for shares.
pub mod proportion;

pub use interval::Interval;
