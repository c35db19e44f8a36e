//! Rigid bodies on a floor, simulated with rapier3d.

/// Objects of a clip and their initial states.
pub mod world;

/// Moves the bodies and notes their events.
pub(crate) mod simulate;

/// Trajectories, attributes and events of a clip.
pub mod record;

/// Camera, light and surroundings of a clip whose preset varies them.
pub mod clip_look;

/// The same clip with other objects.
mod variants;

/// Draws them from a seed.
pub(crate) mod vary;

/// True object states at chosen frames, as arrays.
pub mod states;
