//! `[slots.objective.segment]`: what counts as an object.

use serde::{Deserialize, Serialize};

/// What counts as an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentConfig {
    /// Least share of a background pixel's light that a shadow leaves; what is darker is an object.
    pub shadow: f32,
    /// Greatest share of a background pixel's light that reflections add up to; what is brighter is an object.
    pub reflection: f32,
    /// Least difference in colour, as a share of the background's light; the rest of the threshold is chosen by the clip.
    pub least_difference: f32,
    /// Segments of fewer pixels are dropped.
    pub least_pixels: usize,
    /// How far apart two hues of one segment must be to be two objects; opposite ones are 2 apart.
    pub colours_apart: f32,
    /// Most segments in a clip; the largest are kept.
    pub most: usize,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            shadow: 0.4,
            reflection: 1.3,
            least_difference: 0.08,
            least_pixels: 8,
            colours_apart: 0.3,
            most: 12,
        }
    }
}
