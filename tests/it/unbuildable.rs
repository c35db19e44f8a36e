//! Settings and files of which no model can be built are refused before any work: every table of sizes, one wrong size each.

use std::path::Path;

use crate::support::Product;

/// A training, the setting that contradicts its others, and what the message says beside the table's name.
const TRAININGS: [(&str, &str, &str); 12] = [
    (
        "vqvae-synth",
        "vqvae.model.norm-groups=7",
        "do not split into 7 groups",
    ),
    ("vqvae-synth", "data.size=[62, 64]", "`vqvae.model`"),
    ("dvae-synth", "data.size=[62, 64]", "`dvae.model`"),
    ("slots-synth", "data.size=[60, 64]", "`data.size`"),
    (
        "slots-synth",
        "slots.decoder.resolution=[24, 24]",
        "doubling must lead",
    ),
    (
        "slots-synth",
        "slots.encoder.stem.cnn.kernels=[5]",
        "one kernel size per convolution",
    ),
    (
        "slots-synth",
        "slots.encoder.iterations=100000",
        "rounds of slot attention",
    ),
    (
        "diffusion-synth",
        "diffusion.model.unet.norm-groups=7",
        "do not split into 7 groups",
    ),
    (
        "diffusion-synth",
        "diffusion.model.unet.head-width=7",
        "`diffusion.model`",
    ),
    (
        "slotformer-synth",
        "slotformer.model.transformer.heads=7",
        "into 7 heads",
    ),
    (
        "aloe-synth",
        "aloe.model.transformer.heads=7",
        "into 7 heads",
    ),
    (
        "motion-synth",
        "motion.model.norm-groups=7",
        "do not split into 7 groups",
    ),
];

/// The files that trainings name, in a folder of ours.
fn place_weights(product: &Product) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/weights/synth-metal");
    for (run, file) in [
        ("slots-synth", "slot-encoder"),
        ("vqvae-synth", "vqvae"),
        ("slotformer-synth", "slotformer"),
    ] {
        let name = format!("{file}.safetensors");
        let folder = product.path("runs").join(run);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(home.join(&name), folder.join(&name)).unwrap();
    }
}

#[test]
fn trainings_of_models_that_cannot_be_built_are_refused_before_any_work() {
    let product = Product::new();
    place_weights(&product);
    for (plan, change, said) in TRAININGS {
        let command = [
            "train", plan, "--quiet", "--out", "out", "--cache", "cache", "--set", change,
        ];
        let output = product.run(&command);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{change}: {message}");
        assert!(message.contains(said), "{change}: {message}");
        assert!(!product.path("out").exists(), "{change}: work was begun");
    }
}
