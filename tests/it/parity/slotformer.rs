//! `SlotFormer` with every kind of decoder.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use slotflow::models::SlotSequence;
use slotflow::models::blocks::TransformerConfig;
use slotflow::models::decoder::autoregressive::{Autoregressive, token_loss};
use slotflow::models::decoder::dvae::Gumbel;
use slotflow::models::decoder::mixture::{Mixture, MixtureConfig, mixture_loss};
use slotflow::models::dynamics::slotformer::SlotLoss;
use slotflow::models::dynamics::{SlotFormer, SlotFormerConfig};
use slotflow::rng::Init;
use slotflow::train::fit::adam::Adam;
use slotflow::train::fit::schedule::Schedule;
use slotflow::weights::{collect_gradients, load_into};

use super::{Compare, Fixture, autoregressive, latent_diffusion};

/// The configuration that the official dict says.
pub fn config(fixture: &Fixture) -> SlotFormerConfig {
    let size = |name: &str| fixture.size(&format!("rollout_dict/{name}"));
    let burn_in = size("history_len");
    let window = fixture
        .setting("rollout_dict/cond_len")
        .as_u64()
        .map_or(burn_in, |window| window as usize);
    SlotFormerConfig {
        dim: size("slot_size"),
        burn_in,
        window,
        transformer: TransformerConfig {
            dim: size("d_model"),
            layers: size("num_layers"),
            heads: size("num_heads"),
            feed_forward: size("ffn_dim"),
            dropout: 0.0,
        },
        residual: false,
    }
}

/// The model of a fixture with its weights.
pub fn dynamics(fixture: &Fixture, device: &Device) -> SlotFormer {
    let state = fixture.parts().remove("dynamics").unwrap();
    load_into(config(fixture).init(&mut Init::blank(device)), state).unwrap()
}

/// What draws the frames of a fixture, frozen.
enum Decoder {
    Mixture(Box<Mixture>),
    Autoregressive(Box<Autoregressive>),
}

fn decoder(fixture: &Fixture, device: &Device) -> Option<Decoder> {
    let state = fixture.parts().remove("decoder").unwrap();
    let mut init = Init::blank(device);
    Some(match fixture.class.as_str() {
        "STEVESlotFormer" => {
            let config = autoregressive::config(fixture, &state);
            Decoder::Autoregressive(Box::new(
                load_into(config.init(&mut init).no_grad(), state).unwrap(),
            ))
        }
        "LDMSlotFormer" => return None,
        _ => {
            let config = mixture_config(fixture);
            Decoder::Mixture(Box::new(
                load_into(config.init(&mut init).no_grad(), state).unwrap(),
            ))
        }
    })
}

fn mixture_config(fixture: &Fixture) -> MixtureConfig {
    let list = |name: &str| -> Vec<usize> {
        let list = fixture.setting(name).as_array().unwrap();
        list.iter()
            .map(|size| size.as_u64().unwrap() as usize)
            .collect()
    };
    let pair = |name: &str| -> [usize; 2] { list(name).try_into().unwrap() };
    MixtureConfig {
        dim: fixture.size("slot_dict/slot_size"),
        channels: list("dec_dict/dec_channels")[1..].to_vec(),
        kernel: fixture.size("dec_dict/dec_ks"),
        start: pair("dec_dict/dec_resolution"),
        resolution: pair("resolution"),
        position_scale: 1.0,
    }
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device();
    let model = dynamics(fixture, &device);
    let slots = fixture.tensor::<4>("in/slots", &device);
    let history = SlotSequence::observed(slots.narrow(1, 0, model.burn_in()));
    let steps = fixture.number("in/rollout_steps") as usize;
    report.tensor("out/pred_slots", model.rollout(&history, steps).imagined());

    let window = model.embed_last(history.slots.clone());
    let [batch, time, count, width] = window.dims();
    report.tensor(
        "out/in_proj_step0",
        window.clone().reshape([batch, time * count, width]),
    );
    report.tensor(
        "out/transformer_out_step0",
        model.transformer.forward(model.coded(&window), None),
    );

    let trained = model.rollout(&history, fixture.size("loss_dict/rollout_len"));
    match decoder(fixture, &device) {
        Some(Decoder::Mixture(decoder)) => check_mixture(report, &decoder, trained.slots),
        Some(Decoder::Autoregressive(decoder)) => {
            check_written(fixture, report, &decoder, trained.imagined());
        }
        None => check_diffusion(fixture, report, trained.slots),
    }
    check_loss(fixture, report);
    if report.expects("out/train/loss") {
        check_steps(fixture, report);
    }
}

