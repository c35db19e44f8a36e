//! Names of vision transformers, as Hugging Face gives them out.

use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};

const EMBEDDINGS: &[Rule] = &[
    ("cls_token", "class_token"),
    ("position_embeddings", "positions"),
    ("patch_embeddings.projection.{}", "patches.{}"),
];

const ENDS: &[Rule] = &[("layernorm.{}", "norm.{}")];

const DINO_LAYERS: &[Rule] = &[
    ("{}.attention.attention.{}.{}", "{}.{}.{}"),
    ("{}.attention.output.dense.{}", "{}.output.{}"),
    ("{}.intermediate.dense.{}", "{}.widen.{}"),
    ("{}.output.dense.{}", "{}.narrow.{}"),
    ("{}.layernorm_before.{}", "{}.norm1.{}"),
    ("{}.layernorm_after.{}", "{}.norm2.{}"),
];

const DINO_V2_LAYERS: &[Rule] = &[
    ("{}.attention.output.dense.{}", "{}.output.{}"),
    ("{}.mlp.fc1.{}", "{}.widen.{}"),
    ("{}.mlp.fc2.{}", "{}.narrow.{}"),
    ("{}.layer_scale1.lambda1", "{}.scale1"),
    ("{}.layer_scale2.lambda1", "{}.scale2"),
    ("{}.norm1.{}", "{}.norm1.{}"),
    ("{}.norm2.{}", "{}.norm2.{}"),
    ("{}.attention.attention.{}.{}", "{}.{}.{}"),
];

/// `ViTModel`: DINO.
pub const DINO: &[Part] = &[Part {
    name: "vit",
    model: WeightsKind::Vit,
    sections: &[
        &Section::new("embeddings.", "", EMBEDDINGS),
        &Section::new("encoder.layer.", "layers.", DINO_LAYERS),
        &Section::new("", "", ENDS),
    ],
}];

/// `Dinov2Model`.
pub const DINO_V2: &[Part] = &[Part {
    name: "vit",
    model: WeightsKind::Vit,
    sections: &[
        &Section::new("embeddings.", "", EMBEDDINGS),
        &Section::new("encoder.layer.", "layers.", DINO_V2_LAYERS),
        &Section::new("", "", ENDS),
    ],
}];

/// What no token depends on.
pub const IGNORED: &[&str] = &["embeddings.mask_token", "pooler.{..}"];
