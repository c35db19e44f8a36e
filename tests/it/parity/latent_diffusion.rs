//! SlotDiffusion for images and videos.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use slotflow::models::decoder::diffusion::{
    Betas, DiffusionConfig, PredictionType, StepWeight, TimeSampling,
};
use slotflow::models::decoder::latent_decoder::LatentDecoder;
use slotflow::models::decoder::latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use slotflow::models::decoder::sampler::timesteps::Timesteps;
use slotflow::models::decoder::sampler::{
    Denoiser, LastStep, TimestepSpacing, ancestral, ddim, dpm_solver,
};
use slotflow::models::decoder::unet::{SlotContext, UNetConfig};
use slotflow::rng::Init;
use slotflow::train::fit::adam::{Adam, clip, global_norm};
use slotflow::train::fit::schedule::Schedule;
use slotflow::weights::{StateDict, collect_gradients, load_into};

use super::{Compare, Fixture, slot_encoder, vqvae};

/// The configuration of the decoder, without dropout.
pub fn config(fixture: &Fixture) -> LatentDiffusionConfig {
    let size = |name: &str| fixture.size(&format!("dec_dict/{name}"));
    let number = |name: &str| {
        fixture
            .setting(&format!("dec_dict/{name}"))
            .as_f64()
            .unwrap()
    };
    let sizes = |name: &str| {
        let list = fixture
            .setting(&format!("dec_dict/{name}"))
            .as_array()
            .unwrap();
        list.iter()
            .map(|size| size.as_u64().unwrap() as usize)
            .collect::<Vec<_>>()
    };
    let groups = fixture.setting("dec_dict/unet_dict/norm_groups").as_u64();
    let resolution = fixture.setting("resolution").as_array().unwrap();
    LatentDiffusionConfig {
        resolution: [0, 1].map(|axis: usize| resolution[axis].as_u64().unwrap() as usize),
        vae: vqvae::config(fixture, "dec_dict/vae_dict/"),
        unet: UNetConfig {
            latent_channels: size("unet_dict/in_channels"),
            channels: size("unet_dict/model_channels"),
            multipliers: sizes("unet_dict/channel_mult"),
            residual_blocks: size("unet_dict/num_res_blocks"),
            attention_factors: sizes("unet_dict/attention_resolutions"),
            head_width: size("unet_dict/num_head_channels"),
            norm_groups: groups.unwrap_or(32) as usize,
            context: size("unet_dict/context_dim"),
            dropout: 0.0,
            ..UNetConfig::default()
        },
        diffusion: DiffusionConfig {
            timesteps: size("diffusion_dict/timesteps"),
            betas: match fixture
                .setting("dec_dict/diffusion_dict/beta_schedule")
                .as_str()
            {
                Some("linear") => Betas::RootLinear,
                Some("sqrt_linear") => Betas::Linear,
                other => panic!("no schedule {other:?}"),
            },
            linear_start: number("diffusion_dict/linear_start"),
            linear_end: number("diffusion_dict/linear_end"),
            prediction_type: match fixture
                .setting("dec_dict/diffusion_dict/pred_target")
                .as_str()
            {
                Some("eps") => PredictionType::Noise,
                Some("x0") => PredictionType::Image,
                Some("v") => PredictionType::Velocity,
                other => panic!("no target {other:?}"),
            },
            weight: StepWeight::Uniform,
            times: TimeSampling::Uniform,
        },
        z_scale: number("diffusion_dict/z_scale_factor"),
        latent_stats: None,
    }
}

/// The decoder of a fixture.
pub fn decoder(fixture: &Fixture, part: StateDict, device: &Device) -> LatentDiffusion {
    load_into(config(fixture).init(&mut Init::blank(device)), part).unwrap()
}

/// What the network says for given noise, times and slots, and what is seen inside it.
pub fn check_network(fixture: &Fixture, report: &mut Compare, model: &LatentDiffusion) {
    let device = &Fixture::device();
    let latents: Tensor<4> = fixture.tensor("in/z_t", device);
    let context = model.unet.prepare(&fixture.tensor("in/ctx", device));
    let times = fixture.value("in/eps_t").as_f32().unwrap().to_vec();
    for (index, time) in times.iter().enumerate() {
        let name = format!("out/eps/{index}");
        if report.expects(&name) {
            report.tensor(
                &name,
                model
                    .unet
                    .denoise(latents.clone(), f64::from(*time), &context),
            );
        }
    }
    let time = Tensor::<1>::from_floats([times[0]], device);
    if report.expects("out/unet/time_embed") {
        report.tensor("out/unet/time_embed", model.unet.embed(time.clone()));
    }
    model.unet.watch(latents, time, &context, |list, place, h| {
        let name = if list == "mid" {
            "out/unet/mid".into()
        } else {
            format!("out/unet/{list}{place:02}")
        };
        if report.expects(&name) {
            report.tensor(&name, h.clone().narrow(0, 0, 1));
        }
    });
}

