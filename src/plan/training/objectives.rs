//! The objectives of a training plan: each is a table under the objective's name, with checks of its own.

/// What a diffusion decoder is built around.
mod decoder_parts;
/// Tables of trainings that see frames.
mod on_frames;
/// Tables of trainings on slots.
mod on_slots;
/// What every table says of itself.
mod table;

use serde::Serialize;
use serde::de::MapAccess;

pub use decoder_parts::{DecoderParts, FrozenPart, SlotTokensConfig};
pub use on_frames::{
    AutoencoderKlPlan, DiffusionPlan, DvaePlan, MotionPlan, SlotDiffusionPlan, SlotsPlan,
    StevePlan, VqVaePlan,
};
pub use on_slots::{AloePlan, ObjectEventHeadPlan, ReadoutPlan, SlotFormerPlan};
pub use table::{ObjectiveTable, StartWeights};

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
    #[expect(clippy::large_enum_variant, reason = "a program holds one plan, not many")]
    pub enum ObjectivePlan {
        /// A VQ-VAE.
        VqVae(VqVaePlan) = "vqvae",
        /// An auto-encoder with normal distributions of latents.
        AutoencoderKl(AutoencoderKlPlan) = "autoencoder-kl",
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
