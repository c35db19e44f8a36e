//! Trained models over whole clips: arrays in, arrays out. Stages and trainings both go through here.

/// Slots without an object, which no model sees.
pub mod empty_slots;

/// Frames → slots and attention masks.
pub mod encode;

/// Clusters of feature vectors.
pub mod k_means;

/// Features pooled over regions → slots.
pub mod regions;

/// Slots → slots with a rollout behind them.
pub mod rollout;

/// Slots → frames.
pub mod render;
