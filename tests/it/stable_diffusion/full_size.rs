//! Stable Diffusion 1.5 and 2.1 at full size, by their shapes alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Gradients, Tensor};
use serde_json::{Value as Json, json};
use slotflow::models::decoder::stable_diffusion::StableDiffusionConfig;
use slotflow::rng::{Init, SeededRng};
use slotflow::weights::keys::stable_diffusion::{diffusers_autoencoder, diffusers_unet};
use slotflow::weights::official::{Component, Components, stable_diffusion};
use slotflow::weights::shapes_of;

fn golden(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/statedict");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn config(unet: &str) -> StableDiffusionConfig {
    let read = |name: &str| -> Json {
        serde_json::from_str(&golden(&format!("diffusers-{name}.config.json"))).unwrap()
    };
    let (unet, vae, scheduler) = (read(unet), read("vae"), json!({}));
    let component = |config| Component {
        config,
        path: Path::new("config.json"),
    };
    let all = Components {
        unet: component(&unet),
        vae: component(&vae),
        scheduler: component(&scheduler),
    };
    stable_diffusion(&all).unwrap()
}

fn listed(name: &str) -> BTreeMap<String, Vec<usize>> {
    let text = golden(&format!("diffusers-{name}.txt"));
    let lines = text.lines().skip(1).map(|line| {
        let (key, shape) = line.split_once(' ').unwrap();
        (key.to_owned(), serde_json::from_str(shape).unwrap())
    });
    lines.collect()
}

#[test]
fn every_array_of_the_published_sizes_has_its_place_and_shape() {
    for (name, heads, resolution) in [
        ("unet-sd15", vec![8; 4], 512),
        ("unet-sd21", vec![5, 10, 20, 20], 768),
    ] {
        let config = config(name);
        assert_eq!(config.unet.heads, Some(heads));
        assert_eq!(config.resolution, [resolution; 2]);
        let model = config.init(&mut Init::blank(&Device::flex()));
        let shapes = shapes_of(&model);
        let named = |part: &str, name: &dyn Fn(&str) -> Option<String>| {
            let shapes = shapes.under(part).entries.into_iter();
            let named = shapes.map(|(path, shape)| (name(&path).unwrap(), shape));
            named.collect::<BTreeMap<_, _>>()
        };
        let blocks = config.unet.residual_blocks;
        assert_eq!(
            named("unet.", &|path| diffusers_unet(path, blocks)),
            listed(name)
        );
        let levels = config.vae.multipliers.len();
        assert_eq!(
            named("vae.", &|path| diffusers_autoencoder(path, levels)),
            listed("vae")
        );
    }
}

/// Moves every parameter against its gradient.
struct Descent {
    gradients: Gradients,
    moved: usize,
}

impl ModuleMapper for Descent {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else {
            return param;
        };
        self.moved += gradient.shape().num_elements();
        param.map(|old| {
            let device = old.device();
            let moved = old.inner() - gradient * 1e-4;
            Tensor::from_data(moved.into_data(), &device).require_grad()
        })
    }
}

/// Gives every parameter numbers of its own: those that start at zero have no memory behind them.
struct Filled;

impl ModuleMapper for Filled {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|old| {
            let device = old.device();
            Tensor::from_data((old.inner() + 1e-4).into_data(), &device).require_grad()
        })
    }
}

/// The most memory that this process had, GiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / f64::from(1 << 20)
}

#[test]
#[ignore = "11 GiB and minutes: one evaluation and one step of training of the U-Net of Stable Diffusion 1.5"]
fn a_full_size_u_net_takes_a_step_forward_and_a_step_of_training() {
    let device = Device::flex().autodiff();
    // Frames of 512×512.
    let side = 64;
    let start = Instant::now();
    let unet = StableDiffusionConfig::default().unet;
    let unet = unet.init(&mut Init::seeded(0, &device)).map(&mut Filled);
    println!("made in {:.0?}, peak {:.1} GiB", start.elapsed(), peak());
    let normal = |name: &str, shape: [usize; 4]| SeededRng::new(1, &[name]).normal(shape, &device);
    let latents = normal("latents", [1, 4, side, side]);
    let tokens = normal("tokens", [1, 1, 8, 768]).reshape([1, 8, 768]);
    let start = Instant::now();
    let plain = unet.valid();
    let context = plain.prepare(&tokens.clone().inner());
    let prediction = plain.denoise(latents.clone().inner(), 500.0, &context);
    assert!(prediction.abs().max().into_scalar::<f32>().is_finite());
    println!("forward {:.1?}, peak {:.1} GiB", start.elapsed(), peak());
    drop((plain, context));
    let start = Instant::now();
    let context = unet.prepare(&tokens);
    let difference = unet.denoise(latents, 500.0, &context) - normal("noise", [1, 4, side, side]);
    let gradients = difference.powi_scalar(2).mean().backward();
    let mut descent = Descent {
        gradients,
        moved: 0,
    };
    let unet = unet.map(&mut descent);
    assert_eq!(descent.moved, unet.num_params());
    println!(
        "training step {:.1?}, peak {:.1} GiB",
        start.elapsed(),
        peak()
    );
    assert!(peak() <= 12.0);
}
