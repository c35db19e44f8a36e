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

/// Questions about clips.
pub mod ask;

/// Clips on disk in CLEVRER's layout.
pub mod layout;

/// Clips as programs see them.
pub mod table;

/// Will red touch yellow?
pub mod contact;

/// Clips as numbers.
pub mod states;

pub mod source;

/// Frames and masks of many clips, kept in files.
pub mod cache;

mod camera;
mod light;
mod shape;
mod simulate;

pub use cache::FrameCache;
pub use contact::ContactSource;
pub use preset::SynthPreset;
pub use record::{Color, Event, Material, Object, Pose, Record, Shape};
pub use render::Renderer;
pub use source::{Split, SynthSource};
pub use states::States;
pub use table::Told;
pub use texture::{Pattern, Texture};
pub use world::World;
