//! How sure a number is: intervals and tests for means, proportions and distances between sets.
//!
//! Frames of one video and questions about one video are not independent, so whatever is drawn here is drawn by video.

pub mod bootstrap;
pub mod normal;
pub mod proportion;
pub mod subsample;

/// Both ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}
