//! Slot Attention, SAVi, StoSAVi.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, s};
use slotflow::models::decoder::mixture::{Mixture, MixtureConfig, mixture_loss};
use slotflow::models::encoder::{
    CnnConfig, Encoded, InitialConfig, InteractionConfig, PosteriorConfig, ResNetConfig,
    SlotEncoder, SlotEncoderConfig, SlotState, StemConfig, TransitionConfig, VitConfig, kl_loss,
};
use slotflow::rng::Init;
use slotflow::weights::{collect_gradients, load_into};

use super::{Compare, Fixture};

/// A list of sizes in the official configuration.
fn sizes(fixture: &Fixture, pointer: &str) -> Vec<usize> {
    let list = fixture.setting(pointer).as_array().unwrap();
    list.iter()
        .map(|size| size.as_u64().unwrap() as usize)
        .collect()
}

fn pair(fixture: &Fixture, pointer: &str) -> [usize; 2] {
    sizes(fixture, pointer).try_into().unwrap()
}

/// Whether the official class is one of SlotFormer's, which halve at 128 pixels alone.
fn is_slotformer(fixture: &Fixture) -> bool {
    fixture
        .setting("official_class")
        .as_str()
        .unwrap()
        .starts_with("SlotFormer")
}

fn stem(fixture: &Fixture) -> StemConfig {
    let resolution = pair(fixture, "resolution");
    if fixture.setting("enc_dict/dino").is_string() {
        let size = |name: &str| fixture.size(&format!("enc_dict/vit_dict/{name}"));
        return StemConfig::Vit(VitConfig {
            resolution: pair(fixture, "enc_dict/resolution"),
            patch: fixture.size("enc_dict/patch_size"),
            dim: size("hidden_size"),
            layers: size("num_hidden_layers"),
            heads: size("num_attention_heads"),
            ffn: size("intermediate_size"),
            ..VitConfig::default()
        });
    }
    if fixture.setting("enc_dict/resnet").is_string() {
        let groups = fixture.setting("enc_dict/norm_groups").as_u64();
        let default = ResNetConfig::default();
        let widths = fixture.setting("enc_dict/resnet_widths").is_array();
        return StemConfig::Resnet18(ResNetConfig {
            widths: if widths {
                sizes(fixture, "enc_dict/resnet_widths").try_into().unwrap()
            } else {
                default.widths
            },
            norm_groups: groups.map_or(default.norm_groups, |groups| groups as usize),
        });
    }
    let channels = sizes(fixture, "enc_dict/enc_channels")[1..].to_vec();
    let mut strides = vec![1; channels.len()];
    if if is_slotformer(fixture) {
        resolution[0] == 128
    } else {
        resolution[0] > 64
    } {
        strides[0] = 2;
    }
    StemConfig::Cnn(CnnConfig {
        kernels: vec![fixture.size("enc_dict/enc_ks"); channels.len()],
        strides,
        channels,
        norm_groups: None,
    })
}

fn transition(fixture: &Fixture) -> TransitionConfig {
    match fixture.setting("pred_dict/pred_type").as_str() {
        None => TransitionConfig::None,
        Some("mlp") => TransitionConfig::Mlp,
        Some("transformer") => TransitionConfig::Transformer(InteractionConfig {
            layers: fixture.size("pred_dict/pred_num_layers"),
            heads: fixture.size("pred_dict/pred_num_heads"),
            feed_forward: Some(fixture.size("pred_dict/pred_ffn_dim")),
            dropout: 0.0,
        }),
        Some(other) => panic!("no transition `{other}`"),
    }
}

fn prior_variance(fixture: &Fixture) -> Option<f64> {
    let method = fixture.setting("loss_dict/kld_method").as_str()?;
    Some(method.strip_prefix("var-")?.parse().unwrap())
}

/// The configuration that the official dict says.
pub fn config(fixture: &Fixture) -> SlotEncoderConfig {
    let slot = |name: &str| fixture.size(&format!("slot_dict/{name}"));
    let doubt = || PosteriorConfig {
        deep: fixture
            .setting("slot_dict/kernel_mlp")
            .as_bool()
            .unwrap_or(true),
        prior_variance: prior_variance(fixture),
    };
    let remembers = fixture.setting("pred_dict/pred_rnn").as_bool() == Some(true);
    SlotEncoderConfig {
        resolution: pair(fixture, "resolution"),
        slots: slot("num_slots"),
        dim: slot("slot_size"),
        features: Some(fixture.size("enc_dict/enc_out_channels")),
        slot_mlp: slot("slot_mlp_size"),
        iterations: slot("num_iterations"),
        stem: stem(fixture),
        transition: transition(fixture),
        memory: remembers.then(|| slot("slot_mlp_size")),
        initial: if fixture.class == "StoSAVi" {
            InitialConfig::Stochastic(doubt())
        } else {
            InitialConfig::Learned
        },
        ..SlotEncoderConfig::default()
    }
}

