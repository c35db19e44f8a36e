//! A slot encoder that learns with a decoder.

use burn::module::Module;

use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::noise::Init;

/// A slot encoder that learns with a decoder: from nothing, or on from what was trained before.
#[derive(Debug)]
pub struct LearnedEncoder {
    /// The encoder.
    pub config: SlotEncoderConfig,
    /// What it begins as; unset = random parameters.
    pub start: Option<SlotEncoder>,
}

impl LearnedEncoder {
    /// An encoder that begins with random parameters.
    pub fn fresh(config: SlotEncoderConfig) -> Self {
        Self {
            config,
            start: None,
        }
    }

    /// The encoder before the first step.
    pub fn init(&self, init: &mut Init) -> SlotEncoder {
        match &self.start {
            Some(start) => start.clone().fork(init.device()),
            None => self.config.init(init),
        }
    }
}
