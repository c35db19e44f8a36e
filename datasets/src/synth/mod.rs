//! The built-in generator: clips of the kind that CLEVRER shows, made from a seed.

/// What happened in a clip.
pub mod record;

/// Patterns painted on things.
pub mod texture;

pub use record::{Color, Event, Material, Object, Pose, Record, Shape};
pub use texture::{Pattern, Texture};
