//! Sizes of the autoregressive decoder.

use serde::{Deserialize, Serialize};

use crate::models::decoder::dvae::{DvaeConfig, PATCH};

/// Sizes of an [`Autoregressive`](super::Autoregressive) decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AutoregressiveConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Width of a token.
    pub width: usize,
    /// Height and width of an image.
    pub resolution: [usize; 2],
    /// Layers of the Transformer.
    pub layers: usize,
    /// Heads of its attention.
    pub heads: usize,
    /// Share of values dropped in training.
    pub dropout: f64,
    /// Images ↔ tokens.
    pub dvae: DvaeConfig,
}

impl Default for AutoregressiveConfig {
    fn default() -> Self {
        Self {
            dim: 192,
            width: 192,
            resolution: [128, 128],
            layers: 8,
            heads: 4,
            dropout: 0.1,
            dvae: DvaeConfig::default(),
        }
    }
}

impl AutoregressiveConfig {
    /// Height and width of the grid of tokens.
    pub fn grid(&self) -> [usize; 2] {
        self.resolution.map(|side| side / PATCH)
    }
}