/// Frames to latents and back, and latents with noise.
/// Latents moved onto codes.
fn projected(model: &LatentDiffusion, latents: Tensor<4>) -> Tensor<4> {
    model.projection().unwrap()(latents)
}

fn check_latents(fixture: &Fixture, report: &mut Compare, model: &LatentDiffusion) {
    let device = &Fixture::device();
    let frames = flat(fixture, "in/img", device);
    let latents = model.encode(frames);
    report.tensor("out/latent_x0", latents.clone());
    report.tensor("out/latent_quantized", projected(model, latents.clone()));
    report.tensor("out/vae_decoded", model.decode(latents.clone()));
    let times: Vec<usize> = fixture
        .whole("in/loss_t")
        .iter()
        .map(|time| *time as usize)
        .collect();
    let noisy = model
        .schedule()
        .add(latents, fixture.tensor("in/loss_noise", device), &times);
    report.tensor("out/x_noisy", noisy);
}

/// Frames of all clips in a row.
pub fn flat(fixture: &Fixture, name: &str, device: &Device) -> Tensor<4> {
    let shape = fixture.value(name).shape.clone();
    if shape.len() == 4 {
        return fixture.tensor(name, device);
    }
    fixture
        .tensor::<5>(name, device)
        .flatten(0, shape.len() - 4)
}

/// What a sampler asked and was told.
#[derive(Default)]
struct Calls {
    times: Vec<f64>,
    states: Vec<Tensor<4>>,
    images: Vec<Tensor<4>>,
}

/// Runs a sampler on the network with these slots and writes down its calls.
fn traced(
    model: &LatentDiffusion,
    context: &SlotContext,
    run: impl FnOnce(&Denoiser) -> Tensor<4>,
) -> (Tensor<4>, Calls) {
    let calls = RefCell::new(Calls::default());
    let network = |x: Tensor<4>, time: f64| {
        let mut calls = calls.borrow_mut();
        calls.times.push(time);
        calls.states.push(x.clone());
        model.unet.denoise(x, time, context)
    };
    let project = |x: Tensor<4>| {
        let image = projected(model, x);
        calls.borrow_mut().images.push(image.clone());
        image
    };
    let denoiser = Denoiser {
        schedule: model.schedule(),
        network: &network,
        project: Some(&project),
    };
    let drawn = run(&denoiser);
    (drawn, calls.into_inner())
}

fn report_calls(fixture: &Fixture, report: &mut Compare, sampler: &str, calls: Calls) {
    let times: Vec<f32> = calls.times.iter().map(|time| *time as f32).collect();
    report.values(&format!("out/{sampler}/t_calls"), &[times.len()], &times);
    for (name, list) in [("x_calls", calls.states), ("x0_quantized", calls.images)] {
        let name = format!("out/{sampler}/{name}");
        let rows = fixture.value(&name).shape[1];
        let list = list.into_iter().map(|x| x.narrow(0, 0, rows)).collect();
        report.tensor(&name, Tensor::<4>::stack::<5>(list, 0));
    }
}

/// Three samplers from the fixture's noise, with the first of these slots.
fn check_samplers(
    fixture: &Fixture,
    report: &mut Compare,
    model: &LatentDiffusion,
    slots: &Tensor<3>,
) {
    let device = &Fixture::device();
    let start: Tensor<4> = fixture.tensor("in/x_T", device);
    let [_, channels, height, width] = start.dims();
    let count = fixture.value("out/dpm/latent").shape[0];
    let context = model.unet.prepare(&slots.clone().narrow(0, 0, count));
    let all = start.clone().expand([count, channels, height, width]);
    let (latents, calls) = traced(model, &context, |denoiser| {
        dpm_solver::singlestep(denoiser, all, 20, Timesteps::default())
    });
    report.tensor("out/dpm/latent", latents.clone());
    report_calls(fixture, report, "dpm", calls);
    report.tensor("out/dpm/img", model.decode(latents));

    let first = start.narrow(0, 0, 1);
    let context = model.unet.prepare(&slots.clone().narrow(0, 0, 1));
    let steps = fixture.value("out/ddim/t_calls").shape[0];
    let times = TimestepSpacing::Leading.times(model.schedule().steps(), steps);
    let (latents, calls) = traced(model, &context, |denoiser| {
        ddim::sample(denoiser, first.clone(), &times, LastStep::LeastNoise)
    });
    report.tensor("out/ddim/latent", latents);
    report_calls(fixture, report, "ddim", calls);
    check_ancestral(fixture, report, model, &context, first);
}

