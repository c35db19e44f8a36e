//! What a training reads.

/// `[data]` of a plan, and what an objective reads of a clip.
pub mod config;

/// The data set of a training: frames, and what it knows of its clips.
pub mod source;

/// Frames and masks of a training's clips, wherever they lie.
pub mod clip_dataset;

/// How much the pixels of frames count.
pub mod pixel_weights;

/// Numbers for every frame, in a file that is memory-mapped.
pub mod array_store;

/// Slots of every frame, encoded once.
pub mod slot_store;

/// Latents of every frame, encoded once.
pub mod latent_store;

/// Slots that were imported in place of an encoder and clips.
pub mod imported_slots;

/// Slots with rollouts behind them.
pub mod rollouts;

/// Slots with the object that each is of.
pub mod head_dataset;

/// Slots with questions.
pub mod qa_dataset;

/// Slots with outcomes.
pub mod readout_dataset;

/// Batches made ahead on other threads, delivered in order.
pub mod prefetch;

pub use config::{ClipNeeds, TrainData};
