//! Every property of a kind of generated clip, written down in `presets/*.toml`.

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::synth::physics::record::{Color, Material};
use crate::synth::render::texture::Pattern;

/// A kind of generated clip. Lengths are in scene units, times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SynthPreset {
    /// Name of the preset; the first part of their ids.
    pub name: String,
    /// Frames a second.
    pub fps: f32,
    /// Frames of a clip that are rendered.
    #[serde(rename = "filmed-frames")]
    pub rendered_frames: usize,
    /// Frames that are simulated; those past the rendered ones answer predictive questions.
    pub simulated_frames: usize,
    /// Rays through a pixel, up to 64 pixels a side; twice as many above.
    pub rays_per_pixel: usize,
    /// Objects and their initial states.
    pub cast: Cast,
    /// Rigid-body simulation.
    pub physics: Physics,
    /// The camera.
    pub camera: Camera,
    /// Area lights.
    pub lights: Vec<Light>,
    /// Light from everywhere, as a share of full light.
    pub ambient: f32,
    /// Colour that metal reflects where there is neither floor nor object, linear red, green, blue.
    pub sky: [f32; 3],
    /// How the sky's brightness changes from the horizon to the zenith.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sky_gradient: SkyGradient,
    /// The floor.
    pub floor: Surface,
    /// Colours, materials and textures of objects.
    pub surfaces: Surfaces,
    /// What else differs from clip to clip; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variation: Option<Variation>,
}

/// Ranges (least, greatest) of what differs from clip to clip beside the objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Variation {
    /// What the sizes of a clip's objects are multiplied with.
    pub size: [f32; 2],
    /// Turn of the camera about the vertical from its own position, degrees.
    pub azimuth: [f32; 2],
    /// Height of the camera above the floor as seen from the target, degrees.
    pub elevation: [f32; 2],
    /// From the target to the camera, scene units.
    pub distance: [f32; 2],
    /// Half the width of the view at the target, scene units: with the distance, the focal length.
    pub view_half_width: [f32; 2],
    /// Largest distance of the target from its own place along each axis, scene units.
    pub aim_error: f32,
    /// Turn of all lamps about the vertical, degrees.
    pub light_turn: [f32; 2],
    /// What the lamps' heights are multiplied with.
    pub light_height: [f32; 2],
    /// What the lamps' brightness is multiplied with.
    pub brightness: [f32; 2],
    /// From cold light, 0, to warm light, 1.
    pub warmth: [f32; 2],
    /// Share of its brightness that a corner of the frame loses.
    pub vignette: [f32; 2],
    /// Mean of the floor's albedo.
    pub floor_brightness: [f32; 2],
    /// How far the parts of the floor's albedo differ from their mean, as a share of it.
    pub floor_saturation: [f32; 2],
    /// Mean of the sky's colour.
    pub sky_brightness: [f32; 2],
    /// How far the parts of the sky's colour differ from their mean, as a share of it.
    pub sky_saturation: [f32; 2],
}

/// Objects and their initial states.
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
    /// Time of their start, seconds (least, greatest).
    pub entering_delay: [f32; 2],
    /// The share of those that enter that do so late, so that something happens after the clip's end.
    pub late: f32,
    /// Time of the late ones' start, seconds (least, greatest).
    pub late_delay: [f32; 2],
    /// Initial speed, scene units a second (least, greatest).
    pub entering_speed: [f32; 2],
    /// Initial speed of those that start inside and move, scene units a second (least, greatest).
    pub moving_speed: [f32; 2],
    /// The share of moving objects that head for another one; the rest head for any place inside.
    pub aimed: f32,
    /// Largest distance at which an object's course passes its goal, scene units.
    pub aim_error: f32,
}

/// Settings of the rigid-body simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Physics {
    /// Steps of the simulation in one frame.
    pub steps_per_frame: usize,
    /// Downwards acceleration.
    pub gravity: f32,
    /// Between any two surfaces.
    pub friction: f32,
    /// Coefficient of restitution, 0..1.
    pub restitution: f32,
    /// Share of the speed that is lost each second.
    pub linear_damping: f32,
    /// Share of the spin that is lost each second.
    pub angular_damping: f32,
    /// Contacts of one pair that are fewer frames apart are one collision.
    pub merge_frames: usize,
}

/// A pinhole camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Camera {
    /// Position, scene units.
    pub position: [f32; 3],
    /// Point in the middle of the picture, scene units.
    pub target: [f32; 3],
    /// Half the width of the view at distance one; of the shorter side where frames are not square.
    pub half_view: f32,
    /// Largest distance from `position` along each axis, scene units.
    pub jitter: f32,
}

/// What the sky's colour is multiplied with: from the horizon to the zenith it changes with the square of the sine of
/// the elevation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SkyGradient {
    /// At elevation 0.
    pub horizon: f32,
    /// Straight above.
    pub zenith: f32,
}

impl Default for SkyGradient {
    /// The same brightness everywhere.
    fn default() -> Self {
        Self {
            horizon: 1.0,
            zenith: 1.0,
        }
    }
}

/// A square lamp that faces the middle of the scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Light {
    /// Position, scene units.
    pub position: [f32; 3],
    /// Brightness at distance one.
    pub power: f32,
    /// Half its edge: larger lamps make softer shadows.
    pub half_width: f32,
    /// Largest distance from `position` along each axis, scene units.
    pub jitter: f32,
    /// Brightness of its square as mirrors show it; 0 = mirrors look through it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub radiance: f32,
}

/// One surface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Surface {
    /// Colour, linear red, green, blue.
    pub albedo: [f32; 3],
    /// Its possible textures.
    pub paint: Paint,
}

/// Possible textures of a surface.
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

/// Colours, materials and textures of objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Surfaces {
    /// The eight colours, linear red, green, blue.
    pub albedo: Albedo,
    /// Reflectance of metal.
    pub metal: Finish,
    /// Reflectance of rubber.
    pub rubber: Finish,
    /// Possible textures of objects.
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

/// Reflectance of a material.
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
    /// Reflectance of a colourless clear coat, seen from straight above; grows to 1 at grazing angles. 0 = no coat.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clearcoat: f32,
}

impl Finish {
    /// Whether anything else is seen in it.
    pub fn mirrors(&self) -> bool {
        self.mirror > 0.0 || self.clearcoat > 0.0
    }
}

/// Whether a key says nothing: it is then left out, and presets that are older than it keep their identity.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Surfaces {
    /// Reflectance of a material.
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

    /// The default's clips: those of [`Self::synth`] with metal that mirrors the lamps.
    ///
    /// # Errors
    /// Never: a test reads the preset.
    pub fn synth_metal() -> Result<Self, DataError> {
        Self::parse(include_str!("../../presets/synth-metal.toml"))
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

    /// Identity of the preset's clips, for cache keys: two presets with the same text make the same clips.
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
        assert!(
            text.contains("filmed-frames = 128"),
            "cache keys hash this text"
        );
        assert!(SynthPreset::parse(&format!("clouds = 3\n{text}")).is_err());
    }

    #[test]
    fn presets_that_say_nothing_of_reflections_keep_their_identity() {
        let known = [
            ("synth", "1-6e1b4110d1febcb4"),
            ("synth-textured", "1-1dc6639a3f9d8713"),
        ];
        for (name, identity) in known {
            let dataset = name.parse::<crate::source::Dataset>().unwrap();
            let preset = dataset.generator().unwrap();
            assert_eq!(&preset.identity()[..18], identity, "{name}");
        }
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
