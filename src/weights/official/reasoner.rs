//! Sizes of `SlotFormer`, Aloe and the readouts.

use super::decoder::divisor;
use super::{OfficialConfig, Shapes};
use crate::models::blocks::TransformerConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::reasoner::{AloeConfig, PhyreReadoutConfig, PhysionReadoutConfig};
use crate::weights::WeightsError;
use crate::weights::official::config::setting;

/// Sizes of the Transformer inside; `dict` is where the configuration has its heads.
fn transformer(
    shapes: &Shapes,
    facts: &OfficialConfig,
    dict: &str,
    dim: usize,
) -> Result<TransformerConfig, WeightsError> {
    let [feed_forward, _] = shapes.axes("transformer.layers.0.linear1.weight")?;
    let layers = shapes.count("transformer.layers.");
    facts.confirm(&format!("{dict}/num_layers"), layers)?;
    facts.confirm(&format!("{dict}/ffn_dim"), feed_forward)?;
    Ok(TransformerConfig {
        dim,
        layers,
        heads: divisor(facts, &format!("{dict}/num_heads"), None, &[dim])?,
        feed_forward,
        ..TransformerConfig::default()
    })
}

/// Sizes of a `SlotFormer`.
pub fn slotformer(
    shapes: &Shapes,
    facts: &OfficialConfig,
) -> Result<SlotFormerConfig, WeightsError> {
    let [width, dim] = shapes.axes("input.weight")?;
    let [_, window, _] = shapes.axes("time_code")?;
    facts.confirm("rollout_dict/slot_size", dim)?;
    facts.confirm("rollout_dict/d_model", width)?;
    let burn_in = if facts.class == "SingleStepSlotFormer" {
        facts.confirm("rollout_dict/cond_len", window)?;
        facts.size("rollout_dict/history_len")?
    } else {
        facts.confirm("rollout_dict/history_len", window)?;
        window
    };
    if burn_in > window {
        let reason = format!("is {burn_in}, more than the window of {window} frames");
        return Err(setting("rollout_dict/history_len", reason));
    }
    Ok(SlotFormerConfig {
        dim,
        burn_in,
        window,
        transformer: transformer(shapes, facts, "rollout_dict", width)?,
        residual: false,
    })
}

/// Sizes of an Aloe. The slots of a frame are what is left of the positions.
pub fn aloe(shapes: &Shapes, facts: &OfficialConfig) -> Result<AloeConfig, WeightsError> {
    let [vocabulary, word] = shapes.axes("words.weight")?;
    let [width, vision] = shapes.axes("vision_input.weight")?;
    let [answers, head] = shapes.axes("answer.output.weight")?;
    let [_, positions, _] = shapes.axes("position")?;
    let dim = vision.saturating_sub(CODE);
    facts.confirm("vision_dict/vision_dim", dim)?;
    facts.confirm("question_vocab_size", vocabulary)?;
    facts.confirm("answer_vocab_size", answers)?;
    facts.confirm("transformer_dict/cls_mlp_size", head)?;
    let frames = facts.size("n_sample_frames")?;
    let question = facts.size("max_question_len")?;
    let text = question + facts.size("max_choice_len")?;
    let seen = positions.saturating_sub(1 + text);
    if seen == 0 || !seen.is_multiple_of(frames) {
        let reason =
            format!("is {frames}, which does not divide the {seen} positions beside {text} words");
        return Err(setting("n_sample_frames", reason));
    }
    Ok(AloeConfig {
        dim,
        frames,
        slots: seen / frames,
        question,
        text,
        vocabulary,
        answers,
        word,
        head,
        transformer: transformer(shapes, facts, "transformer_dict", width)?,
    })
}

/// Numbers of the code that says what a token is.
const CODE: usize = 2;

/// Sizes of a Physion readout.
pub fn physion(
    shapes: &Shapes,
    facts: &OfficialConfig,
) -> Result<PhysionReadoutConfig, WeightsError> {
    let [pair, two] = shapes.axes("pair.weight")?;
    facts.confirm("readout_dict/slot_size", two / 2)?;
    facts.confirm("readout_dict/feats_dim", pair)?;
    Ok(PhysionReadoutConfig { dim: two / 2, pair })
}

/// Sizes of a PHYRE readout.
pub fn phyre(shapes: &Shapes, facts: &OfficialConfig) -> Result<PhyreReadoutConfig, WeightsError> {
    let [width, dim] = shapes.axes("input.weight")?;
    let [_, times, _] = shapes.axes("time_code")?;
    facts.confirm("readout_dict/slot_size", dim)?;
    facts.confirm("readout_dict/d_model", width)?;
    let key = "readout_dict/sel_slots";
    let steps = facts.sizes(key)?;
    if steps.len() != times {
        let reason = format!("has {} steps but the arrays say {times}", steps.len());
        return Err(setting(key, reason));
    }
    Ok(PhyreReadoutConfig {
        dim,
        steps,
        transformer: transformer(shapes, facts, "readout_dict", width)?,
    })
}
