//! The objectives of a training plan: each is a table under the objective's name, with checks of its own.

use std::path::{Path, PathBuf};

use serde::de::MapAccess;
use serde::{Deserialize, Serialize};
use slotflow_datasets::GroundTruth;

use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::mixture::MixtureConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::SlotEncoderConfig;
use crate::models::perceptual::motion::MotionConfig;
use crate::models::reasoner::{AloeConfig, ObjectEventHeadConfig};
use crate::plan::error::PlanError;
use crate::plan::video_predict::WeightsName;
use crate::train::data::config::{ClipNeeds, TrainData};
use crate::train::objectives::aloe::{AloeObjectiveConfig, Sees};
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

/// What every objective's table says of itself.
pub trait ObjectiveTable {
    /// What the training reads of every clip of `[data]`: frames alone by default, nothing where it trains on imported
    /// slots.
    fn needs(&self) -> ClipNeeds {
        ClipNeeds::FRAMES
    }

    /// Folder of imported slots with the splits `train` and `val` that takes the place of `[data]`.
    fn imported_slots(&self) -> Option<&Path> {
        None
    }

    /// Refuses weights that exclude one another and windows that are longer than the clips.
    ///
    /// # Errors
    /// The first value that makes no sense, by its key.
    fn check(&self, _data: &TrainData) -> Result<(), PlanError> {
        Ok(())
    }
}

