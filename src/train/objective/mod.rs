//! What each model is trained on and for.

/// Slots and questions → answers.
pub mod aloe;

/// Slots → frames by diffusion.
pub mod diffusion;

/// Pixels → events, for the network that judges motion.
pub mod motion;

/// Slots so far → slots to come.
pub mod slotformer;

/// Frames → slots → frames.
pub mod slots;

/// Frames ↔ codes.
pub mod vqvae;
