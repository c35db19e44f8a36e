//! Pictures from end to end: written in the layouts of published data sets, segmented, rendered, edited, composed, compared.

use std::fs;
use std::path::Path;

use ndarray::Array3;
use slotflow_datasets::video::read_png;
use slotflow_eval::ScoreTable;

use crate::edit::same_bytes;
use crate::support::{Product, contents};

/// The bundled decoder in one evaluation.
const RENDERED: [&str; 4] = [
    "--set",
    "render.weights=bundled:synth-metal/latent-diffusion",
    "--set",
    "render.sampler.steps=1",
];

fn generated(layout: &str, split: &str) -> Product {
    let product = Product::new();
    let said = product.succeed(&[
        "generate", "--quiet", "--layout", layout, "--out", "data", "--split", split, "--clips",
        "5", "--size", "64", "64",
    ]);
    assert_eq!(said.trim(), "data");
    product
}

/// `pipeline run PLAN` on the pictures in `data`.
fn on<'a>(plan: &'a str, layout: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = [
        "run",
        plan,
        "--dataset",
        layout,
        "--root",
        "data",
        "--frames",
        "1",
        "--quiet",
        "--device",
        "cpu",
    ];
    start.iter().chain(more).copied().collect()
}

fn rendered<'a>(layout: &'a str, out: &'a str) -> Vec<&'a str> {
    let more: Vec<&str> = RENDERED.into_iter().chain(["--out", out]).collect();
    on("segment", layout, &more)
}

fn score(product: &Product, run: &str, metric: &str, subset: &str) -> (f64, f64) {
    let scores = ScoreTable::load(&product.path(run).join("scores.csv")).unwrap();
    let row = scores
        .rows
        .iter()
        .find(|row| row.metric == *metric && row.subset == subset);
    let row = row.unwrap_or_else(|| panic!("no {metric} on {subset}"));
    (row.value.unwrap(), row.floor.unwrap())
}

fn picture(product: &Product, path: &str) -> Array3<u8> {
    let path = product.path(path);
    read_png(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The number of the slot with the second largest share: the largest is the background's.
fn object(product: &Product, run: &str, clip: &str) -> String {
    let text = fs::read_to_string(product.path(run).join("slots.csv")).unwrap();
    let of_clip = text.lines().filter(|line| line.starts_with(clip));
    let mut shares: Vec<(f64, String)> = of_clip
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[2].parse().unwrap(), cells[1].to_owned())
        })
        .collect();
    shares.sort_by(|one, other| other.0.total_cmp(&one.0));
    shares[1].1.clone()
}

/// The run of five pictures is scored and has a picture of each.
fn check_run(product: &Product) {
    let (miou, floor) = score(product, "run", "miou", "observed");
    assert!(miou > floor + 0.1, "{miou} against {floor}");
    let (psnr, floor) = score(product, "run", "psnr", "reconstruction");
    assert!(psnr > 20.0 && floor > 10.0, "{psnr} against {floor}");
    let names: Vec<String> = contents(&product.path("run/videos"))
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(names.len(), 10, "{names:?}");
    assert!(
        names.iter().all(|name| Path::new(name)
            .extension()
            .is_some_and(|kind| kind == "png")),
        "{names:?}"
    );
}