/// Steps of Adam on the slot loss, of one learning rate.
fn check_steps(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let number = |name: &str| fixture.setting(name).as_f64().unwrap();
    let schedule = Schedule {
        rate: number("lr"),
        warmup: number("warmup_steps_pct"),
        ..Schedule::default()
    };
    let total = fixture.size("train_total_steps") as u64;
    let before = fixture.parts();
    let (mut adam, mut after) = (Adam::default(), before.clone());
    let (mut losses, mut rates) = (Vec::new(), Vec::new());
    let batches: Tensor<5> = fixture.tensor("in/train_slots", &device);
    let count = batches.dims()[0];
    for step in 0..count {
        let blank = config(fixture).init(&mut Init::blank(&device));
        let model = load_into(blank, after["dynamics"].clone()).unwrap();
        let slots: Tensor<4> = batches.clone().narrow(0, step, 1).squeeze_dim(0);
        let burn_in = model.burn_in();
        let steps = fixture.size("loss_dict/rollout_len");
        let history = SlotSequence::observed(slots.clone().narrow(1, 0, burn_in));
        let imagined = model.rollout(&history, steps).imagined();
        let loss = SlotLoss::default().of(imagined, slots.narrow(1, burn_in, steps))
            * number("slot_recon_loss_w");
        losses.push(loss.clone().into_scalar::<f32>());
        let gradients = collect_gradients(&model, &loss.backward());
        let rate = schedule.at(step as u64, total);
        rates.push(rate as f32);
        adam.step(after.get_mut("dynamics").unwrap(), &gradients, |_| rate);
    }
    report.values("out/train/loss", &[count], &losses);
    report.values("out/train/lr", &[count], &rates);
    latent_diffusion::check_deltas(fixture, report, before, after);
}

/// Every frame of every clip by itself.
fn flat(slots: Tensor<4>) -> Tensor<3> {
    let [batch, time, count, dim] = slots.dims();
    slots.reshape([batch * time, count, dim])
}

/// Pictures and masks of seen and imagined slots.
fn check_mixture(report: &mut Compare, decoder: &Mixture, slots: Tensor<4>) {
    let [_, time, ..] = slots.dims();
    let mixed = decoder.forward(flat(slots));
    report.tensor("out/recon_combined", split(mixed.frames, time));
    let masks = split(mixed.masks, time);
    let clips = report.shape("out/recon_masks")[0];
    report.tensor("out/recon_masks", masks.narrow(0, 0, clips));
}

/// `[batch · time, …]` → `[batch, time, …]`
fn split(x: Tensor<4>, time: usize) -> Tensor<5> {
    let [frames, a, b, c] = x.dims();
    x.reshape([frames / time, time, a, b, c])
}

/// Tokens and pictures of the first imagined frames.
fn check_written(
    fixture: &Fixture,
    report: &mut Compare,
    decoder: &Autoregressive,
    slots: Tensor<4>,
) {
    let rows = report.shape("out/ar_token_id")[0];
    let written = decoder.tokens.generate(flat(slots).narrow(0, 0, rows));
    report.ints("out/ar_token_id", written.tokens.clone());
    report.tensor("out/ar_logits", written.logits.clone());
    let draws = fixture.tensor::<4>("in/gumbel_exp", &Fixture::device());
    let [_, vocabulary, height, width] = draws.dims();
    report.tensor(
        "out/decode_hard",
        decoder.dvae.decode_tokens(written.tokens, [height, width]),
    );
    let logits = written
        .logits
        .swap_dims(1, 2)
        .reshape([rows, vocabulary, height, width]);
    let gumbel = Gumbel {
        draws,
        temperature: 0.1,
    };
    report.tensor("out/decode_soft", decoder.dvae.decode(gumbel.soft(logits)));
}

