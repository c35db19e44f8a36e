//! What each model is trained on and for.

/// Slots and questions → answers.
pub mod aloe;

/// Slots → objects and collisions.
pub mod object_event_head;

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

/// Where the slot encoder that learns with a decoder starts from.
pub mod encoder_init;

/// What the appearance probe of a slot is trained to predict: presence, place, size, thumbnail.
pub mod appearance_probe;
