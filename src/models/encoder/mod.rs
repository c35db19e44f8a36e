//! Images → slots.

/// A gated recurrent unit.
pub mod gru;
/// Initial slots, and the posterior of stochastic SAVi.
pub mod initial;
/// A long short-term memory.
pub mod lstm;
/// Three stages of a residual network.
pub mod resnet;
/// Slot attention.
pub mod slot_attention;
/// Frames → slots (Slot Attention, SAVi, stochastic SAVi).
pub mod slot_encoder;
/// Stem: images → features.
pub mod stem;
/// Slots of one frame to slots expected in the next.
pub mod transition;
/// A vision transformer trained without labels.
pub mod vit;

pub use initial::{InitialConfig, PosteriorConfig, kl_loss};
pub use lstm::LstmState;
pub use resnet::ResNetConfig;
pub use slot_encoder::{Encoded, SlotEncoder, SlotEncoderConfig, SlotState};
pub use stem::{CnnConfig, Stem, StemConfig};
pub use transition::{InteractionConfig, TransitionConfig};
pub use vit::{Vit, VitConfig};
