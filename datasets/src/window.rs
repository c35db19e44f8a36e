//! Which frames of a clip, and how they are made to fit.

use serde::{Deserialize, Serialize};

/// How a frame of another shape is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The largest centred part of the right shape.
    #[default]
    Crop,
    /// The whole frame between black bars.
    Pad,
    /// The whole frame, its shape changed.
    Stretch,
}

/// How far apart sampled frames lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Every n-th frame of the file; at least 1.
    Stride(usize),
    /// Frames a second by presentation time: the frame shown at each instant, whatever the file's own rate.
    Fps(f32),
}

/// Which frames of a clip, at what size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// The first frame, counted in sampled frames.
    pub start: usize,
    /// How many sampled frames at most; all if absent.
    pub count: Option<usize>,
    /// Distance of the sampled frames.
    pub pace: Pace,
    /// Height and width of a delivered frame, pixels.
    pub size: [usize; 2],
    /// What happens to frames of another shape.
    pub fit: Fit,
}
