//! Videos → frames → slots.

/// Clips of a source → frames, masks and questions.
pub mod decode;

/// Frames → slots and attention masks.
pub mod encode;

/// Frames → slots by pooling features over regions.
mod encode_regions;
