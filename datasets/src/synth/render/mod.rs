//! A small ray tracer: frames and exact instance masks of a recorded clip.

/// Projection from scene coordinates to pixels and back.
pub(crate) mod camera;

/// Shading: area lights, shadows, mirror reflections.
pub(crate) mod light;

/// Which pixels of a frame differ from the frame before.
pub(crate) mod changes;

/// Ray intersection with cubes, spheres and cylinders.
pub(crate) mod shape;

/// Procedural patterns on objects and floors.
pub mod texture;

/// Frames and masks of a [`Record`](super::Record).
pub mod renderer;
