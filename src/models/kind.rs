//! What weights files hold: one kind for every model, named in the file's header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a weights file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WeightsKind {
    /// [`SlotEncoder`](super::encoder::SlotEncoder)
    SlotEncoder,
    /// [`Vit`](super::encoder::Vit)
    Vit,
    /// [`Mixture`](super::decoder::mixture::Mixture)
    Mixture,
    /// [`Autoregressive`](super::decoder::autoregressive::Autoregressive)
    Autoregressive,
    /// [`LatentDiffusion`](super::decoder::latent_diffusion::LatentDiffusion)
    LatentDiffusion,
    /// [`StableDiffusion`](super::decoder::stable_diffusion::StableDiffusion)
    StableDiffusion,
    /// [`SlotStableDiffusion`](super::decoder::stable_diffusion::slots_as_text::SlotStableDiffusion)
    SlotStableDiffusion,
    /// [`AutoencoderKl`](super::decoder::autoencoder_kl::AutoencoderKl)
    AutoencoderKl,
    /// [`Dvae`](super::decoder::dvae::Dvae)
    Dvae,
    /// [`VqVae`](super::decoder::vqvae::VqVae)
    VqVae,
    /// [`SlotFormer`](super::dynamics::SlotFormer)
    SlotFormer,
    /// [`Aloe`](super::reasoner::Aloe)
    Aloe,
    /// [`ObjectEventHead`](super::reasoner::ObjectEventHead)
    ObjectEventHead,
    /// [`PhysionReadout`](super::reasoner::PhysionReadout)
    PhysionReadout,
    /// [`PhyreReadout`](super::reasoner::PhyreReadout)
    PhyreReadout,
    /// [`Motion`](super::perceptual::motion::Motion)
    Motion,
    /// Buffers of an official checkpoint that no model of ours needs, kept for its export.
    OfficialBuffers,
    /// A training's state: model, optimiser, running average.
    Checkpoint,
    /// A training's best model so far.
    Best,
}

impl WeightsKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::SlotEncoder,
        Self::Vit,
        Self::Mixture,
        Self::Autoregressive,
        Self::LatentDiffusion,
        Self::StableDiffusion,
        Self::SlotStableDiffusion,
        Self::AutoencoderKl,
        Self::Dvae,
        Self::VqVae,
        Self::SlotFormer,
        Self::Aloe,
        Self::ObjectEventHead,
        Self::PhysionReadout,
        Self::PhyreReadout,
        Self::Motion,
        Self::OfficialBuffers,
        Self::Checkpoint,
        Self::Best,
    ];

    /// Names of earlier versions.
    const EARLIER: [(&str, Self); 1] = [("sight", Self::ObjectEventHead)];

    /// Name in headers and of files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlotEncoder => "slot-encoder",
            Self::Vit => "vit",
            Self::Mixture => "mixture",
            Self::Autoregressive => "autoregressive",
            Self::LatentDiffusion => "latent-diffusion",
            Self::StableDiffusion => "stable-diffusion",
            Self::SlotStableDiffusion => "slot-stable-diffusion",
            Self::AutoencoderKl => "autoencoder-kl",
            Self::Dvae => "dvae",
            Self::VqVae => "vqvae",
            Self::SlotFormer => "slotformer",
            Self::Aloe => "aloe",
            Self::ObjectEventHead => "object-event-head",
            Self::PhysionReadout => "physion-readout",
            Self::PhyreReadout => "phyre-readout",
            Self::Motion => "motion",
            Self::OfficialBuffers => "official-buffers",
            Self::Checkpoint => "checkpoint",
            Self::Best => "best",
        }
    }
}

/// A name that no kind of weights has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model is called `{0}`")]
pub struct UnknownKind(String);

impl FromStr for WeightsKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let today = Self::ALL.into_iter().find(|kind| kind.name() == name);
        let earlier = || Self::EARLIER.into_iter().find(|(old, _)| *old == name);
        today
            .or_else(|| earlier().map(|(_, kind)| kind))
            .ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

impl TryFrom<String> for WeightsKind {
    type Error = UnknownKind;

    fn try_from(name: String) -> Result<Self, UnknownKind> {
        name.parse()
    }
}

impl From<WeightsKind> for String {
    fn from(kind: WeightsKind) -> Self {
        kind.name().to_owned()
    }
}

impl fmt::Display for WeightsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_name_and_from_earlier_ones() {
        for kind in WeightsKind::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<WeightsKind>(&text).unwrap(), kind);
        }
        assert_eq!("sight".parse(), Ok(WeightsKind::ObjectEventHead));
        assert!("sigth".parse::<WeightsKind>().is_err());
    }
}
