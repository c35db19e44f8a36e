//! The dVAE.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use slotflow::models::decoder::dvae::{Dvae, DvaeConfig, Gumbel};
use slotflow::rng::Init;
use slotflow::weights::{StateDict, collect_gradients, load_into};

use super::{Compare, Fixture};

/// The sizes that a dVAE's weights have, which begin with `prefix`.
pub fn config(state: &StateDict, prefix: &str) -> DvaeConfig {
    let shape = |key: &str| state.shape(&format!("{prefix}{key}")).unwrap();
    DvaeConfig {
        rgb: shape("output.weight")[0],
        channels: shape("output.weight")[1],
        vocabulary: shape("logits.weight")[0],
    }
}

fn model(fixture: &Fixture, device: &Device) -> Dvae {
    let state = fixture.parts().remove("dvae").unwrap();
    load_into(config(&state, "").init(&mut Init::blank(device)), state).unwrap()
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let model = model(fixture, &device);
    let frames = fixture.frames("in/img", &device);
    let logits = model.encode(frames.clone());
    report.tensor("out/logits", logits.clone());
    report.tensor(
        "out/z_logits",
        burn::tensor::activation::log_softmax(logits.clone(), 1),
    );
    let tokens = model.tokens(frames.clone());
    report.ints("out/token_id", tokens_like(fixture, tokens.clone()));
    let [_, _, height, width] = logits.dims();
    report.tensor(
        "out/recon_onehot",
        model.decode_tokens(tokens, [height, width]),
    );

    let draws = fixture.value("in/gumbel_exp").clone();
    let draws = Tensor::<1>::from_data(draws.as_f32().unwrap(), &device).reshape(logits.dims());
    let gumbel = Gumbel {
        draws,
        temperature: fixture.number("in/gumbel_tau"),
    };
    report.tensor("out/recon_hard", model.decode(gumbel.hard(logits)));
    let soft = model.reconstruct(frames.clone(), &gumbel);
    report.tensor("out/recon_soft", soft.clone());
    let loss = (soft - frames).square().mean();
    report.tensor("out/loss/recon_loss", loss.clone());
    report.gradients(BTreeMap::from([(
        "dvae",
        collect_gradients(&model, &loss.backward()),
    )]));
}

/// Tokens in the fixture's shape, which may keep rows and columns apart.
fn tokens_like(
    fixture: &Fixture,
    tokens: Tensor<2, burn::tensor::Int>,
) -> Tensor<3, burn::tensor::Int> {
    let shape = &fixture.value("out/token_id").shape;
    let [height, width] = shape[shape.len() - 2..] else {
        panic!("no grid of tokens")
    };
    tokens.reshape([-1, height as i64, width as i64])
}