/// The slot encoder of a fixture with its weights.
pub fn encoder(fixture: &Fixture, device: &Device) -> SlotEncoder {
    let state = fixture.parts().remove("encoder").unwrap();
    load_into(config(fixture).init(&mut Init::blank(device)), state).unwrap()
}

/// The configuration of the mixture decoder that the official dict says.
pub fn mixture_config(fixture: &Fixture) -> MixtureConfig {
    MixtureConfig {
        dim: fixture.size("slot_dict/slot_size"),
        channels: sizes(fixture, "dec_dict/dec_channels")[1..].to_vec(),
        kernel: fixture.size("dec_dict/dec_ks"),
        start: pair(fixture, "dec_dict/dec_resolution"),
        resolution: pair(fixture, "resolution"),
        ..MixtureConfig::default()
    }
}

/// The mixture decoder of a fixture with its weights.
pub fn mixture(fixture: &Fixture, device: &Device) -> Mixture {
    let state = fixture.parts().remove("decoder").unwrap();
    load_into(
        mixture_config(fixture).init(&mut Init::blank(device)),
        state,
    )
    .unwrap()
}

/// The fixture's pictures as clips, stills as clips of one frame.
pub fn clips(fixture: &Fixture, device: &Device) -> Tensor<5> {
    if fixture.value("in/img").shape.len() == 5 {
        fixture.tensor("in/img", device)
    } else {
        fixture.tensor::<4>("in/img", device).unsqueeze_dim(1)
    }
}

/// The noise around slots, where the fixture has it.
fn noise(fixture: &Fixture, device: &Device) -> Option<Tensor<4>> {
    fixture
        .has("in/kernel_eps")
        .then(|| fixture.tensor("in/kernel_eps", device))
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let (encoder, decoder) = (encoder(fixture, &device), mixture(fixture, &device));
    let frames = clips(fixture, &device);
    let encoded = check_slots(fixture, report, &encoder, &frames);
    check_pictures(fixture, report, &decoder, &encoded);
    check_losses(fixture, report, &encoder, &decoder);
}

/// The slots of every frame, and how they came about.
pub fn check_slots(
    fixture: &Fixture,
    report: &mut Compare,
    encoder: &SlotEncoder,
    frames: &Tensor<5>,
) -> Encoded {
    let noise = noise(fixture, &frames.device());
    check_tokens(fixture, report, encoder, frames);
    check_recurrence(fixture, report, encoder, frames);

    let encoded = encoder.encode(frames.clone(), None, noise.as_ref());
    for name in ["out/slots", "out/slots_full_video", "out/post_slots"] {
        if report.expects(name) {
            report.tensor(name, encoded.slots.clone());
        }
    }
    if let (Some(posterior), true) = (&encoded.posterior, report.expects("out/kernel_dist")) {
        report.tensor("out/kernel_dist", posterior.clone());
    }
    check_chunks(report, encoder, frames, noise.as_ref());
    encoded
}

/// Features before and behind the layers that follow the stem.
fn check_tokens(
    fixture: &Fixture,
    report: &mut Compare,
    encoder: &SlotEncoder,
    frames: &Tensor<5>,
) {
    let [batch, time, rgb, height, width] = frames.dims();
    let flat = frames.clone().reshape([batch * time, rgb, height, width]);
    if report.expects("out/enc_feat") {
        let count = fixture.value("out/enc_feat").shape[0];
        report.tensor(
            "out/enc_feat",
            encoder.stem.forward(flat.clone()).narrow(0, 0, count),
        );
    }
    if report.expects("out/enc_tokens") {
        let count = fixture.value("out/enc_tokens").shape[0];
        let tokens = encoder.tokens(flat).features.narrow(0, 0, count);
        let step = tokens.dims()[1] / fixture.value("out/enc_tokens").shape[1];
        report.tensor("out/enc_tokens", tokens.slice(s![.., ..;step as isize, ..]));
    }
}

/// Slots after every round, and what the transition says between frames.
fn check_recurrence(
    fixture: &Fixture,
    report: &mut Compare,
    encoder: &SlotEncoder,
    frames: &Tensor<5>,
) {
    let [batch, time, rgb, height, width] = frames.dims();
    let noise = noise(fixture, &frames.device());
    let rounds = fixture.size("slot_dict/num_iterations");
    let (mut trace, mut predicted) = (Vec::new(), Vec::new());
    let mut state: Option<SlotState> = None;
    for frame in 0..time {
        let picture = frames
            .clone()
            .narrow(1, frame, 1)
            .reshape([batch, rgb, height, width]);
        let noise: Option<Tensor<3>> = noise
            .clone()
            .map(|noise| noise.narrow(1, frame, 1).squeeze_dim(1));
        let (expected, memory) = match state.take() {
            None => (encoder.initial.slots(batch, noise.as_ref()), None),
            Some(state) => {
                let (expected, memory) = encoder.transition.forward(state.slots, state.memory);
                predicted.push(expected.clone());
                (expected, memory)
            }
        };
        let start = encoder.initial.start(expected, noise.as_ref()).slots;
        let attended = encoder
            .attention
            .trace(encoder.tokens(picture).features, start, rounds);
        trace.extend(attended.iter().map(|attended| attended.slots.clone()));
        let slots = attended.last().unwrap().slots.clone();
        state = Some(SlotState { slots, memory });
    }
    let trace: Tensor<4> = Tensor::stack(trace, 0);
    report.tensor("out/slots_iter", trace);
    if report.expects("out/predictor_out") {
        let predicted: Tensor<4> = Tensor::stack(predicted, 1);
        report.tensor("out/predictor_out", predicted);
    }
}

