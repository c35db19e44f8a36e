//! Every network.

/// Layers that more than one model uses.
pub mod blocks;

/// Slots → pictures.
pub mod decoder;

/// Pictures → slots.
pub mod encoder;
