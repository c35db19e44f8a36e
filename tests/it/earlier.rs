//! Files of an earlier version (`tests/golden/earlier/make.sh`) still open: run folders, a cache, plans.

use std::path::{Path, PathBuf};

use slotflow::artifacts::Slots;
use slotflow::plan::Plan;
use slotflow_datasets::ClipId;

use crate::support::Product;

fn earlier(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/golden/earlier").join(name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The binary in a folder with the earlier cache.
fn product() -> Product {
    let product = Product::new();
    copy(&earlier("cache"), &product.path("cache"));
    fill(&product.path("cache"));
    product
}

/// Puts files where manifests say that there are some: a dry run looks whether they are there, and not into them.
fn fill(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            fill(&path);
        } else if path.ends_with("manifest.json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            let clips = manifest["clips"].as_array().unwrap().iter();
            let names = clips.map(|clip| format!("{}.safetensors", clip.as_str().unwrap()));
            for name in names.chain(["table.json".to_owned()]) {
                std::fs::write(path.with_file_name(name), "").unwrap();
            }
        }
    }
}

/// What a dry run says of each stage, in order.
fn dry_run(product: &Product, plan: &str, more: &[&str]) -> Vec<(String, bool)> {
    let plan = earlier(plan).display().to_string();
    let start = ["run", &plan, "--dry-run", "--quiet", "--device", "cpu"];
    let rest = ["--cache", "cache", "--out", "out"];
    let printed = product.succeed(&[&start[..], &rest[..], more].concat());
    let stage = |line: &str| {
        let name = line.split_whitespace().next().unwrap_or_default();
        (name.to_owned(), line.contains("cached"))
    };
    printed.lines().map(stage).collect()
}

fn expected(stages: &[(&str, bool)]) -> Vec<(String, bool)> {
    let owned = stages
        .iter()
        .map(|(name, there)| ((*name).to_owned(), *there));
    owned.collect()
}

#[test]
fn what_an_earlier_version_made_of_each_clip_is_found_in_its_cache() {
    let product = product();
    let stages = [
        ("decode", true),
        ("encode", true),
        ("rollout", true),
        ("render", true),
        // A table: made again, as its file is another.
        ("evaluate", false),
    ];
    for plan in ["predict-plan.toml", "predict/plan.toml"] {
        assert_eq!(dry_run(&product, plan, &[]), expected(&stages), "{plan}");
    }
}

#[test]
fn stages_are_found_under_the_names_that_they_had() {
    let stages = [
        ("decode", true),
        ("encode", true),
        ("oracle", true),
        ("answer", true),
        ("answer", true),
        // Since then programs run on several readings of a clip.
        ("neuro-symbolic", false),
        ("count-misreadings", false),
        ("noisy-oracle", false),
        ("score-answers", false),
    ];
    let product = product();
    let plan = "clevrer-vqa/plan.toml";
    assert_eq!(dry_run(&product, plan, &[]), expected(&stages));
    let again = dry_run(&product, plan, &["--fresh", "know"]);
    assert!(
        again
            .iter()
            .all(|(name, there)| *there == ["decode", "encode"].contains(&&**name))
    );
}

#[test]
fn plans_of_an_earlier_version_mean_what_they_meant() {
    let read = |name: &str| Plan::load(&earlier(name).display().to_string(), &[]).unwrap();
    // Its weights were the default's then.
    let weights = [
        "encode.weights=shipped:slot-encoder",
        "rollout.weights=shipped:slotformer",
    ];
    assert_eq!(
        read("physion-vqa.toml"),
        Plan::load("physion-vqa", &weights.map(str::to_owned)).unwrap()
    );
    let Plan::ClevrerVqa(plan) = read("clevrer-vqa/plan.toml") else {
        panic!("another flow");
    };
    assert_eq!(plan.baselines.keys().collect::<Vec<_>>(), ["question"]);
    assert!(plan.neuro_symbolic.is_some());
}

#[test]
fn a_roll_out_of_an_earlier_version_tells_how_many_frames_were_observed() {
    let bucket = earlier("cache/rollout-v1");
    let mut entries = std::fs::read_dir(bucket).unwrap();
    let slots = Slots::open_any(&entries.next().unwrap().unwrap().path()).unwrap();
    let clip = slots.of_clip(&ClipId::new("synth-2000000")).unwrap();
    assert_eq!((clip.slots.dim().0, clip.observed), (8, 6));
}

#[test]
fn a_run_folder_of_an_earlier_version_stands_beside_a_new_one() {
    let product = product();
    let plan = earlier("predict/plan.toml").display().to_string();
    let start = ["run", &plan, "--quiet", "--device", "cpu"];
    product.succeed(&[&start[..], &["--cache", "new-cache", "--out", "new"]].concat());
    let folder = earlier("predict").display().to_string();
    product.succeed(&["compare", &folder, "new", "--out", "both"]);
    let page = std::fs::read_to_string(product.path("both/report.html")).unwrap();
    assert_eq!(page.matches("<article").count(), 1, "the clip of both runs");
    assert!(page.contains("2 runs side by side"));
}
