//! The product: generated clips to a report, on the shipped weights.

use slotflow_eval::ScoreTable;

use crate::support::{Product, assert_same_run, contents};

/// The main job at a size that takes seconds.
const SMALL: [&str; 10] = [
    "run",
    "video-predict",
    "--clips",
    "2",
    "--quiet",
    "--device",
    "cpu",
    "--set",
    "render.sampler.steps=2",
    "--out",
];

fn small<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    SMALL
        .iter()
        .copied()
        .chain([out])
        .chain(more.iter().copied())
        .collect()
}

fn assert_page(report: &std::path::Path) {
    let page = std::fs::read_to_string(report).unwrap();
    for part in [
        "alt=\"truth, frame 5\"",
        "alt=\"prediction, frame 23\"",
        "alt=\"slots on truth, frame 23\"",
        "alt=\"true masks, frame 0\"",
        "alt=\"slot 0, frame 6\"",
        "<figcaption>slots on truth</figcaption>",
        "<input type=\"range\" min=\"0\" max=\"23\"",
        "<dt>weights of the decoder</dt><dd>bundled:synth-metal/latent-diffusion, blake3 ",
        "pipeline run video-predict --clips 2 --quiet",
    ] {
        assert!(page.contains(part), "no {part}");
    }
}

#[test]
fn the_main_job_ends_with_a_report_of_its_scores() {
    let product = Product::new();
    let said = product.succeed(&small("out", &[]));
    assert_eq!(said.trim(), "out/report.html");
    let names: Vec<String> = contents(&product.path("out"))
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    for name in [
        "plan.toml",
        "scores.csv",
        "items.csv",
        "answers.csv",
        "report.html",
    ] {
        assert!(
            names.iter().any(|found| found == name),
            "no {name} among {names:?}"
        );
    }
    for folder in [
        "videos/truth/",
        "videos/reconstruction/",
        "videos/prediction/",
        "videos/masks/",
        "videos/side-by-side/",
        "masks/",
        "slots/",
    ] {
        assert_eq!(
            names
                .iter()
                .filter(|found| found.starts_with(folder))
                .count(),
            2,
            "{folder} in {names:?}"
        );
    }
    assert!(
        !names.iter().any(|name| name.contains("masks-imagined")),
        "a diffusion decoder has no masks"
    );
    assert_page(&product.path("out/report.html"));
    let scores = std::fs::read_to_string(product.path("out/scores.csv")).unwrap();
    assert!(
        scores.starts_with("metric,profile,subset,value,floor,ceiling,n_items"),
        "{scores}"
    );
    for row in [
        "psnr,per-image-mean,imagined",
        "miou,exact-video,observed",
        "fvd-motion,shipped,imagined",
        "accuracy",
    ] {
        assert!(scores.contains(row), "no {row} in {scores}");
    }
    assert!(
        scores.contains("fvd,styleganv,imagined,,"),
        "FVD without I3D has no value"
    );
}

#[test]
fn a_second_run_does_nothing_and_one_knob_redoes_what_depends_on_it() {
    let product = Product::new();
    product.succeed(&small("out", &[]));
    let dry = product.succeed(&small("out", &["--dry-run"]));
    assert!(dry.lines().all(|line| line.contains("cached")), "{dry}");
    let dry = product.succeed(&small("out", &["--dry-run", "--set", "rollout.burn-in=8"]));
    let line = |stage: &str| {
        dry.lines()
            .find(|line| line.starts_with(stage))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        line("decode").contains("cached") && line("encode").contains("cached"),
        "{dry}"
    );
    assert!(line("rollout").contains("`rollout.burn-in` 6 → 8"), "{dry}");
    assert!(
        line("render").contains("would run") && line("evaluate").contains("would run"),
        "{dry}"
    );
    assert!(
        line("answer").contains("cached"),
        "questions do not depend on the burn-in: {dry}"
    );
}

#[test]
fn another_number_of_threads_gives_the_same_bytes() {
    let product = Product::new();
    for (threads, out) in [("1", "one"), ("2", "two")] {
        let cache = format!("cache-{out}");
        let arguments = small(out, &["--cache", &cache]);
        let status = product
            .command(&arguments)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap()
            .status;
        assert!(status.success());
    }
    assert_same_run(&product, "one", "two");
}

