//! Camera, light and surroundings of one clip, where its preset varies them.

use serde::{Deserialize, Serialize};

/// What a clip's pictures depend on beside its objects. Positions of camera and lights stand in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClipLook {
    /// Point in the middle of the picture, scene units.
    pub target: [f32; 3],
    /// Half the width of the view at distance one; of the shorter side where frames are not square.
    pub half_view: f32,
    /// What the lamps' brightness is multiplied with.
    pub brightness: f32,
    /// Colour of all light, linear red, green, blue; one where it is white.
    pub light_color: [f32; 3],
    /// Colour of the floor, linear red, green, blue.
    pub floor_albedo: [f32; 3],
    /// Colour of the sky in mirrors, linear red, green, blue.
    pub sky: [f32; 3],
    /// Share of its brightness that a corner of the frame loses.
    pub vignette: f32,
}
