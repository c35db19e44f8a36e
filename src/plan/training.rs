//! A plan that trains one model: data, objective, loop.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::Dataset;

use super::video_predict::WeightsName;

use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::mixture::MixtureConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::SlotEncoderConfig;
use crate::models::perceptual::motion::MotionConfig;
use crate::models::reasoner::{AloeConfig, ObjectEventHeadConfig};
use crate::train::FitConfig;
use crate::train::objectives::aloe::AloeObjectiveConfig;
use crate::train::objectives::diffusion::DiffusionObjectiveConfig;
use crate::train::objectives::dvae::DvaeObjectiveConfig;
use crate::train::objectives::motion::MotionObjectiveConfig;
use crate::train::objectives::object_event_head::ObjectEventHeadObjectiveConfig;
use crate::train::objectives::readout::{ReadoutConfig, ReadoutObjectiveConfig};
use crate::train::objectives::slotdiffusion::SlotDiffusionObjectiveConfig;
use crate::train::objectives::slotformer::SlotFormerObjectiveConfig;
use crate::train::objectives::slots::SlotsObjectiveConfig;
use crate::train::objectives::steve::SteveObjectiveConfig;
use crate::train::objectives::vqvae::VqVaeObjectiveConfig;

/// A plan that trains one model: exactly one of the objectives is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainPlan {
    /// Which flow: `train`.
    pub flow: String,
    /// The seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// What is trained on.
    #[serde(default)]
    pub data: TrainData,
    /// The loop.
    #[serde(default)]
    pub fit: FitConfig,
    /// Begin with several seeds and go on with the best; unset = one seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<SeedsConfig>,
    /// Train a VQ-VAE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vqvae: Option<VqVaePlan>,
    /// Train a slot encoder with a mixture decoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<SlotsPlan>,
    /// Train a latent-diffusion decoder on perceived slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diffusion: Option<DiffusionPlan>,
    /// Train a dVAE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dvae: Option<DvaePlan>,
    /// Train an autoregressive decoder, alone or with its encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steve: Option<StevePlan>,
    /// Train a slot encoder and a latent-diffusion decoder together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotdiffusion: Option<SlotDiffusionPlan>,
    /// Train a SlotFormer on perceived slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotformer: Option<SlotFormerPlan>,
    /// Train Aloe on perceived slots and the generator's questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aloe: Option<AloePlan>,
    /// Train a readout on the generator's collisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readout: Option<ReadoutPlan>,
    /// Train a head that reads objects and collisions off slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sight: Option<ObjectEventHeadPlan>,
    /// Train the motion network on the generator's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<MotionPlan>,
}

impl TrainPlan {
    /// How many objectives the plan names.
    pub fn objectives(&self) -> usize {
        let there = [
            self.vqvae.is_some(),
            self.slots.is_some(),
            self.diffusion.is_some(),
            self.dvae.is_some(),
            self.steve.is_some(),
            self.slotdiffusion.is_some(),
            self.slotformer.is_some(),
            self.aloe.is_some(),
            self.readout.is_some(),
            self.sight.is_some(),
            self.motion.is_some(),
        ];
        there.into_iter().filter(|&there| there).count()
    }
}

/// `[seeds]`: several beginnings, one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeedsConfig {
    /// How many seeds, from the plan's on.
    pub count: usize,
    /// Steps after which they are compared by their validation; unset = a fifth of all.
    #[serde(default)]
    pub compare_at: Option<u64>,
}

impl SeedsConfig {
    /// Steps after which seeds are compared, of so many in all.
    pub fn compare_at(&self, steps: u64) -> u64 {
        self.compare_at.unwrap_or(steps / 5).clamp(1, steps)
    }
}

/// `[data]` of a training: clips of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainData {
    /// The data set.
    pub dataset: Dataset,
    /// Clips to train on: seeds from 0.
    pub clips: usize,
    /// Clips to validate on: seeds from 1,000,000.
    pub held_out: usize,
    /// Sampled frames of a clip.
    pub frames: usize,
    /// Frames of the film from one sampled frame to the next.
    pub stride: usize,
    /// Height and width, pixels.
    pub size: [usize; 2],
}

impl Default for TrainData {
    fn default() -> Self {
        Self {
            dataset: Dataset::Synth,
            clips: 1000,
            held_out: 48,
            frames: 25,
            stride: 5,
            size: [64, 64],
        }
    }
}

/// `[vqvae]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VqVaePlan {
    /// The objective.
    pub objective: VqVaeObjectiveConfig,
    /// The model.
    pub model: VqVaeConfig,
}

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

/// `[diffusion]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiffusionPlan {
    /// The slot encoder, trained before.
    pub encoder: WeightsName,
    /// The VQ-VAE, trained before; its sizes take the place of those in `model`.
    pub vqvae: WeightsName,
    /// Divide latents by their own deviation and move them to mean zero.
    #[serde(default)]
    pub normalise: bool,
    /// The objective.
    #[serde(default)]
    pub objective: DiffusionObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: LatentDiffusionConfig,
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

/// `[slotdiffusion]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SlotDiffusionPlan {
    /// The VQ-VAE, trained before; its sizes take the place of those in `model`.
    pub vqvae: WeightsName,
    /// A vision transformer, trained before, for the stem of `slots`; only where that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vit: Option<WeightsName>,
    /// A slot encoder, trained before, that learns on from there; its sizes take the place of those of `slots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_encoder: Option<WeightsName>,
    /// Divide latents by their own deviation and move them to mean zero.
    #[serde(default)]
    pub normalise: bool,
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

/// `[slotformer]`: on slots that are perceived now, or on imported ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SlotFormerPlan {
    /// The slot encoder, trained before; its width takes the place of that in `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// A folder of imported slots with `train` and `val`, in place of an encoder and clips. Every `data.stride`-th
    /// frame is taken, from every beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<PathBuf>,
    /// A decoder of any kind, trained before on these slots: pictures of imagined slots count too. Not with imported
    /// slots, which have no pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<WeightsName>,
    /// The objective.
    #[serde(default)]
    pub objective: SlotFormerObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: SlotFormerConfig,
}

/// `[aloe]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AloePlan {
    /// The slot encoder, trained before; its sizes take the place of those in `model`. Not where it sees no slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// The SlotFormer that imagines what comes after the clip. Only where it sees the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotformer: Option<WeightsName>,
    /// The objective.
    #[serde(default)]
    pub objective: AloeObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: AloeConfig,
}

/// `[sight]`: what slots say of objects and collisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectEventHeadPlan {
    /// The slot encoder, trained before; its width takes the place of that in `model`.
    pub encoder: WeightsName,
    /// The SlotFormer that imagines, so that imagined slots can be read too.
    pub slotformer: WeightsName,
    /// The objective.
    #[serde(default)]
    pub objective: ObjectEventHeadObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: ObjectEventHeadConfig,
}

/// `[readout]`: whether two objects will collide after the burn-in; or, on imported slots, what labels say of clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReadoutPlan {
    /// The slot encoder, trained before; its width takes the place of that in `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// The SlotFormer that imagines what comes after the burn-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotformer: Option<WeightsName>,
    /// A folder of imported slots, observed and then imagined, with `train` and `val`; in place of an encoder, a
    /// SlotFormer and the generator's clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<PathBuf>,
    /// A table of clips and what is true of them, as Physion's `readout_labels.csv`; with `slots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The objective.
    #[serde(default)]
    pub objective: ReadoutObjectiveConfig,
    /// The model: `physion` or `phyre`.
    pub model: ReadoutConfig,
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
