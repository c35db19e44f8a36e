//! What several objectives are made of.

/// What auto-encoders of frames have in common.
pub mod reconstruct;

/// Where a slot encoder that learns with a decoder starts from.
pub mod encoder_init;

/// Diffusion decoders before their first step.
pub mod decoder_init;

/// Figures of a validation.
pub mod figures;

/// Slots that are left out, so that a decoder learns what is there without them.
pub mod slot_dropout;