/// The same clip in two chunks.
fn check_chunks(
    report: &mut Compare,
    encoder: &SlotEncoder,
    frames: &Tensor<5>,
    noise: Option<&Tensor<4>>,
) {
    for name in ["out/slots_two_chunks", "out/post_slots_two_chunks"] {
        if !report.expects(name) {
            continue;
        }
        let time = frames.dims()[1];
        let first = time / 2;
        let chunk = |from: usize, state| {
            let count = if from == 0 { first } else { time - first };
            let noise = noise.map(|noise| noise.clone().narrow(1, from, count));
            encoder.encode(frames.clone().narrow(1, from, count), state, noise.as_ref())
        };
        let one = chunk(0, None);
        let other = chunk(first, Some(one.state));
        report.tensor(name, Tensor::cat(vec![one.slots, other.slots], 1));
    }
}

/// What the slots draw.
fn check_pictures(fixture: &Fixture, report: &mut Compare, decoder: &Mixture, encoded: &Encoded) {
    let [batch, time, count, dim] = encoded.slots.dims();
    let mixed = decoder.forward(encoded.slots.clone().reshape([batch * time, count, dim]));
    let [_, rgb, height, width] = mixed.frames.dims();
    let pixels = height * width;
    for name in ["out/recon_img", "out/post_recon_combined"] {
        if report.expects(name) {
            report.tensor(
                name,
                mixed
                    .frames
                    .clone()
                    .reshape([batch, time, rgb, height, width]),
            );
        }
    }
    if report.expects("out/recons") {
        report.tensor("out/recons", mixed.rgb.clone());
    }
    if report.expects("out/masks") {
        report.tensor(
            "out/masks",
            mixed
                .masks
                .clone()
                .reshape([batch, time, count, height, width]),
        );
    }
    let first_masks = mixed
        .masks
        .reshape([batch, time, count, pixels])
        .narrow(1, 0, 1);
    let first_rgb = mixed
        .rgb
        .reshape([batch, time, count, rgb, pixels])
        .narrow(1, 0, 1);
    for name in ["out/recons_t0", "out/post_recons_t0"] {
        if report.expects(name) {
            let kept = fixture.value(name).shape[1];
            let drawn = first_rgb.clone().narrow(2, 0, kept);
            report.tensor(name, drawn.reshape([batch, kept, rgb, height, width]));
        }
    }
    if report.expects("out/post_masks_t0") {
        report.tensor(
            "out/post_masks_t0",
            first_masks.reshape([batch, count, height, width]),
        );
    }
}

/// Losses on the first frames, as in training, and their gradients.
fn check_losses(fixture: &Fixture, report: &mut Compare, encoder: &SlotEncoder, decoder: &Mixture) {
    let device = Fixture::device().autodiff();
    let (frames, noise) = (clips(fixture, &device), noise(fixture, &device));
    let time = fixture
        .setting("input_frames")
        .as_u64()
        .map_or(1, |frames| frames as usize);
    let frames = frames.narrow(1, 0, time);
    let encoded = encoder.encode(frames.clone(), None, noise.as_ref());
    let [batch, time, count, dim] = encoded.slots.dims();
    let [_, _, rgb, height, width] = frames.dims();
    let drawn = decoder
        .forward(encoded.slots.reshape([batch * time, count, dim]))
        .frames;
    let mut total = mixture_loss(drawn, frames.reshape([batch * time, rgb, height, width]));
    for name in ["out/loss/img_recon_loss", "out/loss/post_recon_loss"] {
        if report.expects(name) {
            report.tensor(name, total.clone());
        }
    }
    if report.expects("out/loss/kld_loss") {
        let loss = match (encoded.posterior, prior_variance(fixture)) {
            (Some(posterior), Some(variance)) => kl_loss(posterior, variance),
            _ => Tensor::zeros([1], &device),
        };
        report.tensor("out/loss/kld_loss", loss.clone());
        total = total + loss * fixture.setting("kld_loss_w").as_f64().unwrap();
    }
    if report.expects("out/loss/total") {
        report.tensor("out/loss/total", total.clone());
    }
    let gradients = total.backward();
    report.gradients(BTreeMap::from([
        ("encoder", collect_gradients(encoder, &gradients)),
        ("decoder", collect_gradients(decoder, &gradients)),
    ]));
}
