//! Flows that run other plans.

/// Train under several values of a setting, evaluate each, compare.
pub mod ablation;

/// A plan of any flow.
pub mod any;

/// The scores or the training of bundled weights, made again.
pub mod reproduce;

/// Train every model, then predict.
pub mod speedrun;
