//! What is watched while a training runs.

/// `log.jsonl`, one JSON object a line.
pub mod log;

/// TensorBoard event files.
pub mod tensorboard;

/// Steps a second, and the share of waiting for data.
pub mod throughput;

/// Losses that jump.
pub mod loss_spikes;
