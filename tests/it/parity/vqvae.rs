//! The VQ-VAE.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use slotflow::models::decoder::vqvae::{VqVaeConfig, VqVaeLossConfig};
use slotflow::rng::Init;
use slotflow::weights::{collect_gradients, load_into};

use super::{Compare, Fixture};

/// The configuration of a VQ-VAE, from the place where a fixture has `enc_dec_dict` and `vq_dict`.
pub fn config(fixture: &Fixture, place: &str) -> VqVaeConfig {
    let size = |name: &str| fixture.size(&format!("{place}enc_dec_dict/{name}"));
    let multipliers = fixture
        .setting(&format!("{place}enc_dec_dict/ch_mult"))
        .as_array()
        .unwrap();
    let groups = fixture
        .setting(&format!("{place}enc_dec_dict/norm_groups"))
        .as_u64();
    VqVaeConfig {
        rgb: size("in_channels"),
        channels: size("ch"),
        multipliers: multipliers
            .iter()
            .map(|multiplier| multiplier.as_u64().unwrap() as usize)
            .collect(),
        residual_blocks: size("num_res_blocks"),
        latent_channels: size("z_channels"),
        code_channels: fixture.size(&format!("{place}vq_dict/embed_dim")),
        codes: fixture.size(&format!("{place}vq_dict/n_embed")),
        norm_groups: groups.unwrap_or(32) as usize,
        mid_attention: true,
    }
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let part = fixture.parts().remove("vqvae").unwrap();
    let model = load_into(config(fixture, "").init(&mut Init::blank(&device)), part).unwrap();
    let frames = fixture.frames("in/img", &device);

    report.tensor("out/enc_out", model.encoder.forward(frames.clone()));
    let latents = model.encode(frames.clone());
    report.tensor("out/h", latents.clone());
    let quantised = model.quantise(latents.clone());
    report.tensor("out/quant", quantised.latents.clone());
    report.ints("out/token_id", tokens(quantised.codes, &latents));
    report.tensor("out/recon", model.decode(quantised.latents));
    report.tensor(
        "out/recon_from_h",
        model.decode(model.quantise(latents).latents),
    );
    let random = fixture.frames("in/h_random", &device);
    let random = model.quantise(random).latents;
    report.tensor("out/recon_from_random_h", model.decode(random));

    let weight = |name: &str| fixture.setting(name).as_f64().unwrap_or(1.0);
    let (absolute, quantise) = (weight("recon_loss_w"), weight("quant_loss_w"));
    let loss = VqVaeLossConfig {
        absolute,
        quantise,
        legacy_loss: true,
        ..VqVaeLossConfig::default()
    };
    let losses = loss.losses(model.forward(frames.clone()), frames, None);
    report.tensor("out/loss/quant_loss", losses.quantise);
    report.tensor("out/loss/recon_loss", losses.absolute);
    report.tensor("out/loss/recon_mse", losses.squared);
    report.tensor("out/loss/quant_plus_recon", losses.total.clone());
    let gradients = losses.total.backward();
    report.gradients(BTreeMap::from([(
        "vqvae",
        collect_gradients(&model, &gradients),
    )]));
}

/// Codes on the grid of their latents.
fn tokens(
    codes: Tensor<2, burn::tensor::Int>,
    latents: &Tensor<4>,
) -> Tensor<3, burn::tensor::Int> {
    let [batch, _, height, width] = latents.dims();
    codes.reshape([batch, height, width])
}
