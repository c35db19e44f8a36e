//! Stable Diffusion against diffusers: what its U-Net, its auto-encoder and its process compute, from files in both layouts
//! (`tests/golden/stable_diffusion/make.py`).

#![expect(clippy::print_stdout, reason = "one line per fixture is the result")]

mod bad_input;
mod full_size;
mod slots_as_text;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value as Json;
use slotflow::models::decoder::latent_decoder::LatentDecoder;
use slotflow::models::decoder::sampler::{
    ContinuousSpacing, Denoiser, LastStep, Method, SamplerConfig, TimestepSpacing,
};
use slotflow::models::decoder::stable_diffusion::{StableDiffusion, StableDiffusionConfig};
use slotflow::rng::{Init, SeededRng};
use slotflow::train::fit::adam::Adam;
use slotflow::weights::import::stable_diffusion::{import, write};
use slotflow::weights::keys::stable_diffusion::diffusers_unet;
use slotflow::weights::{
    StateDict, StoredWeights, Values, collect, collect_gradients, load_into, load_stored,
    read_safetensors,
};

/// The fixtures: settings of Stable Diffusion 1 and of 2.
const MODELS: [&str; 2] = ["sd1", "sd2"];

/// Largest difference, relative to the largest magnitude.
const TOLERANCE: f64 = 1e-4;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/stable_diffusion")
}

fn read(name: &str) -> StateDict {
    let path = golden().join(name);
    let bytes = std::fs::read(&path).unwrap();
    read_safetensors(&*bytes, bytes.len() as u64, &path)
        .unwrap()
        .1
}

fn tensor<const D: usize>(state: &StateDict, name: &str, device: &Device) -> Tensor<D> {
    let value = state.get(name).unwrap_or_else(|| panic!("no `{name}`"));
    let values = value.as_f32().unwrap().to_vec();
    Tensor::from_data(TensorData::new(values, value.shape.clone()), device)
}

/// A fixture's model, after it was imported, written and read again.
fn model(name: &str, device: &Device) -> (StableDiffusion, StableDiffusionConfig) {
    let folder = tempfile::tempdir().unwrap();
    let imported = import(&golden().join(name), &Json::Null).unwrap();
    let paths = write(&imported, folder.path()).unwrap();
    let file = StoredWeights::open(&paths[0]).unwrap();
    let config: StableDiffusionConfig = serde_json::from_value(file.header.config).unwrap();
    let blank = config.init(&mut Init::blank(device));
    (load_stored(blank, file.arrays, &paths[0]).unwrap(), config)
}

/// The largest difference, relative to the largest magnitude.
fn apart(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs
        .iter()
        .fold(0.0_f64, |most, x| most.max(f64::from(x.abs())));
    let differences = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| f64::from((a - b).abs()));
    let difference = differences.fold(
        0.0,
        |most: f64, x| if x > most || x.is_nan() { x } else { most },
    );
    difference / largest.max(f64::MIN_POSITIVE)
}

#[track_caller]
fn close(io: &StateDict, name: &str, ours: &[f32]) -> f64 {
    close_within(io, name, ours, TOLERANCE)
}

#[track_caller]
fn close_within(io: &StateDict, name: &str, ours: &[f32], allowed: f64) -> f64 {
    let theirs = io.get(name).unwrap_or_else(|| panic!("no `{name}`"));
    let found = apart(ours, theirs.as_f32().unwrap());
    assert!(
        found < allowed,
        "{name}: {found:.1e}, allowed {allowed:.1e}"
    );
    found
}

