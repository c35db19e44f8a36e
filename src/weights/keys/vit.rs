//! Names of vision transformers, as Hugging Face gives them out.

use crate::models::WeightsKind;
use crate::weights::{StateDict, Value};

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
pub const IGNORED: &[&str] = &["embeddings.mask_token", "pooler.{..}", "head.{..}"];

/// Names outside the layers in the files that the authors of DINO and `DINOv2` give out, and Hugging Face's.
const TIMM: &[(&str, &str)] = &[
    ("cls_token", "embeddings.cls_token"),
    ("pos_embed", "embeddings.position_embeddings"),
    ("mask_token", "embeddings.mask_token"),
    (
        "patch_embed.proj.",
        "embeddings.patch_embeddings.projection.",
    ),
    ("norm.", "layernorm."),
];

/// Names in a layer, of both.
const TIMM_LAYERS: &[(&str, &str)] = &[
    ("attn.proj.", "attention.output.dense."),
    ("ls1.gamma", "layer_scale1.lambda1"),
    ("ls2.gamma", "layer_scale2.lambda1"),
];

/// Names in a layer that `DINOv2` keeps.
const TIMM_DINO_LAYERS: &[(&str, &str)] = &[
    ("norm1.", "layernorm_before."),
    ("norm2.", "layernorm_after."),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
];

/// A state dict under the names of the authors of DINO and `DINOv2` (`blocks.0.attn.qkv.weight`) under those of Hugging Face;
/// others stay as they are.
///
/// Source: the repositories `facebookresearch/dino` and `facebookresearch/dinov2`, `vision_transformer.py`.
pub fn with_hugging_face_names(state: StateDict) -> StateDict {
    if !state.entries.contains_key("blocks.0.attn.qkv.weight") {
        return state;
    }
    let is_v2 = state.entries.contains_key("blocks.0.ls1.gamma");
    let mut renamed = StateDict::new(state.source.clone());
    for (key, value) in state.entries {
        match key
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split_once('.'))
        {
            Some((layer, rest)) => of_layer(&mut renamed, (layer, rest), value, is_v2),
            None => renamed.insert(renamed_by(TIMM, &key), value),
        }
    }
    renamed
}

fn of_layer(state: &mut StateDict, (layer, name): (&str, &str), value: Value, is_v2: bool) {
    let layer = format!("encoder.layer.{layer}.");
    if let Some(end) = name.strip_prefix("attn.qkv.")
        && let Some(parts) = thirds(&value)
    {
        for (part, value) in ["query", "key", "value"].iter().zip(parts) {
            state.insert(format!("{layer}attention.attention.{part}.{end}"), value);
        }
        return;
    }
    let name = match renamed_by(TIMM_LAYERS, name) {
        same if same == name && !is_v2 => renamed_by(TIMM_DINO_LAYERS, name),
        other => other,
    };
    state.insert(layer + &name, value);
}

fn renamed_by(table: &[(&str, &str)], name: &str) -> String {
    let found = table
        .iter()
        .find_map(|(from, to)| Some((name.strip_prefix(from)?, to)));
    found.map_or_else(|| name.to_owned(), |(rest, to)| format!("{to}{rest}"))
}

/// Three equal parts along the first axis.
fn thirds(value: &Value) -> Option<[Value; 3]> {
    let rows = value.shape.first()? / 3;
    let numbers = value.as_f32()?;
    let (one, rest) = (numbers.len() / 3, &value.shape[1..]);
    let shape: Vec<usize> = std::iter::once(rows).chain(rest.iter().copied()).collect();
    let fits = rows * 3 == value.shape[0] && one > 0;
    fits.then(|| {
        [0, 1, 2].map(|part| Value::f32(shape.clone(), numbers[part * one..][..one].to_vec()))
    })
}