macro_rules! objectives {
    (
        $(#[$about:meta])*
        pub enum $objective:ident {
            $($(#[$doc:meta])* $variant:ident($plan:ty) = $name:literal $(or $earlier:literal)?,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub enum $objective {
            $($(#[$doc])* #[serde(rename = $name)] $variant($plan),)*
        }

        impl $objective {
            /// The name of every objective's table.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name of its table.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Its table.
            pub fn table(&self) -> &dyn ObjectiveTable {
                match self {
                    $(Self::$variant(table) => table,)*
                }
            }

            /// The next value of `map` as the table of that name, or of one that an earlier version wrote; `None` where no
            /// objective is called so.
            pub(super) fn read<'de, A: MapAccess<'de>>(
                name: &str,
                map: &mut A,
            ) -> Result<Option<Self>, A::Error> {
                match name {
                    $($name $(| $earlier)? => map.next_value().map(Self::$variant).map(Some),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

objectives! {
    /// What is trained: in TOML and JSON one table beside `[data]` and `[fit]`, under the objective's name.
    pub enum ObjectivePlan {
        /// A VQ-VAE.
        VqVae(VqVaePlan) = "vqvae",
        /// A slot encoder with a mixture decoder.
        Slots(SlotsPlan) = "slots",
        /// A latent-diffusion decoder on encoded slots.
        Diffusion(DiffusionPlan) = "diffusion",
        /// A dVAE.
        Dvae(DvaePlan) = "dvae",
        /// An autoregressive decoder, alone or with its encoder.
        Steve(StevePlan) = "steve",
        /// A slot encoder and a latent-diffusion decoder together.
        SlotDiffusion(SlotDiffusionPlan) = "slotdiffusion",
        /// A SlotFormer on encoded or imported slots.
        SlotFormer(SlotFormerPlan) = "slotformer",
        /// Aloe on encoded slots and questions.
        Aloe(AloePlan) = "aloe",
        /// A readout on encoded slots and collisions, or on imported slots and labels.
        Readout(ReadoutPlan) = "readout",
        /// A head that classifies objects and collisions from slots.
        ObjectEventHead(ObjectEventHeadPlan) = "object-event-head" or "sight",
        /// The motion network on events.
        Motion(MotionPlan) = "motion",
    }
}

fn refused(key: &'static str, reason: impl Into<String>) -> Result<(), PlanError> {
    Err(PlanError::Value {
        key,
        reason: reason.into(),
    })
}

/// Refuses windows that are empty or longer than the clips.
fn check_window(key: &'static str, window: usize, data: &TrainData) -> Result<(), PlanError> {
    let frames = data.frames;
    if window == 0 {
        return refused(key, "is 0; the least is 1");
    }
    if window > frames {
        let reason =
            format!("asks for windows of {window} frames from clips of {frames} (`data.frames`)");
        return refused(key, reason);
    }
    Ok(())
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

impl ObjectiveTable for VqVaePlan {}

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
    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        check_window("slots.objective.window", self.objective.window, data)?;
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

impl ObjectiveTable for DiffusionPlan {}

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
    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        if self.encoder.is_some() && self.start_encoder.is_some() {
            return refused(
                "steve.encoder",
                "stays as it is and `steve.start-encoder` learns on; set one of them",
            );
        }
        check_window("steve.objective.window", self.objective.window, data)
    }
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

impl ObjectiveTable for SlotDiffusionPlan {
    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
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

/// `[slotformer]`: on encoded slots, or on imported ones.
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
    /// A decoder of any kind, trained before on these slots, for the image loss. Not with imported
    /// slots, which have no frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<WeightsName>,
    /// The objective.
    #[serde(default)]
    pub objective: SlotFormerObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: SlotFormerConfig,
}

impl ObjectiveTable for SlotFormerPlan {
    fn needs(&self) -> ClipNeeds {
        if self.slots.is_some() {
            ClipNeeds::NOTHING
        } else {
            ClipNeeds::FRAMES
        }
    }

    fn imported_slots(&self) -> Option<&Path> {
        self.slots.as_deref()
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        if self.encoder.is_some() == self.slots.is_some() {
            return refused(
                "slotformer.encoder",
                "or `slotformer.slots` must be set, and not both",
            );
        }
        if self.slots.is_some() {
            if self.decoder.is_some() {
                return refused(
                    "slotformer.decoder",
                    "needs pictures, which imported slots do not have",
                );
            }
            return Ok(());
        }
        let window = self.model.burn_in + self.objective.rollout;
        check_window("slotformer.objective.rollout", window, data)
    }
}

/// `[aloe]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AloePlan {
    /// The slot encoder, trained before; its sizes take the place of those in `model`. Not where it sees no slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// The SlotFormer of the rollout behind the clip. Only where Aloe gets slots of the whole clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotformer: Option<WeightsName>,
    /// The objective.
    #[serde(default)]
    pub objective: AloeObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: AloeConfig,
}

impl ObjectiveTable for AloePlan {
    fn needs(&self) -> ClipNeeds {
        match self.objective.sees {
            Sees::Question => ClipNeeds::only(&[GroundTruth::Questions]),
            Sees::States => ClipNeeds::only(&[GroundTruth::Questions, GroundTruth::States]),
            Sees::LastFrame | Sees::Clip => ClipNeeds::frames_and(&[GroundTruth::Questions]),
        }
    }

    fn check(&self, data: &TrainData) -> Result<(), PlanError> {
        check_window("aloe.model.frames", self.model.frames, data)
    }
}

/// `[object-event-head]`: objects and collisions from slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectEventHeadPlan {
    /// The slot encoder, trained before; its width takes the place of that in `model`.
    pub encoder: WeightsName,
    /// The SlotFormer, so that the head also learns on rolled-out slots.
    pub slotformer: WeightsName,
    /// The objective.
    #[serde(default)]
    pub objective: ObjectEventHeadObjectiveConfig,
    /// The model.
    #[serde(default)]
    pub model: ObjectEventHeadConfig,
}

impl ObjectiveTable for ObjectEventHeadPlan {
    fn needs(&self) -> ClipNeeds {
        // True masks say whose each slot is: the head is supervised, the slots that it reads are not.
        ClipNeeds::frames_and(&[GroundTruth::Masks, GroundTruth::States])
    }
}

/// `[readout]`: whether two objects will collide after the burn-in; or, on imported slots, the labels of clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReadoutPlan {
    /// The slot encoder, trained before; its width takes the place of that in `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<WeightsName>,
    /// The SlotFormer of the rollout behind the burn-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slotformer: Option<WeightsName>,
    /// A folder of imported slots, observed and then rolled out, with `train` and `val`; in place of an encoder, a
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

impl ObjectiveTable for ReadoutPlan {
    fn needs(&self) -> ClipNeeds {
        if self.slots.is_some() {
            ClipNeeds::NOTHING
        } else {
            ClipNeeds::frames_and(&[GroundTruth::Events])
        }
    }

    fn imported_slots(&self) -> Option<&Path> {
        self.slots.as_deref()
    }

    fn check(&self, _: &TrainData) -> Result<(), PlanError> {
        let encoded = self.encoder.is_some() && self.slotformer.is_some();
        let imported = self.slots.is_some() && self.labels.is_some();
        let mixed = self.encoder.is_some() || self.slotformer.is_some();
        if encoded == imported || (imported && mixed) {
            return refused(
                "readout.slots",
                "and `readout.labels` must be set, or `readout.encoder` and `readout.slotformer`, and not both",
            );
        }
        Ok(())
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