/// As [`close`], of those numbers alone whose gradients are above a twentieth of the largest.
#[track_caller]
fn close_where(io: &StateDict, name: &str, ours: &[f32], gradient: &[f32]) -> f64 {
    let theirs = io.get(name).unwrap().as_f32().unwrap();
    let largest = gradient.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let felt = |values: &[f32]| -> Vec<f32> {
        let pairs = values.iter().zip(gradient);
        let felt = pairs.filter(|(_, gradient)| gradient.abs() > 0.05 * largest);
        felt.map(|(value, _)| *value).collect()
    };
    let (ours, theirs) = (felt(ours), felt(theirs));
    assert!(
        2 * ours.len() > gradient.len(),
        "{name}: {} are felt",
        ours.len()
    );
    let found = apart(&ours, &theirs);
    assert!(found < TOLERANCE, "{name}: {found:.1e}");
    found
}

#[track_caller]
fn close_tensor<const D: usize>(io: &StateDict, name: &str, ours: Tensor<D>) -> f64 {
    assert_eq!(ours.dims().to_vec(), io.get(name).unwrap().shape, "{name}");
    close(io, name, &ours.into_data().try_to_vec::<f32>().unwrap())
}

/// The loss of the fixture's inputs, with gradients.
fn loss(model: &StableDiffusion, io: &StateDict, device: &Device) -> Tensor<1> {
    let context = model.unet.prepare(&tensor(io, "in/context", device));
    let times = tensor(io, "in/times", device);
    let prediction = model
        .unet
        .forward(tensor(io, "in/latents", device), times, &context);
    (prediction - tensor(io, "in/target", device))
        .powi_scalar(2)
        .mean()
}

#[test]
fn the_u_net_computes_what_diffusers_computes() {
    let device = Device::flex().autodiff();
    for name in MODELS {
        let io = read(&format!("{name}-unet.io.safetensors"));
        let (model, config) = model(name, &device);
        let latents: Tensor<4> = tensor(&io, "in/latents", &device).require_grad();
        let tokens: Tensor<3> = tensor(&io, "in/context", &device).require_grad();
        let times = tensor(&io, "in/times", &device);
        let context = model.unet.prepare(&tokens);
        let prediction = model.unet.forward(latents.clone(), times, &context);
        let mut worst = close_tensor(&io, "out/prediction", prediction.clone());
        let difference = prediction - tensor(&io, "in/target", &device);
        let loss = difference.powi_scalar(2).mean();
        let value = loss.clone().into_scalar::<f32>();
        worst = worst.max(close(&io, "out/loss", &[value]));
        let gradients = loss.backward();
        let grads = [
            (
                "out/grad_latents",
                latents.grad(&gradients).unwrap().into_data(),
            ),
            (
                "out/grad_context",
                tokens.grad(&gradients).unwrap().into_data(),
            ),
        ];
        for (key, grad) in grads {
            worst = worst.max(close(&io, key, &grad.try_to_vec::<f32>().unwrap()));
        }
        let found = collect_gradients(&model, &gradients);
        worst = worst.max(check_gradients(&io, &found, &config));
        println!("{name}: worst {worst:.1e}");
    }
}

/// Norms of all gradients, and some gradients whole.
fn check_gradients(io: &StateDict, found: &StateDict, config: &StableDiffusionConfig) -> f64 {
    let mut worst = 0.0_f64;
    let (mut count, largest) = (0, largest_norm(io));
    for (path, value) in &found.entries {
        let name = diffusers_unet(
            path.strip_prefix("unet.").unwrap(),
            config.unet.residual_blocks,
        );
        let name = name.unwrap();
        let values = value.as_f32().unwrap();
        let norm = values
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        let key = format!("out/grad_norm/{name}");
        let theirs = f64::from(
            io.get(&key)
                .unwrap_or_else(|| panic!("no `{key}`"))
                .as_f32()
                .unwrap()[0],
        );
        // A bias of keys, or before a norm, has no gradient but rounding.
        let difference = (norm - theirs).abs() / theirs.max(1e-4 * largest);
        assert!(difference < TOLERANCE, "{key}: {norm} against {theirs}");
        worst = worst.max(difference);
        count += 1;
        let key = format!("out/grad/{name}");
        if io.get(&key).is_some() {
            worst = worst.max(close(io, &key, values));
        }
    }
    let expected = io
        .entries
        .keys()
        .filter(|key| key.starts_with("out/grad_norm/"));
    assert_eq!(count, expected.count());
    worst
}

