//! The built-in generator: clips of the kind that CLEVRER shows, made from a seed.

/// Settings of a kind of generated clip, from `presets/*.toml`.
pub mod preset;

/// Rigid bodies: initial states, simulation, recorded trajectories and events.
pub mod physics;

/// The ray tracer: frames and exact instance masks.
pub mod render;

/// Questions about clips, with their functional programs.
pub mod questions;

/// Clips on disk: CLEVRER's and Physion's layouts, and the frame cache of a training.
pub mod export;

/// Physion-like clips: will the red object touch the yellow one?
pub mod contact;

/// Generated clips as a [`Source`](crate::source::Source).
pub mod source;

pub use contact::ContactSource;
pub use physics::record::{Color, Event, Material, Object, Pose, Record, Shape};
pub use physics::states::States;
pub use physics::world::World;
pub use preset::SynthPreset;
pub use questions::event_table::AnnotatedClip;
pub use render::renderer::Renderer;
pub use render::texture::{Pattern, Texture};
pub use source::SynthSource;