#[test]
fn pictures_as_coco_s_are_segmented_rendered_and_edited() {
    let product = generated("coco", "val");
    product.succeed(&rendered("coco", "run"));
    check_run(&product);
    let clip = "000001000001";
    let slot = object(&product, "run", clip);
    let edit = |more: &[&str]| {
        let start = ["edit", "run", "--quiet", "--device", "cpu", "--clip", clip];
        start
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let said = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        product.succeed(&words)
    };
    let before = contents(&product.path("run"));
    let page = said(edit(&["--remove", &slot, "--out", "edited"]));
    assert_eq!(page.trim(), "edited/report.html");
    assert!(
        before == contents(&product.path("run")),
        "the run was changed"
    );
    let beside = picture(&product, &format!("edited/videos/{clip}.png"));
    let width = (beside.dim().1 + 4) / 3;
    let column = |at: usize| beside.slice(ndarray::s![.., at * width..(at + 1) * width - 4, ..]);
    assert!(column(1) != column(2), "the edit shows nowhere");
    let text = fs::read_to_string(product.path("edited/report.html")).unwrap();
    assert!(!text.contains("prediction"), "nothing was predicted");
    product.succeed(&[
        "edit",
        "run",
        "--quiet",
        "--device",
        "cpu",
        "--file",
        "edited/edit.toml",
        "--out",
        "again",
    ]);
    same_bytes(&product, "edited", "again");

    let refused = |more: &[&str]| {
        let words = edit(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        product.fail(2, &words)
    };
    let imagined = refused(&["--remove", &slot, "--imagined", "--out", "x"]);
    assert!(imagined.contains("no imagined frames"), "{imagined}");
    assert!(!product.path("x").exists());
}

#[test]
fn pictures_as_celeba_s_have_no_truth_and_are_rendered_edited_and_compared() {
    let product = generated("celeba", "test");
    product.succeed(&rendered("celeba", "one"));
    let slot = object(&product, "one", "2000001");
    product.succeed(&[
        "edit",
        "one",
        "--quiet",
        "--device",
        "cpu",
        "--clip",
        "2000001",
        "--add",
        "2000002:0",
        "--duplicate",
        &slot,
        "--out",
        "edited",
    ]);
    let mut second = rendered("celeba", "two");
    second.extend(["--set", "render.shared-noise=false", "--seed", "5"]);
    product.succeed(&second);
    let page = product.succeed(&["compare", "one", "two", "--out", "both"]);
    let text = fs::read_to_string(product.path(page.trim())).unwrap();
    assert!(text.contains("2000001") && text.contains("data:image/png"));
    // Without a decoder nothing is rendered, and nothing can be edited.
    product.succeed(&on("segment", "celeba", &["--out", "plain"]));
    let said = product.fail(2, &["edit", "plain", "--list"]);
    assert!(
        said.contains("rendered no slots: its flow is `segment`"),
        "{said}"
    );
    assert!(said.contains("render.weights"), "{said}");
}

#[test]
fn pictures_are_composed_to_new_ones() {
    let product = generated("coco", "test");
    let two = [
        "--set",
        "decoders.autoregressive=unset",
        "--set",
        "decoders.diffusion.sampler.steps=1",
        "--out",
        "out",
    ];
    product.succeed(&on("compose", "coco", &two));
    let sheet = picture(&product, "out/pictures/diffusion.png");
    assert!(
        sheet
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            > 16
    );
}

#[test]
fn what_cannot_be_rendered_is_refused_before_work() {
    let product = Product::new();
    let with = |set: &[&str]| {
        let mut words = vec!["run", "segment", "--clips", "1", "--out", "run"];
        words.extend(set.iter().flat_map(|one| ["--set", one]));
        product.fail(2, &words)
    };
    let decoder = "render.weights=bundled:synth-metal/latent-diffusion";
    let start = with(&[decoder, "render.start=last-seen", "render.sampler.from=0.5"]);
    assert!(start.contains("`render.start` must be `noise`"), "{start}");
    let pooled = with(&[decoder, "encode.regions.count=4"]);
    assert!(
        pooled.contains("decoders know the slots of an encoder"),
        "{pooled}"
    );
    let motion = with(&["evaluate.motion=bundled:synth-metal/motion"]);
    assert!(motion.contains("nothing is rendered"), "{motion}");
    let narrow = with(&["render.weights=bundled:latent-diffusion"]);
    assert!(narrow.contains("trained with another encoder"), "{narrow}");
    assert!(!product.path("run").exists());
}