fn largest_norm(io: &StateDict) -> f64 {
    let norms = io
        .entries
        .iter()
        .filter(|(key, _)| key.starts_with("out/grad_norm/"));
    norms.fold(0.0, |most, (_, value)| {
        most.max(f64::from(value.as_f32().unwrap()[0]))
    })
}

#[test]
fn three_steps_of_adam_move_the_u_net_as_they_move_that_of_diffusers() {
    let device = Device::flex().autodiff();
    for name in MODELS {
        let io = read(&format!("{name}-unet.io.safetensors"));
        let (mut model, config) = model(name, &device);
        let before = collect(&model);
        let mut adam = Adam::default();
        let mut losses = Vec::new();
        for _ in 0..3 {
            let loss = loss(&model, &io, &device);
            losses.push(loss.clone().into_scalar::<f32>());
            let gradients = collect_gradients(&model, &loss.backward());
            let mut parameters = collect(&model);
            adam.step(&mut parameters, &gradients, |_| 1e-3);
            model = load_into(model, parameters).unwrap();
        }
        close(&io, "out/train/loss", &losses);
        let after = collect(&model);
        let mut count = 0;
        for (path, value) in &after.entries {
            let Some(rest) = path.strip_prefix("unet.") else {
                continue;
            };
            let name = diffusers_unet(rest, config.unet.residual_blocks).unwrap();
            let key = format!("out/train/delta/{name}");
            if io.get(&key).is_some() {
                let old = before.get(path).unwrap().as_f32().unwrap();
                let new = value.as_f32().unwrap();
                let moved: Vec<f32> = new.iter().zip(old).map(|(new, old)| new - old).collect();
                // Adam divides gradients by themselves, those too that are nothing but rounding: these are asked to be as
                // near as single precision is to double, the others as near as everything else.
                let rounding = io.get(&format!("rounding/{name}")).unwrap();
                let rounding = f64::from(rounding.as_f32().unwrap()[0]);
                let allowed = TOLERANCE.max(10.0 * rounding);
                let all = close_within(&io, &key, &moved, allowed);
                let gradient = io.get(&format!("out/grad/{name}")).unwrap();
                let felt = close_where(&io, &key, &moved, gradient.as_f32().unwrap());
                println!(
                    "{key}: {felt:.1e}; with gradients of rounding {all:.1e}, float32 is {rounding:.1e} from float64"
                );
                count += 1;
            }
        }
        assert_eq!(count, 7, "{name}");
    }
}

#[test]
fn the_auto_encoder_computes_what_diffusers_computes_both_ways() {
    let device = Device::flex().autodiff();
    for name in MODELS {
        let io = read(&format!("{name}-vae.io.safetensors"));
        let (model, config) = model(name, &device);
        let frames: Tensor<4> = tensor(&io, "in/frames", &device).require_grad();
        let posterior = model.vae.encode(frames.clone());
        let mut worst = close_tensor(&io, "out/mean", posterior.mean.clone());
        worst = worst.max(close_tensor(
            &io,
            "out/log_variance",
            posterior.log_variance.clone(),
        ));
        let drawn = posterior.sample(tensor(&io, "in/draw", &device));
        worst = worst.max(close_tensor(&io, "out/drawn", drawn.clone()));
        let decoded = model.vae.decode(drawn);
        worst = worst.max(close_tensor(&io, "out/decoded", decoded.clone()));
        let gradients = decoded.powi_scalar(2).mean().backward();
        let grad = frames.grad(&gradients).unwrap().into_data();
        worst = worst.max(close(
            &io,
            "out/grad_frames",
            &grad.try_to_vec::<f32>().unwrap(),
        ));
        println!("{name}: worst {worst:.1e}");
        // Scaled for the U-Net, and back.
        let latents = model.draw_latents(
            tensor(&io, "in/frames", &device),
            tensor(&io, "in/draw", &device),
        );
        let factor = config.vae.scaling_factor;
        close_tensor(&io, "out/drawn", latents.clone() / factor);
        close_tensor(&io, "out/decoded", model.decode(latents));
    }
}

