//! What a diffusion decoder is built around: an auto-encoder, or all of Stable Diffusion, trained before.

use serde::{Deserialize, Serialize};

use super::table::{StartWeights, named};
use crate::models::WeightsKind;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::unet::TrainedPart;
use crate::plan::error::PlanError;
use crate::plan::video_predict::WeightsName;

/// `[….tokens]`: how slots take the place of a text, of decoders in the shape of Stable Diffusion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotTokensConfig {
    /// Learned tokens beside those of the slots (CODA); zero = none, as LSD.
    pub registers: usize,
    /// Share of the frames, 0..1, all of whose slots are dropped, so that the decoder can be sampled with `guidance`.
    pub condition_dropout: f64,
    /// What of the U-Net learns: `keys-values` or `cross-attention` alone, or all of `unet`; unset = `keys-values` of a
    /// U-Net that was trained before, all of a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learns: Option<TrainedPart>,
}

impl Default for SlotTokensConfig {
    fn default() -> Self {
        Self {
            registers: 4,
            condition_dropout: 0.1,
            learns: None,
        }
    }
}

/// What is trained before a diffusion decoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FrozenPart<'a> {
    /// A VQ-VAE (SlotDiffusion).
    VqVae(&'a WeightsName),
    /// An auto-encoder with normal distributions of latents; the U-Net is new.
    AutoencoderKl(&'a WeightsName),
    /// All of Stable Diffusion (LSD, CODA).
    StableDiffusion(&'a WeightsName),
}

/// The keys of a diffusion decoder that depend on one another.
#[derive(Debug, Clone, Copy)]
pub struct DecoderParts<'a> {
    /// The table that they stand in.
    pub table: &'static str,
    /// `vqvae`
    pub vqvae: Option<&'a WeightsName>,
    /// `autoencoder-kl`
    pub autoencoder_kl: Option<&'a WeightsName>,
    /// `stable-diffusion`
    pub stable_diffusion: Option<&'a WeightsName>,
    /// `tokens`
    pub tokens: Option<&'a SlotTokensConfig>,
    /// `normalise`
    pub normalise: bool,
    /// `objective.sampler`
    pub sampler: &'a SamplerConfig,
    /// `model`
    pub model: &'a LatentDiffusionConfig,
}

impl<'a> DecoderParts<'a> {
    /// What is trained before it.
    ///
    /// # Errors
    /// When the plan names none of the three, or more than one.
    pub fn frozen(&self) -> Result<FrozenPart<'a>, PlanError> {
        let parts = [
            self.vqvae.map(FrozenPart::VqVae),
            self.autoencoder_kl.map(FrozenPart::AutoencoderKl),
            self.stable_diffusion.map(FrozenPart::StableDiffusion),
        ];
        let mut named = parts.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(part), None) => Ok(part),
            (found, _) => Err(PlanError::Value {
                key: self.table,
                reason: format!(
                    "names {} of `vqvae`, `autoencoder-kl` and `stable-diffusion`; it takes one of them",
                    if found.is_none() { "none" } else { "several" }
                ),
            }),
        }
    }

    /// Weights files that the decoder starts from.
    pub fn starts_from(&self) -> Vec<StartWeights<'a>> {
        let keys = match self.table {
            "diffusion" => [
                "diffusion.vqvae",
                "diffusion.autoencoder-kl",
                "diffusion.stable-diffusion",
            ],
            _ => [
                "slotdiffusion.vqvae",
                "slotdiffusion.autoencoder-kl",
                "slotdiffusion.stable-diffusion",
            ],
        };
        let parts = [
            (self.vqvae, WeightsKind::VqVae),
            (self.autoencoder_kl, WeightsKind::AutoencoderKl),
            (self.stable_diffusion, WeightsKind::StableDiffusion),
        ];
        let all = keys.into_iter().zip(parts);
        named(all.map(|(key, (name, kind))| (key, name, Some(kind))))
    }

    /// Refuses keys that contradict one another.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), PlanError> {
        let refused = |reason: &str| {
            Err(PlanError::Value {
                key: self.table,
                reason: reason.to_owned(),
            })
        };
        let frozen = self.frozen()?;
        let guidance = self.sampler.guidance;
        if !(guidance.is_finite() && guidance >= 0.0) {
            return refused("has an `objective.sampler.guidance` that is no weight, 0 or above");
        }
        if let FrozenPart::VqVae(_) = frozen {
            return match self.tokens {
                None if guidance == 1.0 => Ok(()),
                None => refused(
                    "has an `objective.sampler.guidance`, and decoders in a VQ-VAE's latents have no null token; leave it out",
                ),
                Some(_) => refused(
                    "has `tokens`, and slots are tokens themselves where latents are those of a VQ-VAE; leave it out",
                ),
            };
        }
        if self.normalise {
            return refused(
                "has `normalise`, and this auto-encoder's latents have a factor of their own; leave it out",
            );
        }
        let tokens = self.tokens.cloned().unwrap_or_default();
        if !(0.0..1.0).contains(&tokens.condition_dropout) {
            return refused(
                "has a `tokens.condition-dropout` that is no share of the frames below 1",
            );
        }
        match frozen {
            FrozenPart::AutoencoderKl(_) => match tokens.learns {
                None | Some(TrainedPart::UNet) => Ok(()),
                Some(_) => refused(
                    "has a new U-Net, all of which must learn: `tokens.learns` is for `stable-diffusion`",
                ),
            },
            _ if *self.model != LatentDiffusionConfig::default() => {
                refused("has `model`, and `stable-diffusion` comes with its own; leave it out")
            }
            _ => Ok(()),
        }
    }
}
