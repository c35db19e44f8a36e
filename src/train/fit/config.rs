//! `[fit]`: how long, how fast, what is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::train::fit::schedule::Schedule;

/// `[fit]` of a training plan: the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FitConfig {
    /// Optimiser steps.
    pub steps: u64,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// Longest gradient over all parameters together; unset = never clipped.
    pub clip: Option<f64>,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// Decay of a running average of the parameters, which is then what is kept; unset = none.
    pub average: Option<f64>,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub save_every: u64,
    /// Steps between two validations with pictures.
    pub validate_every: u64,
    /// Checkpoints that are kept, beside the one that validated best.
    pub keep: usize,
    /// Give the model of the best validation instead of the last one.
    pub keep_best: bool,
    /// A loss so many times the median of those before it is a spike; 0 = there are none.
    pub spike: f64,
    /// Response to a step whose loss is a spike.
    pub on_spike: OnSpike,
    /// Compute values of the forward pass again in the backward pass instead of keeping them: less memory, more time.
    pub gradient_checkpointing: bool,
    /// A checkpoint or the weights of another training of the same model, whose parameters this one starts from.
    pub start: Option<PathBuf>,
}

/// Response to a step whose loss is a spike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSpike {
    /// The training stops before it.
    #[default]
    Stop,
    /// The step changes nothing, and the training goes on, unless ten in a row are spikes.
    Skip,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            steps: 1000,
            schedule: Schedule::default(),
            clip: None,
            accumulate: 1,
            average: None,
            log_every: 20,
            save_every: 200,
            validate_every: 500,
            keep: 2,
            keep_best: false,
            spike: 50.0,
            on_spike: OnSpike::Stop,
            gradient_checkpointing: false,
            start: None,
        }
    }
}
