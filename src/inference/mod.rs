//! Trained models over whole clips: arrays in, arrays out. Stages and trainings both go through here.

use burn::tensor::Device;

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

/// Frames one by one → slots and rollouts.
pub mod stream;

/// Slots → frames.
pub mod render;

/// Frames of a clip that are encoded or rendered at once: bounds the memory, changes no number. Few on a CPU, which is no
/// faster with more, so that a person soon sees how far a clip is; many on a GPU, which is.
pub fn frames_at_once(device: &Device) -> usize {
    if *device == Device::flex() { 8 } else { 48 }
}
