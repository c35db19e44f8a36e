//! Plans that name other plans.

/// One model trained under several values of a setting.
pub mod ablation;

/// Plans in a row: train, then predict.
pub mod speedrun;