/// Three steps from pure noise, then the last three from a state that is given.
fn check_ancestral(
    fixture: &Fixture,
    report: &mut Compare,
    model: &LatentDiffusion,
    context: &SlotContext,
    start: Tensor<4>,
) {
    let device = &Fixture::device();
    let noise: Tensor<5> = fixture.tensor("in/ddpm_noise", device);
    let noise = |index: usize| noise.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
    let total = model.schedule().steps();
    let (_, _) = traced(model, context, |denoiser| {
        let mut states = Vec::new();
        let mut x = start;
        for (index, time) in [total - 1, total - 2, total - 3, 2, 1, 0]
            .into_iter()
            .enumerate()
        {
            if index == 3 {
                x = fixture.tensor("in/ddpm_x3", device);
            }
            x = ancestral::step(denoiser, x, time, time.checked_sub(1), || noise(index));
            states.push(x.clone());
        }
        report.tensor("out/ddpm/x", Tensor::<4>::stack::<5>(states, 0));
        x
    });
}

/// Slots of all frames in a row, as the reference found them.
fn reference_slots(fixture: &Fixture, device: &Device) -> Tensor<3> {
    let shape = fixture.value("out/slots").shape.clone();
    if shape.len() == 3 {
        return fixture.tensor("out/slots", device);
    }
    fixture.tensor::<4>("out/slots", device).flatten(0, 1)
}

/// Latents drawn from slots, every frame's from the same noise.
pub fn drawn_latents(fixture: &Fixture, model: &LatentDiffusion, slots: Tensor<4>) -> Tensor<4> {
    let [batch, time, _, _] = slots.dims();
    let start: Tensor<4> = fixture.tensor("in/x_T", &slots.device());
    let [_, channels, height, width] = start.dims();
    let context = model.unet.prepare(&slots.flatten(0, 1));
    let start = start.expand([batch * time, channels, height, width]);
    traced(model, &context, |denoiser| {
        dpm_solver::singlestep(denoiser, start, 20, Timesteps::default())
    })
    .0
}

/// The clips that those latents stand for.
pub fn drawn(fixture: &Fixture, model: &LatentDiffusion, slots: Tensor<4>) -> Tensor<5> {
    let [batch, time, _, _] = slots.dims();
    let frames = model.decode(drawn_latents(fixture, model, slots));
    let [_, rgb, height, width] = frames.dims();
    frames.reshape([batch, time, rgb, height, width])
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device();
    let part = fixture.parts().remove("decoder").unwrap();
    let model = decoder(fixture, part, &device);
    check_network(fixture, report, &model);
    check_latents(fixture, report, &model);
    check_samplers(fixture, report, &model, &reference_slots(fixture, &device));
    if report.expects("out/log_images/samples") {
        let slots = fixture.tensor("out/slots", &device);
        report.tensor("out/log_images/samples", drawn(fixture, &model, slots));
    }

    let encoder = slot_encoder::encoder(fixture, &device);
    let frames = slot_encoder::clips(fixture, &device);
    let encoded = slot_encoder::check_slots(fixture, report, &encoder, &frames);
    let [_, _, _, height, width] = frames.dims();
    report.tensor("out/masks", encoded.masks([height, width]));
    if report.expects("out/masks_native") {
        report.tensor("out/masks_native", encoded.attention);
    }
    check_loss(fixture, report);
    if report.expects("out/train/loss") {
        check_steps(fixture, report);
    }
}

/// The loss on the first frames, as in training, and its gradients.
fn check_loss(fixture: &Fixture, report: &mut Compare) {
    let parts = fixture.parts();
    let (times, noise) = if fixture.has("in/clip_t") {
        ("in/clip_t", "in/clip_noise")
    } else {
        ("in/loss_t", "in/loss_noise")
    };
    let noise = fixture.tensor(noise, &Fixture::device().autodiff());
    let (loss, gradients) = loss(fixture, &parts, &fixture.whole(times), noise);
    report.number("out/loss/denoise_loss", loss);
    report.gradients(gradients);
}

