//! Tables of trainings on slots, encoded or imported: SlotFormer, Aloe, readouts, the object–event head.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slotflow_datasets::GroundTruth;

use super::table::{ObjectiveTable, StartWeights, check_window, named, refused};
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::reasoner::{AloeConfig, ObjectEventHeadConfig};
use crate::plan::error::PlanError;
use crate::plan::video_predict::WeightsName;
use crate::train::data::config::{ClipNeeds, TrainData};
use crate::train::objectives::aloe::{AloeObjectiveConfig, Sees};
use crate::train::objectives::object_event_head::ObjectEventHeadObjectiveConfig;
use crate::train::objectives::readout::{ReadoutConfig, ReadoutObjectiveConfig};
use crate::train::objectives::slotformer::SlotFormerObjectiveConfig;

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
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([
            (
                "slotformer.encoder",
                self.encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
            ("slotformer.decoder", self.decoder.as_ref(), None),
        ])
    }

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
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([
            (
                "aloe.encoder",
                self.encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
            (
                "aloe.slotformer",
                self.slotformer.as_ref(),
                Some(WeightsKind::SlotFormer),
            ),
        ])
    }

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
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([
            (
                "object-event-head.encoder",
                Some(&self.encoder),
                Some(WeightsKind::SlotEncoder),
            ),
            (
                "object-event-head.slotformer",
                Some(&self.slotformer),
                Some(WeightsKind::SlotFormer),
            ),
        ])
    }

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
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        named([
            (
                "readout.encoder",
                self.encoder.as_ref(),
                Some(WeightsKind::SlotEncoder),
            ),
            (
                "readout.slotformer",
                self.slotformer.as_ref(),
                Some(WeightsKind::SlotFormer),
            ),
        ])
    }

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
