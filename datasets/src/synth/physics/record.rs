//! Records of simulated clips: objects, poses in every frame, events.
//! The words are those of CLEVRER's annotations (Yi et al., ICLR 2020).

use serde::{Deserialize, Serialize};

use crate::synth::physics::clip_look::ClipLook;
use crate::synth::render::texture::Texture;

/// The form of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// All edges alike.
    Cube,
    /// Round.
    Sphere,
    /// As tall as wide, upright unless it was thrown over.
    Cylinder,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cube, Self::Sphere, Self::Cylinder];

    /// CLEVRER's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cube => "cube",
            Self::Sphere => "sphere",
            Self::Cylinder => "cylinder",
        }
    }
}

/// Material of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Material {
    /// Shiny: mirrors its surroundings.
    Metal,
    /// Dull.
    Rubber,
}

impl Material {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Metal, Self::Rubber];

    /// CLEVRER's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Metal => "metal",
            Self::Rubber => "rubber",
        }
    }
}

/// The colour of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is its own word")]
pub enum Color {
    Gray,
    Red,
    Blue,
    Green,
    Brown,
    Yellow,
    Cyan,
    Purple,
}

impl Color {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Gray,
        Self::Red,
        Self::Blue,
        Self::Green,
        Self::Brown,
        Self::Yellow,
        Self::Cyan,
        Self::Purple,
    ];

    /// CLEVRER's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gray => "gray",
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Brown => "brown",
            Self::Yellow => "yellow",
            Self::Cyan => "cyan",
            Self::Purple => "purple",
        }
    }
}

/// One object of a clip. Shape, material and colour together are unique within the clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Object {
    /// Its number in the clip; the pixel value of its mask is one more. Numbers stay when another object is removed.
    pub id: usize,
    /// Form.
    pub shape: Shape,
    /// Material.
    pub material: Material,
    /// Colour.
    pub color: Color,
    /// Half its width: a sphere's or cylinder's radius (and half the height), half a cube's edge.
    pub half_width: f32,
    /// Its texture.
    pub texture: Texture,
}

/// Pose and velocity of an object in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pose {
    /// Centre; z points up, the floor is z = 0.
    pub position: [f32; 3],
    /// Unit quaternion x, y, z, w; a cylinder's axis is its own z.
    pub rotation: [f32; 4],
    /// Units of length a second.
    pub velocity: [f32; 3],
    /// Radians a second.
    pub angular_velocity: [f32; 3],
    /// Whether its centre is inside the frame (others may still hide it).
    pub inside_camera_view: bool,
}

/// An event. Frames count from 0 and go on past the rendered ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Two objects touched.
    Collision {
        /// Their ids, the smaller first.
        objects: [usize; 2],
        /// The first frame that shows them touching.
        frame: usize,
        /// Halfway between their centres.
        location: [f32; 3],
        /// Whether at least one of the two was inside the camera's view.
        inside_camera_view: bool,
    },
    /// An object came into view. Those in view at frame 0 have none.
    Enter {
        /// Its id.
        object: usize,
        /// The first frame that has it in view.
        frame: usize,
    },
    /// An object went out of view.
    Leave {
        /// Its id.
        object: usize,
        /// The first frame that no longer has it in view.
        frame: usize,
    },
}

impl Event {
    /// The event's frame.
    pub fn frame(&self) -> usize {
        match self {
            Self::Collision { frame, .. }
            | Self::Enter { frame, .. }
            | Self::Leave { frame, .. } => *frame,
        }
    }
}

/// Everything that is known about a generated clip. A pure function of preset and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The preset's name.
    pub preset: String,
    /// The seed.
    pub seed: u64,
    /// Frames a second.
    pub fps: f32,
    /// Number of rendered frames; `motion` and `events` go on past them.
    #[serde(rename = "filmed-frames")]
    pub rendered_frames: usize,
    /// The objects.
    pub objects: Vec<Object>,
    /// `motion[frame][k]` is the pose of `objects[k]`.
    pub motion: Vec<Vec<Pose>>,
    /// Events by frame.
    pub events: Vec<Event>,
    /// Position of the camera, scene units.
    pub camera: [f32; 3],
    /// Positions of the lights, scene units.
    pub lights: Vec<[f32; 3]>,
    /// Texture of the floor.
    pub floor: Texture,
    /// Camera, light and surroundings, where the preset varies them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<ClipLook>,
}

impl Record {
    /// Events of the rendered frames.
    pub fn rendered_events(&self) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .filter(|event| event.frame() < self.rendered_frames)
    }

    /// The place of an object in `objects` and in each frame of `motion`; `None` if it does not take part.
    pub fn index_of(&self, id: usize) -> Option<usize> {
        self.objects.iter().position(|object| object.id == id)
    }
}
