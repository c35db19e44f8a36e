//! The training loop and all that it needs: optimiser, schedule, checkpoints, resume.

/// `[fit]` of a plan: steps, schedule, what is kept.
pub mod config;

/// Adam, gradient clipping by global norm, exponential moving average.
pub mod adam;

/// Learning rate over the steps.
pub mod schedule;

/// Parameters, optimiser and averages of one step on disk.
pub mod checkpoint;

/// Refuses to resume a folder that was trained with other settings.
pub mod resume_identity;

/// The model and figures at the end of a training.
pub mod training_result;

/// Processes that train one model together.
pub mod ranks;

/// Losses and gradients of one step.
mod step_gradients;

/// Batch, loss, gradient, clip, step, log, validate, save.
pub mod training_loop;
