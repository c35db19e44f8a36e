//! `[data]` of a training plan, and what an objective may read of a clip.

use serde::{Deserialize, Serialize};
use slotflow_datasets::Dataset;

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

/// What an objective may read of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipFact {
    /// Pixels.
    Frames,
    /// True object masks. No slot encoder, decoder or dynamics model learns from them.
    Masks,
    /// Questions and their answers.
    Questions,
    /// Collisions, entrances and departures.
    Events,
    /// True place, look and movement of every object.
    States,
}

impl ClipFact {
    /// Its word in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Masks => "masks",
            Self::Questions => "questions",
            Self::Events => "events",
            Self::States => "object states",
        }
    }
}
