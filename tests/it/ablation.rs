//! An ablation: trainings under several values, each evaluated, on one page.

use std::fs;
use std::path::Path;

use slotflow_eval::ScoreTable;

use crate::support::{Product, contents};

/// Two trainings of two steps.
fn small<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = [
        "run",
        "ablate-steps",
        "--quiet",
        "--device",
        "cpu",
        "--clips",
        "4",
        "--set",
        "steps=2",
        "--set",
        "seeds=1",
        "--set",
        "values=[20, 1000]",
        "--set",
        "train.set=[\"data.dataset=synth-metal\", \"data.clips=3\", \"data.held-out=2\", \
         \"slotdiffusion.start-encoder=bundled:synth-metal/slot-encoder\", \
         \"slotdiffusion.vqvae=bundled:synth-metal/vqvae\", \"slotdiffusion.objective.batch=1\"]",
        "--set",
        "segment.set=[\"encode.weights=runs/train/slot-encoder.safetensors\", \
         \"render.weights=runs/train/latent-diffusion.safetensors\", \"render.sampler.steps=1\", \
         \"evaluate.motion=bundled:synth-metal/motion\", \"decode.frames=16\"]",
        "--out",
        out,
    ];
    start.iter().chain(more).copied().collect()
}

#[test]
fn every_value_is_trained_and_evaluated_and_all_stand_on_one_page() {
    let product = Product::new();
    let said = product.succeed(&small("out", &[]));
    assert_eq!(said.trim(), "out/report.html");
    let cases = ["timesteps-20-seed-0", "timesteps-1000-seed-0"];
    for case in cases {
        let weights = product
            .path("out")
            .join(case)
            .join("train/latent-diffusion.safetensors");
        assert!(weights.is_file(), "{}", weights.display());
        assert!(
            product
                .path("out")
                .join(case)
                .join("segment/report.html")
                .is_file()
        );
    }
    let table = ScoreTable::load(&product.path("out/scores.csv")).unwrap();
    for (metric, subset) in [
        ("miou", "observed"),
        ("psnr", "reconstruction"),
        ("fvd-motion", "reconstruction"),
    ] {
        let rows = table.rows.iter();
        let rows: Vec<_> = rows
            .filter(|row| row.metric == *metric && row.subset == subset && row.value.is_some())
            .collect();
        assert_eq!(rows.len(), 2, "{metric}");
    }
    let text = fs::read_to_string(product.path("out/scores.csv")).unwrap();
    assert!(
        text.starts_with("slotdiffusion.model.diffusion.timesteps,plan.seed,"),
        "{text}"
    );
    let page = fs::read_to_string(product.path("out/report.html")).unwrap();
    assert_eq!(
        page.matches("class=\"whisker\"").count(),
        4,
        "two figures of two points"
    );
    assert!(
        page.contains("synth-metal-2000000"),
        "no clip was rendered by all"
    );

    // The same again trains nothing and gives the same weights, scores and page over all.
    let kept = || {
        let mut files = contents(&product.path("out"));
        files.retain(|(path, _)| {
            let ends = |name: &str| path.to_string_lossy().ends_with(name);
            ends(".safetensors") || ends("scores.csv") || path == Path::new("report.html")
        });
        files
    };
    let before = kept();
    product.succeed(&small("out", &[]));
    assert!(before.len() >= 8, "{} files", before.len());
    assert!(before == kept(), "something was made anew");
}

#[test]
fn a_value_or_a_flag_that_does_not_fit_is_refused_before_any_training() {
    let product = Product::new();
    let key = small(
        "out",
        &["--set", "key=\"slotdiffusion.model.diffusion.stepps\""],
    );
    let said = product.fail(2, &key);
    assert!(said.contains("stepps"), "{said}");
    let none = small("out", &["--set", "values=[]"]);
    let said = product.fail(2, &none);
    assert!(said.contains("`values` is empty"), "{said}");
    let said = product.fail(2, &small("out", &["--frames", "8"]));
    assert!(said.contains("an ablation has no `--frames`"), "{said}");
    let said = product.fail(2, &small("out", &["--set", "clips=0"]));
    assert!(said.contains("decode.clips"), "{said}");
    assert!(!product.path("out").join("timesteps-20-seed-0").exists());
}