/// The loss of encoder and decoder with these parameters, and the gradients of both.
fn loss(
    fixture: &Fixture,
    parts: &BTreeMap<&'static str, StateDict>,
    times: &[i64],
    noise: Tensor<4>,
) -> (f64, BTreeMap<&'static str, StateDict>) {
    let device = Fixture::device().autodiff();
    let blank = slot_encoder::config(fixture).init(&mut Init::blank(&device));
    let encoder = load_into(blank, parts["encoder"].clone()).unwrap();
    let decoder = decoder(fixture, parts["decoder"].clone(), &device);
    let times: Vec<usize> = times.iter().map(|time| *time as usize).collect();
    let frames = slot_encoder::clips(fixture, &device);
    let count = fixture.setting("input_frames").as_u64().unwrap_or(1) as usize;
    let frames = frames.narrow(1, 0, count);
    let slots = encoder.encode(frames.clone(), None, None).slots;
    let latents = decoder.encode(frames.flatten(0, 1)).into_data();
    let latents = Tensor::from_data(latents, &device);
    let loss = decoder.loss_of_latents(latents, &slots.flatten(0, 1), &times, noise);
    let gradients = loss.backward();
    let gradients = BTreeMap::from([
        ("encoder", collect_gradients(&encoder, &gradients)),
        ("decoder", collect_gradients(&decoder, &gradients)),
    ]);
    (f64::from(loss.into_scalar::<f32>()), gradients)
}

/// Steps of Adam with one learning rate for the encoder and one for the decoder.
fn check_steps(fixture: &Fixture, report: &mut Compare) {
    let number = |name: &str| fixture.setting(name).as_f64().unwrap();
    let total = fixture.size("train_total_steps") as u64;
    let schedules = [("encoder", "lr"), ("decoder", "dec_lr")].map(|(part, rate)| {
        let warmup = number("warmup_steps_pct");
        (
            part,
            Schedule {
                rate: number(rate),
                floor: 0.0,
                warmup,
            },
        )
    });
    let mut adams = BTreeMap::from(schedules.map(|(part, _)| (part, Adam::default())));
    let before = fixture.parts();
    let mut parts = before.clone();
    let shape = fixture.value("in/train_t").shape.clone();
    let all_noise: Tensor<5> = fixture.tensor("in/train_noise", &Fixture::device().autodiff());
    let (mut losses, mut norms, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (step, times) in fixture.whole("in/train_t").chunks(shape[1]).enumerate() {
        let noise = all_noise.clone().narrow(0, step, 1).squeeze_dim(0);
        let (value, mut gradients) = loss(fixture, &parts, times, noise);
        let norm = gradients
            .values()
            .map(|part| global_norm(part).powi(2))
            .sum::<f64>()
            .sqrt();
        losses.push(value as f32);
        norms.push(norm as f32);
        for (part, schedule) in &schedules {
            let rate = schedule.at(step as u64, total);
            rates.push(rate as f32);
            let found = gradients.get_mut(part).unwrap();
            clip(found, norm, number("clip_grad"));
            adams
                .get_mut(part)
                .unwrap()
                .step(parts.get_mut(part).unwrap(), found, |_| rate);
        }
    }
    report.values("out/train/loss", &[shape[0]], &losses);
    report.values("out/train/grad_norm_before_clip", &[shape[0]], &norms);
    report.values("out/train/lr", &[shape[0], 2], &rates);
    check_deltas(fixture, report, before, parts);
}

/// How far parameters have moved.
pub fn check_deltas(
    fixture: &Fixture,
    report: &mut Compare,
    before: BTreeMap<&'static str, StateDict>,
    after: BTreeMap<&'static str, StateDict>,
) {
    let before = fixture.layout().merge(before).unwrap();
    let after = fixture.layout().merge(after).unwrap();
    let names: Vec<String> = fixture.expected().map(str::to_owned).collect();
    for name in names {
        let Some(parameter) = name.strip_prefix("out/train/param_delta/") else {
            continue;
        };
        let value = after.get(parameter).unwrap();
        let values = value.as_f32().unwrap().iter();
        let old = before.get(parameter).unwrap().as_f32().unwrap();
        let moved: Vec<f32> = values.zip(old).map(|(new, old)| new - old).collect();
        report.values(&name, &value.shape, &moved);
    }
}
