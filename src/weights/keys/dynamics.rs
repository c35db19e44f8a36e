//! Names of `SlotFormer`'s variants, whose checkpoints bundle the frozen decoder.

use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};
use super::{decoder, diffusion, encoder};

const ROLLOUTER_RULES: &[Rule] = &[
    ("enc_t_pe", "time_code"),
    ("in_proj.{}", "input.{}"),
    ("transformer_encoder.layers.{..}", "transformer.layers.{..}"),
    ("out_proj.{}", "output.{}"),
];

const SLOTFORMER: Part = Part {
    name: "dynamics",
    model: WeightsKind::SlotFormer,
    sections: &[&Section::new("rollouter.", "", ROLLOUTER_RULES)],
};

/// With a mixture decoder.
pub const WITH_MIXTURE: &[Part] = &[SLOTFORMER, encoder::MIXTURE];

/// With STEVE's decoder.
pub const WITH_AUTOREGRESSIVE: &[Part] = &[SLOTFORMER, decoder::RENAMED];

/// With a diffusion decoder.
pub const WITH_DIFFUSION: &[Part] = &[SLOTFORMER, diffusion::DIFFUSION];

/// Causal masks are recomputed.
pub const IGNORED: &[&str] = &["decoder.tf_dec.blocks.{}.self_attn_mask"];
