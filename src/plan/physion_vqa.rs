//! The tables of question answering on Physion: will two objects touch?

use serde::{Deserialize, Serialize};
use slotflow_datasets::Dataset;

use super::flow::Flow;
use super::video_predict::{DecodeConfig, EncodeConfig, RolloutConfig};
use crate::models::reasoner::PhysionReadoutConfig;

/// A plan that predicts contacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PhysionVqaPlan {
    /// Which flow: `physion-vqa`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames; `clips` counts those of the test.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// Observed slots → predicted slots.
    pub rollout: RolloutConfig,
    /// Slots → yes or no.
    pub physion: PhysionConfig,
}

/// `[physion]`: slots → yes or no, learned from readout clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PhysionConfig {
    /// Readout clips; all that there are if unset.
    pub clips: Option<usize>,
    /// Every so many of them one is held out, to choose checkpoints and thresholds by.
    pub hold_out: usize,
    /// The readout; its width is that of the slots.
    pub model: PhysionReadoutConfig,
    /// Clips a step.
    pub batch: usize,
    /// Steps of a training.
    pub steps: u64,
    /// Steps from one checkpoint to the next.
    pub save_every: u64,
    /// Learning rate.
    pub rate: f64,
    /// Trainings, each from another seed.
    pub seeds: u64,
}

impl PhysionVqaPlan {
    /// The same; with a folder in place of the generator's clips, those of Physion there.
    #[must_use]
    pub fn rooted(mut self) -> Self {
        if self.decode.root.is_some() && self.decode.dataset == Dataset::Contact {
            self.decode.dataset = Dataset::Physion;
        }
        self
    }
}

impl Default for PhysionVqaPlan {
    fn default() -> Self {
        Self {
            flow: Flow::PhysionVqa,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            rollout: RolloutConfig::default(),
            physion: PhysionConfig::default(),
        }
    }
}

impl Default for PhysionConfig {
    fn default() -> Self {
        Self {
            clips: None,
            hold_out: 20,
            model: PhysionReadoutConfig::default(),
            batch: 64,
            steps: 1000,
            save_every: 100,
            rate: 1e-3,
            seeds: 3,
        }
    }
}
