//! The objectives of a training plan: each is a table under the objective's name, with checks of its own.

/// Tables of trainings that see frames.
mod on_frames;
/// Tables of trainings on slots.
mod on_slots;
use std::path::Path;

use serde::Serialize;
use serde::de::MapAccess;

use crate::plan::error::PlanError;
use crate::train::data::config::{ClipNeeds, TrainData};

pub use on_frames::{
    DiffusionPlan, DvaePlan, MotionPlan, SlotDiffusionPlan, SlotsPlan, StevePlan, VqVaePlan,
};
pub use on_slots::{AloePlan, ObjectEventHeadPlan, ReadoutPlan, SlotFormerPlan};

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
