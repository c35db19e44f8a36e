//! What is watched while a training runs.

/// `log.jsonl`, one JSON object a line.
pub mod log;

/// TensorBoard event files.
pub mod tensorboard;

/// Throughput, and losses that spike.
pub mod watch;
