//! How models learn: one loop for all objectives.

/// The interface between an objective and the training loop.
pub mod interface;

/// What each model is trained on and for.
pub mod objectives;

/// The loop, optimiser, schedule, checkpoints and resume.
pub mod fit;

/// Clips, slots and batches of a training.
pub mod data;

/// Objects that differ from the empty scene, found without labels.
pub mod segments;

/// Logs, TensorBoard, throughput, loss spikes.
pub mod monitor;

/// Why a training could not go on.
pub mod error;

pub use error::TrainError;
pub use fit::checkpoint::Better;
pub use fit::config::FitConfig;
pub use fit::training_loop::fit;
pub use fit::training_result::TrainingResult;
pub use interface::{Losses, Objective, StepContext};
