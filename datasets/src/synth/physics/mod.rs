//! Rigid bodies on a floor, simulated with rapier3d.

/// Objects of a clip and their initial states.
pub mod world;

/// Moves the bodies and notes their events.
pub(crate) mod simulate;

/// Trajectories, attributes and events of a clip.
pub mod record;

/// True object states at chosen frames, as arrays.
pub mod states;
