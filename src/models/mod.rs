//! Every network.

/// Layers that more than one model uses.
pub mod blocks;

/// Slots → frames.
pub mod decoder;

/// Frames → slots.
pub mod encoder;

/// Past slots → future slots.
pub mod dynamics;

/// Networks that metrics are computed with: I3D, Inception, LPIPS.
pub mod perceptual;

/// Slots and a question → an answer.
pub mod reasoner;

/// Slots of a batch of clips.
pub mod slots;

/// What weights files hold.
mod kind;

pub use kind::WeightsKind;
pub use slots::SlotSequence;
