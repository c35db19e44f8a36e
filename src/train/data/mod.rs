//! What a training reads.

/// `[data]` of a plan, and what an objective may read of a clip.
pub mod config;

/// Frames and masks of a training's clips in memory.
pub mod clip_dataset;

/// Slots of every frame, encoded once and memory-mapped.
pub mod slot_store;

/// Batches made ahead on other threads, delivered in order.
pub mod prefetch;

pub use config::{ClipFact, TrainData};
