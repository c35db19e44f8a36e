//! The sizes of any of our models.

use burn::tensor::Device;
use serde::Serialize;

use super::{OfficialConfig, decoder, diffusion, encoder, reasoner};
use crate::models::WeightsKind;
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::mixture::MixtureConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::{SlotEncoderConfig, Vit, VitConfig};
use crate::models::reasoner::{AloeConfig, PhyreReadoutConfig, PhysionReadoutConfig};
use crate::rng::Init;
use crate::weights::{Shapes, StateDict, WeightsError, shapes_of};

/// The configuration of one of our models, as the header of its weights file has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Sizes {
    /// `slot-encoder`
    SlotEncoder(SlotEncoderConfig),
    /// `mixture`
    Mixture(MixtureConfig),
    /// `autoregressive`
    Autoregressive(AutoregressiveConfig),
    /// `latent-diffusion`
    LatentDiffusion(Box<LatentDiffusionConfig>),
    /// `slotformer`
    SlotFormer(SlotFormerConfig),
    /// `aloe`
    Aloe(AloeConfig),
    /// `physion-readout`
    PhysionReadout(PhysionReadoutConfig),
    /// `phyre-readout`
    PhyreReadout(PhyreReadoutConfig),
    /// `dvae`
    Dvae(DvaeConfig),
    /// `vqvae`
    VqVae(VqVaeConfig),
    /// `vit`
    Vit(VitConfig),
}

impl Sizes {
    /// The sizes of a model of that kind, whose arrays have `shapes` under our names; `official` has those
    /// of the whole checkpoint under its own, with the buffers that are dropped.
    ///
    /// # Errors
    /// When an array is missing that tells a size, when nothing tells one, or when the configuration
    /// contradicts the shapes.
    pub fn told(
        kind: WeightsKind,
        shapes: &Shapes,
        official: &Shapes,
        facts: &OfficialConfig,
    ) -> Result<Self, WeightsError> {
        Ok(match kind {
            WeightsKind::SlotEncoder => {
                Self::SlotEncoder(encoder::encoder(shapes, official, facts)?)
            }
            WeightsKind::Mixture => Self::Mixture(encoder::mixture(shapes, official, facts)?),
            WeightsKind::Autoregressive => {
                Self::Autoregressive(decoder::autoregressive(shapes, official, facts)?)
            }
            WeightsKind::LatentDiffusion => Self::LatentDiffusion(Box::new(
                diffusion::latent_diffusion(shapes, official, facts)?,
            )),
            WeightsKind::SlotFormer => Self::SlotFormer(reasoner::slotformer(shapes, facts)?),
            WeightsKind::Aloe => Self::Aloe(reasoner::aloe(shapes, facts)?),
            WeightsKind::PhysionReadout => Self::PhysionReadout(reasoner::physion(shapes, facts)?),
            WeightsKind::PhyreReadout => Self::PhyreReadout(reasoner::phyre(shapes, facts)?),
            WeightsKind::Dvae => Self::Dvae(decoder::dvae(shapes, facts, "vocab_size")?),
            WeightsKind::VqVae => Self::VqVae(decoder::vqvae(shapes, facts, "")?),
            WeightsKind::Vit => {
                let resolution = encoder::vit_resolution(shapes, facts)?;
                Self::Vit(encoder::vit(shapes, facts, resolution)?)
            }
            other => {
                return Err(WeightsError::UnknownModel {
                    name: other.name().to_owned(),
                    known: String::new(),
                });
            }
        })
    }

    /// Refuses buffers of the checkpoint that say something else than the configuration.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self, official: &StateDict) -> Result<(), WeightsError> {
        match self {
            Self::LatentDiffusion(config) => diffusion::check_schedule(config, official),
            _ => Ok(()),
        }
    }

    /// The shape of every parameter that a model of these sizes has, under our names.
    pub fn shapes(&self) -> Shapes {
        // Zeros that are never touched: the system gives them out without memory behind them.
        let init = &mut Init::blank(&Device::flex());
        match self {
            Self::SlotEncoder(config) => shapes_of(&config.init(init)),
            Self::Mixture(config) => shapes_of(&config.init(init)),
            Self::Autoregressive(config) => shapes_of(&config.init(init)),
            Self::LatentDiffusion(config) => shapes_of(&config.init(init)),
            Self::SlotFormer(config) => shapes_of(&config.init(init)),
            Self::Aloe(config) => shapes_of(&config.init(init)),
            Self::PhysionReadout(config) => shapes_of(&config.init(init)),
            Self::PhyreReadout(config) => shapes_of(&config.init(init)),
            Self::Dvae(config) => shapes_of(&config.init(init)),
            Self::VqVae(config) => shapes_of(&config.init(init)),
            Self::Vit(config) => shapes_of(&Vit::new(init, config)),
        }
    }
}