/// What the pictures of imagined slots add to the loss, if they do.
fn image_loss(
    fixture: &Fixture,
    report: &mut Compare,
    imagined: Tensor<4>,
    burn_in: usize,
) -> Option<Tensor<1>> {
    if fixture.setting("loss_dict/use_img_recon_loss").as_bool() != Some(true) {
        return None;
    }
    let device = imagined.device();
    let steps = imagined.dims()[1];
    let frames = fixture
        .tensor::<5>("in/img", &device)
        .narrow(1, burn_in, steps);
    let [batch, _, rgb, height, width] = frames.dims();
    let frames = frames.reshape([batch * steps, rgb, height, width]);
    let loss = match decoder(fixture, &device)? {
        Decoder::Mixture(decoder) => mixture_loss(decoder.forward(flat(imagined)).frames, frames),
        Decoder::Autoregressive(decoder) => {
            let targets = decoder.dvae.tokens(frames);
            let logits = decoder.tokens.forward(flat(imagined), targets.clone());
            report.ints("out/target_token_id", targets.clone());
            report.tensor("out/pred_logits", logits.clone());
            token_loss(logits, targets)
        }
    };
    report.tensor("out/loss/img_recon_loss", loss.clone());
    Some(loss)
}

/// The losses and their gradients.
fn check_loss(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let model = dynamics(fixture, &device);
    let burn_in = model.burn_in();
    let slots = fixture.tensor::<4>("in/slots", &device);
    let steps = fixture.size("loss_dict/rollout_len");
    let history = SlotSequence::observed(slots.clone().narrow(1, 0, burn_in));
    let truth = slots.narrow(1, burn_in, steps);
    let imagined = model.rollout(&history, steps).imagined();
    check_slot_losses(fixture, report, &imagined, &truth, burn_in);

    let weight = |name: &str| fixture.setting(name).as_f64().unwrap();
    let mut total = SlotLoss::default().of(imagined.clone(), truth) * weight("slot_recon_loss_w");
    if let Some(loss) = image_loss(fixture, report, imagined, burn_in) {
        total = total + loss * weight("img_recon_loss_w");
    }
    if report.expects("out/loss/total") {
        report.tensor("out/loss/total", total.clone());
    }
    let gradients = collect_gradients(&model, &total.backward());
    report.gradients(BTreeMap::from([("dynamics", gradients)]));
}

/// The slot loss in all its variants.
fn check_slot_losses(
    fixture: &Fixture,
    report: &mut Compare,
    imagined: &Tensor<4>,
    truth: &Tensor<4>,
    burn_in: usize,
) {
    let compare =
        |report: &mut Compare, name: &str, loss: &SlotLoss, range: std::ops::Range<usize>| {
            if report.expects(name) {
                let part = |x: &Tensor<4>| x.clone().narrow(1, range.start, range.len());
                report.tensor(name, loss.of(part(imagined), part(truth)));
            }
        };
    let steps = truth.dims()[1];
    compare(
        report,
        "out/loss/slot_recon_loss",
        &SlotLoss::default(),
        0..steps,
    );
    for step in 0..steps.min(6) {
        let name = format!("out/loss/slot_recon_loss_{}", step + 1);
        compare(report, &name, &SlotLoss::default(), step..step + 1);
    }
    let decayed = SlotLoss {
        decay: Some(0.5),
        ..SlotLoss::default()
    };
    compare(
        report,
        "out/loss_decay0.5/slot_recon_loss",
        &decayed,
        0..steps,
    );
    if report.expects("out/loss_vid_len/slot_recon_loss") {
        let lengths = fixture.whole("in/vid_len");
        let valid = lengths
            .iter()
            .map(|length| (*length as usize).saturating_sub(burn_in))
            .collect();
        let cut = SlotLoss {
            valid_steps: Some(valid),
            decay: None,
        };
        compare(report, "out/loss_vid_len/slot_recon_loss", &cut, 0..steps);
    }
}

/// What is drawn by diffusion from seen and imagined slots.
fn check_diffusion(fixture: &Fixture, report: &mut Compare, slots: Tensor<4>) {
    let part = fixture.parts().remove("decoder").unwrap();
    let decoder = latent_diffusion::decoder(fixture, part, &Fixture::device());
    latent_diffusion::check_network(fixture, report, &decoder);
    let latents = latent_diffusion::drawn_latents(fixture, &decoder, slots.clone());
    report.tensor("out/dpm/latent", latents);
    let clips = latent_diffusion::drawn(fixture, &decoder, slots);
    report.tensor("out/rollout_decode/recon_combined", clips);
}
