//! Every property of a kind of generated clip, written down in `presets/*.toml`.

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::synth::physics::record::{Color, Material};
use crate::synth::render::texture::Pattern;

/// A kind of generated clip. Lengths are in scene units, times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SynthPreset {
    /// What clips of this kind are called; the first part of their ids.
    pub name: String,
    /// Frames a second.
    pub fps: f32,
    /// Frames that are filmed.
    pub filmed_frames: usize,
    /// Frames that are simulated; those past the filmed ones answer predictive questions.
    pub simulated_frames: usize,
    /// Rays through a pixel, up to 64 pixels a side; twice as many above.
    pub rays_per_pixel: usize,
    /// Who takes part and how they start.
    pub cast: Cast,
    /// How things move and hit.
    pub physics: Physics,
    /// Who looks.
    pub camera: Camera,
    /// What gives light.
    pub lights: Vec<Light>,
    /// Light from everywhere, as a share of full light.
    pub ambient: f32,
    /// What metal mirrors where there is neither floor nor object, linear red, green, blue.
    pub sky: [f32; 3],
    /// What things stand on.
    pub floor: Surface,
    /// What the objects look like.
    pub surfaces: Surfaces,
}

/// Who takes part and how they start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cast {
    /// Least and greatest number of objects.
    pub objects: [usize; 2],
    /// Least and greatest half width of a sphere or cylinder.
    pub half_width: [f32; 2],
    /// A cube's half edge as a part of a sphere's radius, so that the two look alike in size.
    pub cube_scale: f32,
    /// The share of objects that come from outside; at least one does, and at least one does not.
    pub entering: f32,
    /// The share of the others that move at the start instead of resting.
    pub moving: f32,
    /// Those that start inside stand at most this far from the middle.
    pub inside_radius: f32,
    /// Free space between any two objects at the start.
    pub gap: f32,
    /// Those that enter start this far from the middle (least, greatest).
    pub outside_radius: [f32; 2],
    /// When they start, in seconds (least, greatest).
    pub entering_delay: [f32; 2],
    /// The share of those that enter that do so late, so that something happens after the film's end.
    pub late: f32,
    /// When the late ones start, in seconds (least, greatest).
    pub late_delay: [f32; 2],
    /// How fast they start (least, greatest).
    pub entering_speed: [f32; 2],
    /// How fast those start that move inside (least, greatest).
    pub moving_speed: [f32; 2],
    /// The share of moving objects that head for another one; the rest head for any place inside.
    pub aimed: f32,
    /// How far from its goal an object's course may pass.
    pub aim_error: f32,
}

/// How things move and hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Physics {
    /// Steps of the simulation in one frame.
    pub steps_per_frame: usize,
    /// Downwards acceleration.
    pub gravity: f32,
    /// Between any two surfaces.
    pub friction: f32,
    /// How much of the speed a bounce keeps, 0..1.
    pub restitution: f32,
    /// Share of the speed that is lost each second.
    pub linear_damping: f32,
    /// Share of the spin that is lost each second.
    pub angular_damping: f32,
    /// Contacts of one pair that are fewer frames apart are one collision.
    pub merge_frames: usize,
}

/// Who looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Camera {
    /// Where it stands.
    pub position: [f32; 3],
    /// What it looks at.
    pub target: [f32; 3],
    /// Half the width of the view at distance one; of the shorter side where frames are not square.
    pub half_view: f32,
    /// How far from `position` it may stand in a clip.
    pub jitter: f32,
}

/// A square lamp that faces the middle of the scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Light {
    /// Where it is.
    pub position: [f32; 3],
    /// Brightness at distance one.
    pub power: f32,
    /// Half its edge: larger lamps make softer shadows.
    pub half_width: f32,
    /// How far from `position` it may be in a clip.
    pub jitter: f32,
}

/// One surface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Surface {
    /// Colour, linear red, green, blue.
    pub albedo: [f32; 3],
    /// What may be painted on it.
    pub paint: Paint,
}

/// What may be painted on a surface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Paint {
    /// One of these, each as likely.
    pub patterns: Vec<Pattern>,
    /// Cells in one unit of length (least, greatest).
    pub frequency: [f32; 2],
    /// How much darker the dark parts are (least, greatest).
    pub contrast: [f32; 2],
}

/// What the objects look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Surfaces {
    /// The eight colours, linear red, green, blue.
    pub albedo: Albedo,
    /// How metal shines.
    pub metal: Finish,
    /// How rubber shines.
    pub rubber: Finish,
    /// What may be painted on objects.
    pub paint: Paint,
}

/// The eight colours, linear red, green, blue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is its own word")]
pub struct Albedo {
    pub gray: [f32; 3],
    pub red: [f32; 3],
    pub blue: [f32; 3],
    pub green: [f32; 3],
    pub brown: [f32; 3],
    pub yellow: [f32; 3],
    pub cyan: [f32; 3],
    pub purple: [f32; 3],
}

impl Albedo {
    /// The albedo of a colour.
    pub fn of(&self, color: Color) -> [f32; 3] {
        match color {
            Color::Gray => self.gray,
            Color::Red => self.red,
            Color::Blue => self.blue,
            Color::Green => self.green,
            Color::Brown => self.brown,
            Color::Yellow => self.yellow,
            Color::Cyan => self.cyan,
            Color::Purple => self.purple,
        }
    }
}

/// How a material shines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Finish {
    /// Share of its colour that light from everywhere shows.
    pub diffuse: f32,
    /// Brightness of the lamps' glints.
    pub glint: f32,
    /// Sharpness of the glints: the cosine is squared so many times.
    pub sharpness: u32,
    /// Share of the surroundings that it mirrors, in its own colour.
    pub mirror: f32,
}

impl Surfaces {
    /// How a material shines.
    pub fn finish(&self, material: Material) -> &Finish {
        match material {
            Material::Metal => &self.metal,
            Material::Rubber => &self.rubber,
        }
    }
}

impl SynthPreset {
    /// CLEVRER-like clips: plain bodies on a plain floor.
    ///
    /// # Errors
    /// Never: a test reads the preset.
    pub fn synth() -> Result<Self, DataError> {
        Self::parse(include_str!("../../presets/synth.toml"))
    }

    /// The settings in a preset's text, which holds facts of the data set beside them.
    ///
    /// # Errors
    /// When a key is missing, unknown or of the wrong kind.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let parsed = text.parse::<toml::Table>().and_then(|mut table| {
            table.remove("facts");
            Self::deserialize(table)
        });
        parsed.map_err(|error| DataError::Malformed {
            reason: error.message().to_owned(),
            path: "presets".into(),
        })
    }

    /// What makes clips of this kind what they are, for cache keys: two presets with the same text make the same clips.
    pub fn identity(&self) -> String {
        // A preset without a name for one of its values cannot exist, so this never fails.
        let text = toml::to_string(self).unwrap_or_default();
        format!("{VERSION}-{}", blake3::hash(text.as_bytes()).to_hex())
    }
}

/// Counts changes of the generator's code that change its clips.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_written_as_it_is_read() {
        let preset = SynthPreset::synth().unwrap();
        let text = toml::to_string(&preset).unwrap();
        assert_eq!(SynthPreset::parse(&text).unwrap(), preset);
        assert!(SynthPreset::parse(&format!("clouds = 3\n{text}")).is_err());
    }

    #[test]
    fn identities_differ_when_any_value_differs() {
        let preset = SynthPreset::synth().unwrap();
        let mut other = preset.clone();
        other.physics.friction += 0.01;
        assert_ne!(preset.identity(), other.identity());
        assert_eq!(preset.identity(), preset.clone().identity());
    }
}
