//! Names of Aloe and the readouts.

use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};

/// Aloe.
pub const ALOE: &[Part] = &[Part {
    name: "reasoner",
    model: WeightsKind::Aloe,
    sections: &[&Section::new("transformer_model.", "", ALOE_RULES)],
}];

const ALOE_RULES: &[Rule] = &[
    ("text_token", "text_code"),
    ("vision_token", "vision_code"),
    ("cls_token", "descriptive_code"),
    ("mc_question_token", "question_code"),
    ("mc_choice_token", "choice_code"),
    ("CLS", "class_token"),
    ("transformer_encoder.pos_embedding", "position"),
    ("transformer_encoder.layers.{..}", "transformer.layers.{..}"),
    ("q_embedding.weight", "words.weight"),
    ("q_in_proj.{}", "text_input.{}"),
    ("vision_in_proj.{}", "vision_input.{}"),
    ("cls_answer_mlp.0.{}", "answer.hidden.{}"),
    ("cls_answer_mlp.2.{}", "answer.output.{}"),
    ("mc_answer_mlp.0.{}", "choice.hidden.{}"),
    ("mc_answer_mlp.2.{}", "choice.output.{}"),
];

/// The Physion readout.
pub const PHYSION: &[Part] = &[Part {
    name: "reasoner",
    model: WeightsKind::PhysionReadout,
    sections: &[&Section::new(
        "",
        "",
        &[("linear1.{}", "pair.{}"), ("linear2.{}", "output.{}")],
    )],
}];

/// The PHYRE readout.
pub const PHYRE: &[Part] = &[Part {
    name: "reasoner",
    model: WeightsKind::PhyreReadout,
    sections: &[&Section::new(
        "",
        "",
        &[
            ("CLS", "class_token"),
            ("enc_t_pe", "time_code"),
            ("in_proj.{}", "input.{}"),
            ("transformer_encoder.layers.{..}", "transformer.layers.{..}"),
            ("cls_mlp.0.{}", "head.hidden.{}"),
            ("cls_mlp.2.{}", "head.output.{}"),
        ],
    )],
}];
