//! Names of the dVAE and the token decoder: `dVAE`, `SLATE`, `STEVE`.

use super::encoder;
use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};

/// The official decoder numbers its pixel-shuffles (5, 10) too.
const DVAE_RULES: &[Rule] = &[
    ("encoder.7.{}", "logits.{}"),
    ("encoder.{}.m.{}", "encoder.{}.conv.{}"),
    ("encoder.{}.{}", "encoder.{}.norm.{}"),
    ("decoder.11.{}", "output.{}"),
    ("decoder.6.m.{}", "fine.0.conv.{}"),
    ("decoder.7.m.{}", "fine.1.conv.{}"),
    ("decoder.8.m.{}", "fine.2.conv.{}"),
    ("decoder.9.m.{}", "fine.3.conv.{}"),
    ("decoder.6.{}", "fine.0.norm.{}"),
    ("decoder.7.{}", "fine.1.norm.{}"),
    ("decoder.8.{}", "fine.2.norm.{}"),
    ("decoder.9.{}", "fine.3.norm.{}"),
    ("decoder.{}.m.{}", "coarse.{}.conv.{}"),
    ("decoder.{}.{}", "coarse.{}.norm.{}"),
];

const TOKENS_RULES: &[Rule] = &[
    ("in_proj.{}", "input.{}"),
    ("tok_emb.weight", "embedding.weight"),
    ("pos_emb.pe", "position"),
    (
        "tf_dec.blocks.{}.self_attn_layer_norm.{}",
        "layers.{}.norm_self.{}",
    ),
    (
        "tf_dec.blocks.{}.self_attn.proj_q.{}",
        "layers.{}.attention.query.{}",
    ),
    (
        "tf_dec.blocks.{}.self_attn.proj_k.{}",
        "layers.{}.attention.key.{}",
    ),
    (
        "tf_dec.blocks.{}.self_attn.proj_v.{}",
        "layers.{}.attention.value.{}",
    ),
    (
        "tf_dec.blocks.{}.self_attn.proj_o.{}",
        "layers.{}.attention.output.{}",
    ),
    (
        "tf_dec.blocks.{}.encoder_decoder_attn_layer_norm.{}",
        "layers.{}.norm_cross.{}",
    ),
    (
        "tf_dec.blocks.{}.encoder_decoder_attn.proj_q.{}",
        "layers.{}.cross.query.{}",
    ),
    (
        "tf_dec.blocks.{}.encoder_decoder_attn.proj_k.{}",
        "layers.{}.cross.key.{}",
    ),
    (
        "tf_dec.blocks.{}.encoder_decoder_attn.proj_v.{}",
        "layers.{}.cross.value.{}",
    ),
    (
        "tf_dec.blocks.{}.encoder_decoder_attn.proj_o.{}",
        "layers.{}.cross.output.{}",
    ),
    (
        "tf_dec.blocks.{}.ffn_layer_norm.{}",
        "layers.{}.norm_feed.{}",
    ),
    ("tf_dec.blocks.{}.ffn.0.{}", "layers.{}.widen.{}"),
    ("tf_dec.blocks.{}.ffn.2.{}", "layers.{}.narrow.{}"),
    ("tf_dec.layer_norm.{}", "norm.{}"),
    ("head.{}", "head.{}"),
];

/// A dVAE in its own checkpoint.
pub const DVAE_ALONE: &[Part] = &[Part {
    name: "dvae",
    model: WeightsKind::Dvae,
    sections: &[&Section::new("", "", DVAE_RULES)],
}];

/// The dVAE inside another checkpoint.
pub const DVAE: &Section = &Section::new("dvae.", "dvae.", DVAE_RULES);

/// Encoder and autoregressive decoder in one checkpoint.
pub const WITH_ENCODER: &[Part] = &[
    Part {
        name: "decoder",
        model: WeightsKind::Autoregressive,
        sections: &[
            DVAE,
            &Section::new("trans_decoder.", "tokens.", TOKENS_RULES),
        ],
    },
    encoder::ENCODER,
];

/// The autoregressive decoder as STEVE's SlotFormer names it.
pub const RENAMED: Part = Part {
    name: "decoder",
    model: WeightsKind::Autoregressive,
    sections: &[DVAE, &Section::new("decoder.", "tokens.", TOKENS_RULES)],
};

/// Grid and causal masks are recomputed.
pub const IGNORED: &[&str] = &[
    "encoder_pos_embedding.grid",
    "trans_decoder.tf_dec.blocks.{}.self_attn_mask",
];
