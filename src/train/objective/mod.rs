//! What each model is trained on and for.

/// Slots and questions → answers.
pub mod aloe;

/// Slots → objects and collisions.
pub mod sight;

/// Slots → frames by diffusion.
pub mod diffusion;

/// Frames ↔ tokens.
pub mod dvae;

/// Pixels → events, for the network that judges motion.
pub mod motion;

/// What auto-encoders of frames have in common.
pub mod reconstruct;

/// Slots seen and imagined → whether something happens.
pub mod readout;

/// Frames → slots → frames by diffusion, encoder and decoder together.
pub mod slotdiffusion;

/// Slots so far → slots to come.
pub mod slotformer;

/// Frames → slots → frames.
pub mod slots;

/// Slots → tokens → frames, with or without the encoder.
pub mod steve;

/// Frames ↔ codes.
pub mod vqvae;
