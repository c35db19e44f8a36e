//! Sweeps: one plan under several values, in one folder with one page and one table.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::Product;

/// A run of one clip that takes a second, under changes.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let settings = "run video-predict --clips 1 --quiet --device cpu --set answer=unset --set decode.frames=10 \
                    --set evaluate.resamples=100 --set render.sampler.steps=1";
    let settings: Vec<&str> = settings.split_whitespace().collect();
    [&settings[..], more].concat()
}

/// Names of what lies in a folder, hidden files left out.
fn names(product: &Product, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(product.path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// How many artifacts of a stage the cache holds.
fn made(product: &Product, stage: &str) -> usize {
    let entries = fs::read_dir(product.path(".cache")).unwrap();
    let buckets = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bucket = buckets
        .into_iter()
        .find(|name| name.starts_with(&format!("{stage}-v")));
    names(product, &format!(".cache/{}", bucket.unwrap())).len()
}

#[test]
fn a_sweep_is_one_folder_with_a_run_a_combination_and_one_table() {
    let product = Product::new();
    let sweep = [
        "--sweep",
        "rollout.burn-in=6,7",
        "--sweep",
        "render.shared-noise=true,false",
    ];
    let said = product.succeed(&small(&sweep));
    let base = "runs/video-predict-sweep";
    let combinations = [
        "burn-in=6,shared-noise=true",
        "burn-in=6,shared-noise=false",
        "burn-in=7,shared-noise=true",
        "burn-in=7,shared-noise=false",
    ];
    let mut lines: Vec<String> = combinations
        .iter()
        .map(|name| format!("{base}/{name}/report.html"))
        .collect();
    lines.push(format!("{base}/report.html"));
    assert_eq!(said.lines().collect::<Vec<_>>(), lines);
    for name in ["scores.csv", "differences.csv", "sweep.toml"] {
        assert!(names(&product, base).contains(&name.to_owned()), "{name}");
    }
    let table = fs::read_to_string(product.path(base).join("scores.csv")).unwrap();
    assert!(
        table.starts_with("rollout.burn-in,render.shared-noise,metric,profile,"),
        "{table}"
    );
    for values in ["6,true", "6,false", "7,true", "7,false"] {
        let of = |line: &&str| line.starts_with(&format!("{values},psnr,per-image-mean,imagined,"));
        assert_eq!(table.lines().filter(of).count(), 1, "{values}: {table}");
    }
    // What does not depend on the swept keys is made once, and the same sweep makes nothing.
    let stages = ["decode", "encode", "rollout", "render"];
    assert_eq!(stages.map(|stage| made(&product, stage)), [1, 1, 2, 4]);
    assert_eq!(product.succeed(&small(&sweep)), said);
    assert_eq!(stages.map(|stage| made(&product, stage)), [1, 1, 2, 4]);
    assert_eq!(names(&product, "runs"), ["video-predict-sweep"]);
    assert_eq!(product.succeed(&["runs"]).lines().count(), 4);

    // Other values go elsewhere by themselves, and into a folder that was named on demand alone.
    let other = ["--sweep", "rollout.burn-in=6"];
    let elsewhere = product.succeed(&small(&other));
    assert!(
        elsewhere.ends_with("runs/video-predict-sweep-2/report.html\n"),
        "{elsewhere}"
    );
    let named = small(&[&other[..], &["--out", base]].concat());
    let told = product.fail(2, &named);
    assert!(
        told.contains("a run of other settings") && told.contains("--overwrite"),
        "{told}"
    );
    product.succeed(&[&named[..], &["--overwrite"]].concat());
    let left = names(&product, base);
    assert!(left.contains(&"burn-in=6".to_owned()), "{left:?}");
    assert!(!left.contains(&combinations[0].to_owned()), "{left:?}");
}

#[test]
fn a_combination_that_cannot_be_is_refused_before_the_first_starts() {
    let product = Product::new();
    for (sweep, word) in [
        (
            "rollout.burn-in=6,60",
            "with rollout.burn-in=60: `decode.frames` is 10",
        ),
        ("rollout.burnin=6,8", "did you mean `burn-in`?"),
        (
            "decode.size=[64, 64],[32, 32]",
            "the encoder takes frames of [64, 64]",
        ),
        (
            "render.weights=bundled:synth-metal/latent-diffusion,none.safetensors",
            "none.safetensors",
        ),
    ] {
        let said = product.fail(2, &small(&["--sweep", sweep]));
        assert!(said.contains(word), "{sweep}: {said}");
    }
    assert!(!product.path("runs").exists() && !product.path(".cache").exists());
}

#[test]
fn an_interrupted_sweep_ends_cleanly_and_goes_on() {
    let product = Product::new();
    let sweep = small(&["--sweep", "rollout.burn-in=6,7,8", "--out", "out"]);
    let mut child = product
        .command(&sweep)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !product.path("out/burn-in=6/run.json").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let number = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-INT", &number])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("interrupted") && said.contains("goes on"),
        "{said}"
    );
    assert!(!product.path("out/scores.csv").exists());
    let first = fs::metadata(product.path("out/sweep.toml")).unwrap();
    assert!(first.is_file());
    product.succeed(&sweep);
    assert_eq!(product.succeed(&["runs", "out"]).lines().count(), 3);
}
