//! `[data]` of a training plan, and what an objective reads of a clip.

use serde::{Deserialize, Serialize};
use slotflow_datasets::{Dataset, GroundTruth};

/// `[data]` of a training: clips of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainData {
    /// The data set.
    pub dataset: Dataset,
    /// Clips to train on: seeds from 0.
    pub clips: usize,
    /// Clips to validate on: seeds from 1,000,000.
    pub held_out: usize,
    /// Sampled frames of a clip.
    pub frames: usize,
    /// Frames of the video from one sampled frame to the next.
    pub stride: usize,
    /// Height and width, pixels.
    pub size: [usize; 2],
}

impl Default for TrainData {
    fn default() -> Self {
        Self {
            dataset: Dataset::Synth,
            clips: 1000,
            held_out: 48,
            frames: 25,
            stride: 5,
            size: [64, 64],
        }
    }
}

/// What an objective reads of every clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipNeeds {
    /// Whether it reads frames.
    pub frames: bool,
    /// Ground truth that it learns from; masks are for metrics and for the supervised head on slots alone.
    pub truth: &'static [GroundTruth],
}

impl ClipNeeds {
    /// Nothing: it trains on imported slots.
    pub const NOTHING: Self = Self::only(&[]);

    /// Frames alone.
    pub const FRAMES: Self = Self::frames_and(&[]);

    /// Frames, and ground truth.
    pub const fn frames_and(truth: &'static [GroundTruth]) -> Self {
        Self {
            frames: true,
            truth,
        }
    }

    /// Ground truth alone.
    pub const fn only(truth: &'static [GroundTruth]) -> Self {
        Self {
            frames: false,
            truth,
        }
    }
}
