//! Aloe.

use std::collections::BTreeMap;

use burn::tensor::{Bool, Device, Int, Tensor};
use slotflow::models::blocks::TransformerConfig;
use slotflow::models::reasoner::aloe::TextKind;
use slotflow::models::reasoner::{Aloe, AloeConfig, binary_cross_entropy, cross_entropy};
use slotflow::rng::Init;
use slotflow::weights::{collect_gradients, load_into};

use super::{Compare, Fixture};

fn model(fixture: &Fixture, device: &Device) -> Aloe {
    let state = fixture.parts().remove("reasoner").unwrap();
    let size = |name: &str| fixture.size(&format!("transformer_dict/{name}"));
    let question = fixture.size("max_question_len");
    let config = AloeConfig {
        dim: fixture.size("vision_dict/vision_dim"),
        frames: fixture.size("n_sample_frames"),
        slots: fixture.value("in/cls_video_emb").shape[2],
        question,
        text: question + fixture.size("max_choice_len"),
        vocabulary: fixture.size("question_vocab_size"),
        answers: fixture.size("answer_vocab_size"),
        word: state.shape("words.weight").unwrap()[1],
        head: size("cls_mlp_size"),
        transformer: TransformerConfig {
            dim: state.shape("class_token").unwrap()[2],
            layers: size("num_layers"),
            heads: size("num_heads"),
            feed_forward: size("ffn_dim"),
            dropout: 0.0,
        },
    };
    load_into(config.init(&mut Init::blank(device)), state).unwrap()
}

/// Slots, words and padding of one kind of question; a clip for every row.
fn inputs(
    fixture: &Fixture,
    kind: &str,
    device: &Device,
) -> (Tensor<4>, Tensor<2, Int>, Tensor<2, Bool>) {
    let mut slots = fixture.tensor::<4>(&format!("in/{kind}_video_emb"), device);
    if fixture.has(&format!("in/{kind}_flag")) {
        slots = slots.select(0, fixture.ints(&format!("in/{kind}_flag"), device));
    }
    let words = fixture.ints(&format!("in/{kind}_q_tokens"), device);
    (
        slots,
        words,
        fixture
            .ints::<2>(&format!("in/{kind}_q_pad_mask"), device)
            .equal_elem(1),
    )
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let model = model(fixture, &device);
    let (slots, words, padding) = inputs(fixture, "cls", &device);
    let token = model.gather(
        slots.clone(),
        words.clone(),
        padding.clone(),
        TextKind::Descriptive,
    );
    report.tensor("out/cls_transformer_out_token0", token);
    let answers = model.answer(slots, words, padding);
    report.tensor("out/cls_answer_logits", answers.clone());

    let (slots, words, padding) = inputs(fixture, "mc", &device);
    let token = model.gather(
        slots.clone(),
        words.clone(),
        padding.clone(),
        TextKind::Choice,
    );
    report.tensor("out/mc_transformer_out_token0", token);
    let choices = model.score_choices(slots, words, padding);
    report.tensor("out/mc_answer_logits", choices.clone());

    let descriptive = cross_entropy(answers.clone(), fixture.ints("in/cls_label", &device));
    let choice = binary_cross_entropy(choices.clone(), fixture.ints("in/mc_label", &device));
    report.tensor("out/loss/cls_answer_loss", descriptive.clone());
    report.tensor("out/loss/mc_answer_loss", choice.clone());
    let weight = |name: &str| fixture.setting(name).as_f64().unwrap();
    let total = descriptive * weight("cls_answer_loss_w") + choice * weight("mc_answer_loss_w");
    report.tensor("out/loss/total", total.clone());
    report.gradients(BTreeMap::from([(
        "reasoner",
        collect_gradients(&model, &total.backward()),
    )]));
    check_accuracy(fixture, report, answers, choices);
}

fn check_accuracy(fixture: &Fixture, report: &mut Compare, answers: Tensor<2>, choices: Tensor<1>) {
    let [count, _] = answers.dims();
    let chosen: Vec<i64> = answers.argmax(1).into_data().iter::<i64>().collect();
    let right = chosen
        .iter()
        .zip(fixture.whole("in/cls_label"))
        .filter(|(ours, theirs)| **ours == *theirs)
        .count();
    report.number("out/eval/descriptive_acc", right as f64 / count as f64);

    let choices: Vec<f32> = choices.into_data().try_to_vec().unwrap();
    let subtypes = fixture.whole("in/mc_subtype");
    let mut all_right = vec![true; subtypes.len()];
    let rows = choices
        .iter()
        .zip(fixture.whole("in/mc_label"))
        .zip(fixture.whole("in/mc_flag"));
    for ((logit, label), question) in rows {
        all_right[question as usize] &= (*logit > 0.0) == (label == 1);
    }
    let accuracy = |subtype: Option<i64>| {
        let wanted: Vec<_> = all_right
            .iter()
            .zip(&subtypes)
            .filter(|(_, found)| subtype.is_none_or(|wanted| wanted == **found))
            .collect();
        wanted.iter().filter(|(right, _)| **right).count() as f64 / wanted.len().max(1) as f64
    };
    report.number("out/eval/multiple-choice_acc", accuracy(None));
    for (subtype, name) in [(1, "explanatory"), (2, "predictive"), (3, "counterfactual")] {
        report.number(&format!("out/eval/{name}_acc"), accuracy(Some(subtype)));
    }
}
