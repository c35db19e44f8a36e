//! Names of the slot encoder and the mixture decoder: SA, SAVi, StoSAVi.

use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};

/// The slot encoder.
pub const ENCODER: Part = Part {
    name: "encoder",
    model: WeightsKind::SlotEncoder,
    sections: &[
        // The official class wraps a predictor once more where an LSTM stands behind it.
        &Section::new(
            "predictor.base_predictor.transformer_encoder.",
            "transition.transformer.",
            &[("{..}", "{..}")],
        )
        .when("transition.lstm.weight_ih"),
        &Section::new(
            "predictor.transformer_encoder.",
            "transition.transformer.",
            &[("{..}", "{..}")],
        ),
        &Section::new("", "", ENCODER_RULES),
    ],
};

const ENCODER_RULES: &[Rule] = &[
    ("init_latents", "initial.mean"),
    ("kernel_dist_layer.0.{}", "initial.posterior.first.{}"),
    ("kernel_dist_layer.1.{}", "initial.posterior.norm.{}"),
    ("kernel_dist_layer.3.{}", "initial.posterior.second.{}"),
    (
        "slot_attention.norm_inputs.{}",
        "attention.norm_features.{}",
    ),
    ("slot_attention.project_q.0.{}", "attention.norm_slots.{}"),
    ("slot_attention.project_q.1.{}", "attention.query.{}"),
    ("slot_attention.project_k.{}", "attention.key.{}"),
    ("slot_attention.project_v.{}", "attention.value.{}"),
    ("slot_attention.gru.{}", "attention.gru.{}"),
    ("slot_attention.mlp.0.{}", "attention.norm_update.{}"),
    ("slot_attention.mlp.1.{}", "attention.widen.{}"),
    ("slot_attention.mlp.3.{}", "attention.narrow.{}"),
    // A plain stem: the convolution is the first of each block.
    ("encoder.{}.0.{}", "stem.convs.{}.{}"),
    // DINO; the rest of a ResNet comes after it, because its names are the more general ones.
    ("encoder.dino.embeddings.cls_token", "stem.class_token"),
    (
        "encoder.dino.embeddings.position_embeddings",
        "stem.positions",
    ),
    (
        "encoder.dino.embeddings.patch_embeddings.projection.{}",
        "stem.patches.{}",
    ),
    (
        "encoder.dino.encoder.layer.{}.attention.output.dense.{}",
        "stem.layers.{}.output.{}",
    ),
    (
        "encoder.dino.encoder.layer.{}.intermediate.dense.{}",
        "stem.layers.{}.widen.{}",
    ),
    (
        "encoder.dino.encoder.layer.{}.output.dense.{}",
        "stem.layers.{}.narrow.{}",
    ),
    (
        "encoder.dino.encoder.layer.{}.layernorm_before.{}",
        "stem.layers.{}.norm1.{}",
    ),
    (
        "encoder.dino.encoder.layer.{}.layernorm_after.{}",
        "stem.layers.{}.norm2.{}",
    ),
    ("encoder.dino.layernorm.{}", "stem.norm.{}"),
    (
        "encoder.dino.encoder.layer.{}.attention.attention.{}.{}",
        "stem.layers.{}.{}.{}",
    ),
    ("encoder.{}.0.downsample.0.{}", "stem.{}.0.shortcut.{}"),
    ("encoder.{}.0.downsample.1.{}", "stem.{}.0.shortcut_norm.{}"),
    ("encoder.{}.{}", "stem.{}.{}"),
    ("encoder.{}.{}.{}.{}", "stem.{}.{}.{}.{}"),
    ("encoder_pos_embedding.dense.{}", "position.dense.{}"),
    ("encoder_out_layer.0.{}", "norm.{}"),
    ("encoder_out_layer.1.{}", "first.{}"),
    ("encoder_out_layer.3.{}", "second.{}"),
    ("predictor.ln.{}", "transition.mlp.norm.{}"),
    ("predictor.mlp.0.{}", "transition.mlp.widen.{}"),
    ("predictor.mlp.2.{}", "transition.mlp.narrow.{}"),
    ("predictor.rnn.weight_ih_l0", "transition.lstm.weight_ih"),
    ("predictor.rnn.weight_hh_l0", "transition.lstm.weight_hh"),
    ("predictor.rnn.bias_ih_l0", "transition.lstm.bias_ih"),
    ("predictor.rnn.bias_hh_l0", "transition.lstm.bias_hh"),
    ("predictor.out_projector.{}", "transition.output.{}"),
];

/// The mixture decoder. Its last convolution is numbered like those before it.
pub const MIXTURE: Part = Part {
    name: "decoder",
    model: WeightsKind::Mixture,
    sections: &[
        &Section::new(
            "decoder_pos_embedding.dense.",
            "position.dense.",
            &[("{}", "{}")],
        ),
        &Section::new("decoder.", "", &[("{}.0.{}", "layers.{}.{}")]),
        &Section::new("decoder.8.", "output.", &[("{}", "{}")]).when("layers.7.weight"),
        &Section::new("decoder.7.", "output.", &[("{}", "{}")]).when("layers.6.weight"),
        &Section::new("decoder.6.", "output.", &[("{}", "{}")]).when("layers.5.weight"),
        &Section::new("decoder.5.", "output.", &[("{}", "{}")]).when("layers.4.weight"),
        &Section::new("decoder.4.", "output.", &[("{}", "{}")]).when("layers.3.weight"),
        &Section::new("decoder.3.", "output.", &[("{}", "{}")]).when("layers.2.weight"),
        &Section::new("decoder.2.", "output.", &[("{}", "{}")]).when("layers.1.weight"),
        &Section::new("decoder.1.", "output.", &[("{}", "{}")]).when("layers.0.weight"),
    ],
};

/// Encoder and mixture decoder in one checkpoint.
pub const WITH_MIXTURE: &[Part] = &[ENCODER, MIXTURE];

/// Grids are recomputed; no output depends on the prior layer.
pub const IGNORED: &[&str] = &[
    "encoder_pos_embedding.grid",
    "decoder_pos_embedding.grid",
    "prior_slot_layer.{..}",
];