#[test]
fn a_killed_run_resumes_and_gives_the_same_bytes() {
    let product = Product::new();
    product.succeed(&small("whole", &["--cache", "cache-whole"]));
    let arguments = small("killed", &["--cache", "cache-killed"]);
    let mut child = product.command(&arguments).spawn().unwrap();
    // Killed as soon as the first clip of the second stage is there.
    let bucket = product.path("cache-killed").join("encode-v1");
    let begun = || {
        let entries = std::fs::read_dir(&bucket).into_iter().flatten().flatten();
        entries
            .flat_map(|entry| std::fs::read_dir(entry.path()))
            .flatten()
            .flatten()
            .any(|file| {
                file.path()
                    .extension()
                    .is_some_and(|ending| ending == "safetensors")
            })
    };
    while !begun() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!product.path("killed").exists(), "nothing half-written");
    product.succeed(&arguments);
    assert_same_run(&product, "whole", "killed");
}

#[test]
fn runs_stand_side_by_side_on_one_page() {
    let product = Product::new();
    product.succeed(&small("one", &[]));
    product.succeed(&small(
        "other",
        &["--set", "render.sampler.method=singlestep"],
    ));
    let said = product.succeed(&["compare", "one", "other", "--out", "both"]);
    assert_eq!(said.trim(), "both/report.html");
    let page = std::fs::read_to_string(product.path("both/report.html")).unwrap();
    for part in [
        "2 runs side by side",
        "<figcaption>truth</figcaption>",
        "<figcaption>one</figcaption>",
        "<figcaption>other</figcaption>",
        "<code>render.sampler.method</code>",
        "<code>singlestep</code>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<article").count(), 2, "both clips");
    let merged = ScoreTable::load(&product.path("both/scores.csv")).unwrap();
    let of = |name: &str| merged.rows.iter().filter(|row| row.run == name).count();
    assert!(of("one") > 0 && of("one") == of("other"));
    assert_eq!(of("one") + of("other"), merged.rows.len(), "rows of no run");
    let apart = std::fs::read_to_string(product.path("both/differences.csv")).unwrap();
    assert!(apart.starts_with("metric,profile,subset,base,run,difference,"));
    assert!(
        apart
            .lines()
            .any(|row| row.starts_with("accuracy,") && row.ends_with(",0,0,1.0")),
        "the same answers: {apart}"
    );
    let said = product.fail(2, &["compare", "one", "nowhere"]);
    assert!(said.contains("not a run folder"));
}

#[test]
fn three_systems_imagine_the_same_clips_and_stand_side_by_side() {
    let product = Product::new();
    let systems = ["compare-savi", "compare-steve", "compare-slotdiffusion"];
    for system in systems {
        let mut arguments = vec!["run", system, "--clips", "1", "--quiet", "--device", "cpu"];
        arguments.extend(["--set", "decode.frames=8", "--out", system]);
        if system == "compare-slotdiffusion" {
            arguments.extend(["--set", "render.sampler.steps=2"]);
        }
        product.succeed(&arguments);
    }
    product.succeed(&[&["compare"], &systems[..], &["--out", "all"]].concat());
    let merged = ScoreTable::load(&product.path("all/scores.csv")).unwrap();
    let drawn = |system: &str| {
        let mut rows = merged.rows.iter();
        let row = rows.find(|row| {
            row.run == system && row.metric == "psnr" && row.subset.starts_with("imagined")
        });
        row.and_then(|row| row.value).unwrap()
    };
    // Only the mixture decoder says which slot draws what.
    for system in systems {
        let scores = ScoreTable::load(&product.path(system).join("scores.csv")).unwrap();
        let imagined = scores.find("fg-ari", "imagined");
        assert!(scores.find("fg-ari", "observed").is_some());
        for folder in ["masks-imagined", "videos/masks-imagined"] {
            let is_there = product.path(system).join(folder).is_dir();
            assert_eq!(is_there, system == "compare-savi", "{folder} of {system}");
        }
        assert_eq!(imagined.is_some(), system == "compare-savi", "{system}");
        if let Some(score) = imagined {
            assert!(
                score.note.contains("last observed masks, kept"),
                "{score:?}"
            );
            assert!(
                score.value.unwrap() <= 1.0 && score.floor.is_some(),
                "{score:?}"
            );
            assert!(
                score.ceiling.unwrap() < 1.0,
                "what the encoder perceives: {score:?}"
            );
        }
    }
    let [savi, steve, slotdiffusion] = systems.map(drawn);
    assert!(savi != steve && steve != slotdiffusion && savi != slotdiffusion);
}
