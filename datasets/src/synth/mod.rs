//! The built-in generator: clips of the kind that CLEVRER shows, made from a seed.

/// Every property of a kind of clip.
pub mod preset;

/// What happened in a clip.
pub mod record;

/// Patterns painted on things.
pub mod texture;

/// Who takes part in a clip and how they start.
pub mod world;

/// Frames and masks of a clip.
pub mod render;

/// Clips as programs see them.
pub mod table;

mod camera;
mod light;
mod shape;
mod simulate;

pub use preset::SynthPreset;
pub use record::{Color, Event, Material, Object, Pose, Record, Shape};
pub use render::Renderer;
pub use table::Told;
pub use texture::{Pattern, Texture};
pub use world::World;