/// States of a sampler behind each of its steps, from the fixture's latents.
fn states(
    model: &StableDiffusion,
    io: &StateDict,
    sampler: &SamplerConfig,
) -> (Vec<f64>, Tensor<5>) {
    let device = Device::flex();
    let context = model.unet.prepare(&tensor(io, "in/context", &device));
    let calls = RefCell::new((Vec::new(), Vec::new()));
    let network = |x: Tensor<4>, time: f64| {
        let mut calls = calls.borrow_mut();
        calls.0.push(time);
        calls.1.push(x.clone());
        model.unet.denoise(x, time, &context)
    };
    let denoiser = Denoiser {
        schedule: model.schedule(),
        network: &network,
        project: None,
    };
    let start = tensor(io, "in/latents", &device);
    let last = denoiser.sample(start, sampler, &mut SeededRng::new(1, &[]));
    let (times, mut states) = calls.into_inner();
    states.remove(0);
    states.push(last);
    (times, Tensor::stack(states, 0))
}

#[test]
fn samplers_take_the_steps_of_diffusers_schedulers() {
    for name in MODELS {
        let io = read(&format!("{name}-unet.io.safetensors"));
        let (model, _) = model(name, &Device::flex());
        let ddim = |spacing, last| (Method::Ddim, spacing, last);
        let (noise, image) = (LastStep::LeastNoise, LastStep::Image);
        for (key, (method, spacing, last)) in [
            ("ddim", ddim(TimestepSpacing::Leading, noise)),
            (
                "ddim-from-zero",
                ddim(TimestepSpacing::LeadingFromZero, image),
            ),
            ("ddim-trailing", ddim(TimestepSpacing::Trailing, noise)),
            ("dpm", (Method::Multistep, TimestepSpacing::Leading, noise)),
            (
                "dpm-image",
                (Method::Multistep, TimestepSpacing::Leading, image),
            ),
        ] {
            let sampler = SamplerConfig {
                method,
                steps: 5,
                spacing,
                grid: ContinuousSpacing::WholeSteps,
                last,
                ..SamplerConfig::default()
            };
            let (times, states) = states(&model, &io, &sampler);
            let times: Vec<i64> = times.iter().map(|time| time.round() as i64).collect();
            let expected = &io.get(&format!("out/{key}/times")).unwrap().values;
            assert_eq!(*expected, Values::I64(times), "{name} {key}");
            let worst = close_tensor(&io, &format!("out/{key}/states"), states);
            println!("{name} {key}: worst {worst:.1e}");
        }
    }
}

#[test]
fn noise_is_added_and_velocity_is_formed_as_diffusers_does() {
    let device = Device::flex();
    for name in MODELS {
        let io = read(&format!("{name}-unet.io.safetensors"));
        let (model, _) = model(name, &device);
        let schedule = model.schedule();
        let shares: Vec<f32> = schedule
            .levels
            .iter()
            .map(|level| level.alpha_cumprod() as f32)
            .collect();
        close(&io, "out/alphas_cumprod", &shares);
        let [image, noise]: [Tensor<4>; 2] =
            ["in/target", "in/latents"].map(|key| tensor(&io, key, &device));
        let noisy = schedule.add(image.clone(), noise.clone(), &[0, 999]);
        close_tensor(&io, "out/noisy", noisy);
        if name == "sd2" {
            close_tensor(
                &io,
                "out/velocity",
                schedule.target(image, noise, &[0, 999]),
            );
        }
    }
}
