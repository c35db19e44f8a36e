//! Slots so far → slots to come.

/// `SlotFormer`, for a window of frames or growing from one.
pub mod slotformer;

pub use slotformer::{SlotFormer, SlotFormerConfig};
