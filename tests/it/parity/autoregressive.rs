//! SLATE and STEVE.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use slotflow::models::decoder::autoregressive::{Autoregressive, AutoregressiveConfig};
use slotflow::rng::Init;
use slotflow::weights::{StateDict, collect_gradients, load_into};

use super::{Compare, Fixture, dvae, slot_encoder};

/// The configuration of the decoder whose weights are `state`.
pub fn config(fixture: &Fixture, state: &StateDict) -> AutoregressiveConfig {
    let shape = |key: &str| state.shape(key).unwrap();
    let size = |name: &str| fixture.size(&format!("dec_dict/{name}"));
    let side = |index: usize| fixture.size(&format!("resolution/{index}"));
    AutoregressiveConfig {
        dim: shape("tokens.input.weight")[1],
        width: shape("tokens.input.weight")[0],
        resolution: [side(0), side(1)],
        layers: size("dec_num_layers"),
        heads: size("dec_num_heads"),
        dropout: 0.0,
        dvae: dvae::config(state, "dvae."),
    }
}

/// The decoder of a fixture with its weights.
fn decoder(fixture: &Fixture, device: &Device) -> Autoregressive {
    let state = fixture.parts().remove("decoder").unwrap();
    let blank = config(fixture, &state).init(&mut Init::blank(device));
    load_into(blank, state).unwrap()
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device();
    let (encoder, model) = (
        slot_encoder::encoder(fixture, &device),
        decoder(fixture, &device),
    );
    let frames = slot_encoder::clips(fixture, &device);
    let encoded = slot_encoder::check_slots(fixture, report, &encoder, &frames);
    let [_, _, _, height, width] = frames.dims();
    report.tensor("out/masks", encoded.masks([height, width]));
    if report.expects("out/masks_native") {
        report.tensor("out/masks_native", encoded.attention.clone());
    }
    check_written(fixture, report, &model, encoded.slots.flatten(0, 1));
    check_loss(fixture, report);
}

/// What is written of the first frames without being taught.
fn check_written(
    fixture: &Fixture,
    report: &mut Compare,
    model: &Autoregressive,
    slots: Tensor<3>,
) {
    let rows = fixture.number("in/ar_n") as usize;
    let slots = slots.narrow(0, 0, rows);
    let written = model.tokens.generate(slots.clone());
    report.ints("out/ar_token_id", written.tokens);
    report.tensor("out/ar_logits", written.logits);
    report.tensor("out/ar_recon_img", model.render(slots));
}

/// The loss of tokens that are taught, and its gradients.
fn check_loss(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let (encoder, model) = (
        slot_encoder::encoder(fixture, &device),
        decoder(fixture, &device),
    );
    let frames = slot_encoder::clips(fixture, &device);
    let slots = encoder.encode(frames.clone(), None, None).slots;
    let (frames, slots) = (frames.flatten(0, 1), slots.flatten(0, 1));
    let targets = model.dvae.tokens(frames.clone());
    report.ints("out/target_token_id", targets.clone());
    report.tensor(
        "out/pred_logits",
        model.tokens.forward(slots.clone(), targets),
    );
    let loss = model.loss(frames, slots);
    report.tensor("out/loss/token_recon_loss", loss.clone());
    if report.expects("out/loss/total") {
        let weight = fixture.setting("token_recon_loss_w").as_f64().unwrap();
        report.tensor("out/loss/total", loss.clone() * weight);
    }
    let gradients = loss.backward();
    report.gradients(BTreeMap::from([
        ("encoder", collect_gradients(&encoder, &gradients)),
        ("decoder", collect_gradients(&model, &gradients)),
    ]));
}
