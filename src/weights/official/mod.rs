//! The published models by name, and the sizes of ours that their checkpoints hold.
//!
//! Sizes come from the arrays' shapes. What shapes do not tell (heads, rounds, how slots are drawn) comes from
//! the official configuration, and where that is silent from the papers' values, which stand in `MODELS`.

/// Running averages beside the parameters.
mod average;
/// Settings that diffusers wrote.
mod component;
/// The official configuration, completed from the papers.
mod config;
/// Sizes of dVAE, autoregressive decoder and VQ-VAE.
mod decoder;
/// Sizes and noise schedule of the diffusion decoder.
mod diffusion;
/// Sizes of slot encoders, mixture decoders and vision transformers.
mod encoder;
/// Sizes of SlotFormer, Aloe and the readouts.
mod reasoner;
/// Sizes of any model.
mod sizes;
/// Settings of Stable Diffusion in diffusers' layout.
mod stable_diffusion;

pub use average::take_average;
pub use config::OfficialConfig;
pub use sizes::Sizes;
pub use stable_diffusion::{Component, Components, sampler, stable_diffusion};

use super::keys::CheckpointLayout;
use super::{Shapes, WeightsError};

/// A model of the official code.
#[derive(Debug)]
pub struct OfficialModel {
    /// What a person calls it.
    pub name: &'static str,
    /// The official class.
    pub class: &'static str,
    /// The papers' values of what shapes do not tell, as JSON in the official names.
    pub published: &'static str,
}

/// Every published model that can be imported. Sources: the official configurations, by the class's name.
pub const MODELS: [OfficialModel; 21] = [
    model(
        "slot-attention",
        "SA",
        r#"{"resolution": [128, 128], "slot_dict": {"num_iterations": 3}}"#,
    ),
    model("savi", "SAVi", VIDEO),
    // OBJ3D; the two others differ in what their names say.
    model(
        "stosavi",
        "StoSAVi",
        r#"{"resolution": [64, 64], "slot_dict": {"num_iterations": 2}, "pred_dict": {"pred_num_heads": 4},
            "loss_dict": {"kld_method": "none"}}"#,
    ),
    model(
        "stosavi-clevrer",
        "StoSAVi",
        r#"{"resolution": [64, 64], "slot_dict": {"num_iterations": 2}, "pred_dict": {"pred_num_heads": 4},
            "loss_dict": {"kld_method": "var-0.01"}}"#,
    ),
    model(
        "stosavi-phyre",
        "StoSAVi",
        r#"{"resolution": [128, 128], "slot_dict": {"num_iterations": 2}, "pred_dict": {"pred_num_heads": 4},
            "loss_dict": {"kld_method": "none"}}"#,
    ),
    model(
        "slate",
        "SLATE",
        r#"{"slot_dict": {"num_iterations": 3}, "dec_dict": {"dec_num_heads": 4}}"#,
    ),
    model(
        "steve",
        "STEVE",
        r#"{"slot_dict": {"num_iterations": 2}, "dec_dict": {"dec_num_heads": 4},
            "pred_dict": {"pred_num_heads": 4}}"#,
    ),
    model("dvae", "dVAE", "{}"),
    model("vqvae", "VQVAE", "{}"),
    model(
        "slotdiffusion-image",
        "SADiffusion",
        r#"{"resolution": [128, 128], "slot_dict": {"num_iterations": 3}}"#,
    ),
    model("slotdiffusion-video", "SAViDiffusion", VIDEO),
    model(
        "slotdiffusion-dino",
        "SADiffusion",
        r#"{"slot_dict": {"num_iterations": 3}}"#,
    ),
    model(
        "slotformer",
        "SlotFormer",
        r#"{"resolution": [64, 64], "rollout_dict": {"num_heads": 8}}"#,
    ),
    model(
        "slotformer-phyre",
        "SingleStepSlotFormer",
        r#"{"resolution": [128, 128], "rollout_dict": {"num_heads": 8, "history_len": 1}}"#,
    ),
    model(
        "slotformer-steve",
        "STEVESlotFormer",
        r#"{"rollout_dict": {"num_heads": 8}, "dec_dict": {"dec_num_heads": 4}}"#,
    ),
    model(
        "slotformer-slotdiffusion",
        "LDMSlotFormer",
        r#"{"resolution": [128, 128], "rollout_dict": {"num_heads": 8}}"#,
    ),
    model(
        "aloe",
        "CLEVRERAloe",
        r#"{"n_sample_frames": 25, "max_question_len": 20, "max_choice_len": 12,
            "transformer_dict": {"num_heads": 8}}"#,
    ),
    model("physion-readout", "PhysionReadout", "{}"),
    model(
        "phyre-readout",
        "PHYREReadout",
        r#"{"readout_dict": {"num_heads": 8, "sel_slots": [0, 3]}}"#,
    ),
    model("dino", "ViTModel", "{}"),
    model("dinov2", "Dinov2Model", "{}"),
];

/// `SAVi` and what is built on it, as SlotDiffusion configures them.
const VIDEO: &str = r#"{"resolution": [128, 128], "slot_dict": {"num_iterations": 2},
    "pred_dict": {"pred_num_heads": 4}}"#;

const fn model(name: &'static str, class: &'static str, published: &'static str) -> OfficialModel {
    OfficialModel {
        name,
        class,
        published,
    }
}

/// What stands for a model's name where a file holds slots and no weights.
pub const SLOTS: &str = "slots";

/// What stands for a model's name where files are those of Stable Diffusion.
pub const STABLE_DIFFUSION: &str = "stable-diffusion";

impl OfficialModel {
    /// The model of that name, or the first of that official class.
    ///
    /// # Errors
    /// Lists the names that there are.
    pub fn named(name: &str) -> Result<&'static Self, WeightsError> {
        let by_name = MODELS.iter().find(|model| model.name == name);
        by_name
            .or_else(|| MODELS.iter().find(|model| model.class == name))
            .ok_or_else(|| WeightsError::UnknownModel {
                name: name.to_owned(),
                known: MODELS
                    .map(|model| model.name)
                    .iter()
                    .chain(&[STABLE_DIFFUSION, SLOTS])
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// How its checkpoints name things.
    ///
    /// # Errors
    /// Never for the models in [`MODELS`].
    pub fn layout(&self) -> Result<&'static CheckpointLayout, WeightsError> {
        CheckpointLayout::of(self.class).ok_or_else(|| WeightsError::UnknownModel {
            name: self.class.to_owned(),
            known: String::new(),
        })
    }

    /// What shapes do not tell: `given` first, then the papers' values.
    ///
    /// # Errors
    /// When `given` is of another class, or asks for what no model of ours does.
    pub fn facts(&self, given: serde_json::Value) -> Result<OfficialConfig, WeightsError> {
        let published =
            serde_json::from_str(self.published).map_err(|source| WeightsError::Config {
                source,
                path: self.name.into(),
            })?;
        let facts = OfficialConfig::new(self.class, given, published);
        facts.check()?;
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_layout_and_published_values_that_parse() {
        for model in &MODELS {
            model.layout().unwrap();
            model.facts(serde_json::Value::Null).unwrap();
            assert_eq!(OfficialModel::named(model.name).unwrap().name, model.name);
        }
    }

    #[test]
    fn a_wrong_name_lists_the_names() {
        let said = OfficialModel::named("savy").unwrap_err().to_string();
        assert!(
            said.contains("`savy`") && said.contains("slotdiffusion-video"),
            "{said}"
        );
    }
}
