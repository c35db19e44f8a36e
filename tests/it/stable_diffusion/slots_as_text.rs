//! Stable Diffusion that learns to read slots, from the import to pictures.

use std::path::Path;

use slotflow::weights::{StateDict, WeightsFile};

use super::golden;
use crate::support::Product;

const TOGETHER: &str = r#"
flow = "train"

[data]
dataset = "synth-metal"
clips = 2
held-out = 1
frames = 1
stride = 1

[fit]
steps = 4
validate-every = 4
schedule = { rate = 1e-2 }

[slotdiffusion]
stable-diffusion = "sd/stable-diffusion.safetensors"
start-encoder = "bundled:synth-metal/slot-encoder"

[slotdiffusion.tokens]
registers = 2
condition-dropout = 0.5

[slotdiffusion.objective]
batch = 2
window = 1
sampler = { steps = 2 }
"#;

const ALONE: &str = r#"
flow = "train"

[data]
dataset = "synth-metal"
clips = 2
held-out = 1
frames = 4

[fit]
steps = 3
validate-every = 3

[diffusion]
encoder = "bundled:synth-metal/slot-encoder"
autoencoder-kl = "kl/autoencoder-kl.safetensors"

[diffusion.objective]
batch = 4
slot-dropout = 0.5
sampler = { steps = 2, guidance = 2.0 }

[diffusion.model.unet]
channels = 8
multipliers = [1, 2]
residual-blocks = 1
attention-factors = [1, 2]
head-width = 4
norm-groups = 4
context = 12
"#;

const AUTOENCODER: &str = r#"
flow = "train"

[data]
dataset = "synth-metal"
clips = 2
held-out = 1
frames = 4

[fit]
steps = 3
validate-every = 3

[autoencoder-kl.objective]
batch = 2

[autoencoder-kl.model]
channels = 8
multipliers = [1, 2, 2]
residual-blocks = 1
norm-groups = 4
"#;

/// Where a plan lies, its training in the folder `out`.
fn train<'a>(plan: &'a str, out: &'a str) -> [&'a str; 7] {
    ["train", plan, "--quiet", "--device", "cpu", "--out", out]
}

/// A folder with the three plans and an import of the first fixture.
fn product() -> Product {
    let product = Product::new();
    for (name, plan) in [
        ("together.toml", TOGETHER),
        ("alone.toml", ALONE),
        ("autoencoder.toml", AUTOENCODER),
    ] {
        std::fs::write(product.path(name), plan).unwrap();
    }
    let folder = golden().join("sd1");
    let folder = folder.to_str().unwrap();
    product.succeed(&[
        "import",
        folder,
        "--model",
        "stable-diffusion",
        "--out",
        "sd",
    ]);
    product
}

fn state(path: &Path) -> StateDict {
    WeightsFile::read(path).unwrap().state
}

#[test]
fn only_keys_and_values_move_and_slots_draw_frames_with_and_without_guidance() {
    let product = product();
    product.succeed(&train("together.toml", "out"));
    let before = state(&product.path("sd/stable-diffusion.safetensors"));
    let trained = product.path("out/slot-stable-diffusion.safetensors");
    let after = state(&trained);
    let mut moved = 0;
    for (path, value) in &before.entries {
        let now = &after.entries[&format!("model.{path}")];
        let reads = path.contains(".attn2.to_k.") || path.contains(".attn2.to_v.");
        assert_eq!(now != value, reads, "{path}");
        moved += usize::from(reads);
    }
    assert!(moved > 4, "{moved}");
    let of_text = after
        .entries
        .keys()
        .filter(|path| path.starts_with("text."));
    assert_eq!(of_text.count(), 6);
    assert_eq!(after.entries.len(), before.entries.len() + 6);

    let draw = |out: &str, more: &[&str]| {
        let weights = "render.weights=out/slot-stable-diffusion.safetensors";
        let encoder = "encode.weights=out/slot-encoder.safetensors";
        let all = [
            &[
                "run", "segment", "--quiet", "--device", "cpu", "--clips", "1", "--frames", "2",
            ][..],
            &[
                "--set",
                encoder,
                "--set",
                weights,
                "--set",
                "render.sampler.steps=2",
            ],
            &["--out", out],
            more,
        ];
        product.succeed(&all.concat());
        std::fs::read(product.path(out).join("items.csv")).unwrap()
    };
    let plain = draw("plain", &[]);
    let guided = draw("guided", &["--set", "render.sampler.guidance=7.5"]);
    assert_ne!(plain, guided);
}

