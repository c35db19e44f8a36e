//! Tables of trainings that see frames: auto-encoders, slot encoders, slot decoders, the motion network.
use serde::{Deserialize, Serialize};
use slotflow_datasets::GroundTruth;

use super::decoder_parts::{DecoderParts, SlotTokensConfig};
use super::table::{ObjectiveTable, StartWeights, check_rate, check_window, named, refused};
use crate::models::WeightsKind;
use crate::models::decoder::autoencoder_kl::AutoencoderKlConfig;
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::mixture::MixtureConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::encoder::SlotEncoderConfig;
use crate::models::perceptual::motion::MotionConfig;
use crate::plan::error::PlanError;
use crate::plan::video_predict::WeightsName;
use crate::train::data::config::{ClipNeeds, TrainData};
use crate::train::objectives::autoencoder_kl::AutoencoderKlObjectiveConfig;
use crate::train::objectives::diffusion::DiffusionObjectiveConfig;
use crate::train::objectives::dvae::DvaeObjectiveConfig;
use crate::train::objectives::motion::MotionObjectiveConfig;
use crate::train::objectives::slotdiffusion::SlotDiffusionObjectiveConfig;
use crate::train::objectives::slots::SlotsObjectiveConfig;
use crate::train::objectives::steve::SteveObjectiveConfig;
use crate::train::objectives::vqvae::VqVaeObjectiveConfig;

/// `[vqvae]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaePlan {
    /// The objective.
    pub objective: VqVaeObjectiveConfig,
    /// The model.
    pub model: VqVaeConfig,
}

impl ObjectiveTable for VqVaePlan {}

/// `[autoencoder-kl]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AutoencoderKlPlan {
    /// The objective.
    pub objective: AutoencoderKlObjectiveConfig,
    /// The model; its `scaling-factor` is measured when it is trained.
    pub model: AutoencoderKlConfig,
}

impl ObjectiveTable for AutoencoderKlPlan {}

/// `[slots]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotsPlan {
    /// A slot encoder, trained before, that learns on from there; its sizes take the place of those of `encoder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_encoder: Option<WeightsName>,
    /// The objective.
    pub objective: SlotsObjectiveConfig,
    /// The encoder.
    pub encoder: SlotEncoderConfig,
    /// The decoder that it learns with.
    pub decoder: MixtureConfig,
}

impl ObjectiveTable for SlotsPlan {
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([(
            "slots.start-encoder",
            self.start_encoder.as_ref(),
            Some(WeightsKind::SlotEncoder),
        )])
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        check_window("slots.objective.window", self.objective.window, data)?;
        check_rate("slots.objective.decoder-rate", self.objective.decoder_rate)?;
        check_appearance(&self.objective)
    }
}

/// Refuses thumbnails without pixels, and a balance that would change at no point of the training.
fn check_appearance(objective: &SlotsObjectiveConfig) -> Result<(), PlanError> {
    let appearance = &objective.appearance;
    let hidden = appearance.hidden.unwrap_or(1);
    if appearance.cells * appearance.cell_size * hidden == 0 {
        return refused(
            "slots.objective.appearance",
            "has a size of 0; the least is 1",
        );
    }
    let decay = &objective.segment_loss.balance_decay;
    if decay.is_some_and(|decay| !(0.0..1.0).contains(&decay.after)) {
        return refused(
            "slots.objective.segment-loss.balance-decay.after",
            "must be at least 0 and below 1",
        );
    }
    Ok(())
}

/// `[diffusion]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiffusionPlan {
    /// The slot encoder, trained before.
    pub encoder: WeightsName,
    /// The VQ-VAE, trained before; its sizes take the place of those in `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vqvae: Option<WeightsName>,
    /// In place of a VQ-VAE: an auto-encoder in the shape of Stable Diffusion's, trained before. The U-Net of `model` reads
    /// `tokens` made of slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoencoder_kl: Option<WeightsName>,
    /// In place of both: Stable Diffusion as `pipeline import` writes it, which learns to read `tokens` made of slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_diffusion: Option<WeightsName>,
    /// Divide latents by their own deviation and move them to mean zero.
    #[serde(default)]
    pub normalise: bool,
    /// How slots take the place of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<SlotTokensConfig>,
    /// The objective.
    #[serde(default)]
    pub objective: DiffusionObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: LatentDiffusionConfig,
}

impl DiffusionPlan {
    /// What the decoder is built around.
    pub fn decoder(&self) -> DecoderParts<'_> {
        DecoderParts {
            table: "diffusion",
            vqvae: self.vqvae.as_ref(),
            autoencoder_kl: self.autoencoder_kl.as_ref(),
            stable_diffusion: self.stable_diffusion.as_ref(),
            tokens: self.tokens.as_ref(),
            normalise: self.normalise,
            sampler: &self.objective.sampler,
            model: &self.model,
        }
    }
}

