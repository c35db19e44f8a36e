//! Every network.

/// Layers that more than one model uses.
pub mod blocks;

/// Slots → pictures.
pub mod decoder;

/// Pictures → slots.
pub mod encoder;

/// Slots so far → slots to come.
pub mod dynamics;

/// Networks whose features judge.
pub mod perceptual;

/// Slots and a question → an answer.
pub mod reasoner;

/// Slots of clips, in hand.
pub mod slots;

pub use slots::SlotSequence;
