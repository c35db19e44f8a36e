//! The tables of a benchmark of edits: objects of generated clips taken away and exchanged, against the same scenes rendered
//! without them.

use serde::{Deserialize, Serialize};

use crate::plan::flow::Flow;
use crate::plan::video_predict::{DecodeConfig, EncodeConfig, RenderConfig};

/// A plan that edits generated clips and measures what comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EditBenchmarkPlan {
    /// Which flow: `edit-benchmark`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips of the generator, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// Slots → frames.
    pub render: RenderConfig,
    /// What is edited and measured.
    pub edits: EditsConfig,
}

/// `[edits]`: what is edited and measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EditsConfig {
    /// Every so many frames one is rendered and measured.
    pub every: usize,
    /// Pixels that an object must own in one of these frames to be edited.
    pub least_pixels: usize,
    /// Edits in the sheet of pictures.
    pub pictures: usize,
    /// Resamples of the bootstrap.
    pub resamples: usize,
}

impl Default for EditBenchmarkPlan {
    fn default() -> Self {
        Self {
            flow: Flow::EditBenchmark,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            render: RenderConfig::default(),
            edits: EditsConfig::default(),
        }
    }
}

impl Default for EditsConfig {
    fn default() -> Self {
        Self {
            every: 6,
            least_pixels: 20,
            pictures: 24,
            resamples: 10_000,
        }
    }
}