#[test]
fn a_new_one_is_trained_from_its_auto_encoder_on() {
    let product = product();
    let said = product.fail(2, &train("alone.toml", "out"));
    assert!(said.contains("kl/autoencoder-kl.safetensors"), "{said}");
    product.succeed(&train("autoencoder.toml", "kl"));
    let file = WeightsFile::read(product.path("kl/autoencoder-kl.safetensors")).unwrap();
    let factor = file.header.config["scaling-factor"].as_f64().unwrap();
    assert!((factor - 0.18215).abs() > 1e-3 && factor > 0.0, "{factor}");
    product.succeed(&train("alone.toml", "out"));
    let vae = file.state.entries;
    let decoder = state(&product.path("out/slot-stable-diffusion.safetensors"));
    for (path, value) in vae {
        assert_eq!(
            decoder.entries[&format!("model.vae.{path}")],
            value,
            "{path}"
        );
    }
    let said = product.fail(
        2,
        &[
            "run",
            "segment",
            "--clips",
            "1",
            "--set",
            "render.sampler.guidance=3",
            "--set",
            "render.weights=bundled:synth-metal/latent-diffusion",
        ],
    );
    assert!(said.contains("`guidance` of 3"), "{said}");
}

#[test]
fn parts_of_a_decoder_that_exclude_one_another_are_named() {
    let product = product();
    for (set, why) in [
        (
            "slotdiffusion.vqvae=bundled:synth-metal/vqvae",
            "names several of",
        ),
        ("slotdiffusion.normalise=true", "is for a VQ-VAE"),
        ("slotdiffusion.model.unet.channels=8", "comes with its own"),
        (
            "slotdiffusion.tokens.condition-dropout=1",
            "condition-dropout",
        ),
        ("slotdiffusion.tokens.registers=1000000", "`registers`"),
        ("slotdiffusion.tokens.learns=everything", "keys-values"),
        (
            "slotdiffusion.objective.feature-weight=1",
            "frozen vision transformer",
        ),
        ("slotdiffusion.objective.feature-weight=-1", "is a weight"),
        ("slotdiffusion.objective.decoder-rate=nan", "is a factor"),
        ("data.size=[63,64]", "multiples of 2 pixels"),
        (
            "slotdiffusion.stable-diffusion=bundled:synth-metal/vqvae",
            "weights of a `vqvae`",
        ),
        (
            "slotdiffusion.stable-diffusion=none.safetensors",
            "none.safetensors",
        ),
    ] {
        let said = product.fail(
            2,
            &[&train("together.toml", "out")[..], &["--set", set]].concat(),
        );
        assert!(said.contains(why), "{set}: {said}");
        assert!(!product.path("out").exists(), "{set}");
    }
    for (set, why) in [
        ("diffusion.objective.sampler.guidance=-2", "is no weight"),
        ("diffusion.tokens.condition-dropout=0", "null token"),
        ("diffusion.autoencoder-kl=unset", "names none of"),
        ("diffusion.tokens.learns=keys-values", "all of a new U-Net"),
    ] {
        let said = product.fail(
            2,
            &[&train("alone.toml", "out")[..], &["--set", set]].concat(),
        );
        assert!(said.contains(why), "{set}: {said}");
    }
}