impl ObjectiveTable for DiffusionPlan {
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        let mut all = named([(
            "diffusion.encoder",
            Some(&self.encoder),
            Some(WeightsKind::SlotEncoder),
        )]);
        all.extend(self.decoder().starts_from());
        all
    }

    fn check(&self, _: &TrainData) -> Result<(), PlanError> {
        self.decoder().check()?;
        let share = self.objective.slot_dropout;
        if (0.0..=1.0).contains(&share) {
            return Ok(());
        }
        let reason = format!("is {share}; it is a share of the steps, from 0 to 1");
        refused("diffusion.objective.slot-dropout", reason)
    }
}

/// `[dvae]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DvaePlan {
    /// The objective.
    pub objective: DvaeObjectiveConfig,
    /// The model.
    pub model: DvaeConfig,
}

impl ObjectiveTable for DvaePlan {}

/// `[steve]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StevePlan {
    /// The dVAE, trained before; its sizes take the place of those in `model`.
    pub dvae: WeightsName,
    /// A slot encoder that was trained before and stays as it is; unset = `slots` learns with the decoder, as in the
    /// papers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// A slot encoder, trained before, that learns on from there; its sizes take the place of those of `slots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_encoder: Option<WeightsName>,
    /// The objective.
    #[serde(default)]
    pub objective: SteveObjectiveConfig,
    /// The encoder that learns with the decoder.
    #[serde(default)]
    pub slots: SlotEncoderConfig,
    /// The decoder; the width of a slot is the encoder's.
    #[serde(default)]
    pub model: AutoregressiveConfig,
}

impl ObjectiveTable for StevePlan {
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([
            ("steve.dvae", Some(&self.dvae), Some(WeightsKind::Dvae)),
            (
                "steve.encoder",
                self.encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
            (
                "steve.start-encoder",
                self.start_encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
        ])
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        if self.encoder.is_some() && self.start_encoder.is_some() {
            return refused(
                "steve.encoder",
                "stays as it is and `steve.start-encoder` learns on; set one of them",
            );
        }
        check_rate("steve.objective.decoder-rate", self.objective.decoder_rate)?;
        check_window("steve.objective.window", self.objective.window, data)
    }
}

/// `[slotdiffusion]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SlotDiffusionPlan {
    /// The VQ-VAE, trained before; its sizes take the place of those in `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vqvae: Option<WeightsName>,
    /// In place of a VQ-VAE: an auto-encoder in the shape of Stable Diffusion's, trained before. The U-Net of `model` reads
    /// `tokens` made of slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoencoder_kl: Option<WeightsName>,
    /// In place of both: Stable Diffusion as `pipeline import` writes it, which learns to read `tokens` made of slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_diffusion: Option<WeightsName>,
    /// A vision transformer, trained before, for the stem of `slots`; only where that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vit: Option<WeightsName>,
    /// A slot encoder, trained before, that learns on from there; its sizes take the place of those of `slots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_encoder: Option<WeightsName>,
    /// Divide latents by their own deviation and move them to mean zero.
    #[serde(default)]
    pub normalise: bool,
    /// How slots take the place of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<SlotTokensConfig>,
    /// The objective.
    #[serde(default)]
    pub objective: SlotDiffusionObjectiveConfig,
    /// The encoder.
    #[serde(default)]
    pub slots: SlotEncoderConfig,
    /// The decoder; the width of a slot is the encoder's.
    #[serde(default)]
    pub model: LatentDiffusionConfig,
}

impl SlotDiffusionPlan {
    /// What the decoder is built around.
    pub fn decoder(&self) -> DecoderParts<'_> {
        DecoderParts {
            table: "slotdiffusion",
            vqvae: self.vqvae.as_ref(),
            autoencoder_kl: self.autoencoder_kl.as_ref(),
            stable_diffusion: self.stable_diffusion.as_ref(),
            tokens: self.tokens.as_ref(),
            normalise: self.normalise,
            sampler: &self.objective.sampler,
            model: &self.model,
        }
    }
}

impl ObjectiveTable for SlotDiffusionPlan {
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        let mut all = self.decoder().starts_from();
        all.extend(named([
            (
                "slotdiffusion.vit",
                self.vit.as_ref(),
                Some(WeightsKind::Vit),
            ),
            (
                "slotdiffusion.start-encoder",
                self.start_encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
        ]));
        all
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        self.decoder().check()?;
        let rate = self.objective.decoder_rate;
        check_rate("slotdiffusion.objective.decoder-rate", rate)?;
        let weight = self.objective.feature_weight;
        if !(weight.is_finite() && weight >= 0.0) {
            return refused(
                "slotdiffusion.objective.feature-weight",
                "is a weight, 0 or above",
            );
        }
        if self.vit.is_some() && self.start_encoder.is_some() {
            return refused(
                "slotdiffusion.vit",
                "is the stem of a new encoder; `slotdiffusion.start-encoder` has its own",
            );
        }
        check_window(
            "slotdiffusion.objective.window",
            self.objective.window,
            data,
        )
    }
}

/// `[motion]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MotionPlan {
    /// The objective.
    pub objective: MotionObjectiveConfig,
    /// The model.
    pub model: MotionConfig,
}

impl ObjectiveTable for MotionPlan {
    fn needs(&self) -> ClipNeeds {
        ClipNeeds::frames_and(&[GroundTruth::Events])
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        check_window("motion.model.window", self.model.window, data)
    }
}
