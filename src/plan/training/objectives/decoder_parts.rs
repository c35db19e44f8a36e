//! What a diffusion decoder is built around: an auto-encoder, or all of Stable Diffusion, trained before.

use serde::{Deserialize, Serialize};

use super::table::{StartWeights, named, refused};
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

/// The most registers; a text of Stable Diffusion has 77 tokens in all.
const MOST_REGISTERS: usize = 1024;

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

    /// The name of a key within the table.
    fn key(&self, name: &str) -> &'static str {
        match (self.table, name) {
            ("diffusion", "tokens") => "diffusion.tokens",
            ("diffusion", "normalise") => "diffusion.normalise",
            ("diffusion", "model") => "diffusion.model",
            ("diffusion", "sampler") => "diffusion.objective.sampler.guidance",
            (_, "tokens") => "slotdiffusion.tokens",
            (_, "normalise") => "slotdiffusion.normalise",
            (_, "model") => "slotdiffusion.model",
            (_, "sampler") => "slotdiffusion.objective.sampler.guidance",
            _ => self.table,
        }
    }

    /// Refuses keys that contradict one another.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), PlanError> {
        let refuse = |name: &str, reason: &str| refused(self.key(name), reason);
        let frozen = self.frozen()?;
        let tokens = self.tokens.cloned().unwrap_or_default();
        let guidance = self.sampler.guidance;
        if !(guidance.is_finite() && guidance >= 0.0) {
            return refuse("sampler", "is no weight, 0 or above");
        }
        if let Err(reason) = self.model.diffusion.check() {
            return refuse("model", reason);
        }
        let is_vqvae = matches!(frozen, FrozenPart::VqVae(_));
        if guidance != 1.0 && (is_vqvae || tokens.condition_dropout == 0.0) {
            let reason = "is for decoders with a null token, which `tokens.condition-dropout` trains; leave it out";
            return refuse("sampler", reason);
        }
        if is_vqvae {
            return match self.tokens {
                None => Ok(()),
                Some(_) => refuse(
                    "tokens",
                    "is for Stable Diffusion; where latents are those of a VQ-VAE, slots are tokens themselves",
                ),
            };
        }
        if self.normalise {
            return refuse(
                "normalise",
                "is for a VQ-VAE; this auto-encoder's latents have a factor of their own",
            );
        }
        if !(0.0..1.0).contains(&tokens.condition_dropout) {
            return refuse(
                "tokens",
                "has a `condition-dropout` that is no share of the frames below 1",
            );
        }
        if tokens.registers > MOST_REGISTERS {
            return refuse(
                "tokens",
                "has more `registers` than the 1,024 that there may be",
            );
        }
        match frozen {
            FrozenPart::AutoencoderKl(_) => match tokens.learns {
                None | Some(TrainedPart::UNet) => Ok(()),
                Some(_) => refuse(
                    "tokens",
                    "has `learns`, which is for `stable-diffusion`: all of a new U-Net must learn",
                ),
            },
            _ if *self.model != LatentDiffusionConfig::default() => refuse(
                "model",
                "is set, and `stable-diffusion` comes with its own; leave it out",
            ),
            _ => Ok(()),
        }
    }
}
