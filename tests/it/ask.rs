//! Questions answered: generated clips and published layouts to scores, and what is wrong with data named.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::Product;

/// Question answering at a size that takes seconds.
fn ask<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let start = [
        "run",
        "clevrer-vqa",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        "out",
    ];
    start.iter().copied().chain(more.iter().copied()).collect()
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut table = csv::Reader::from_path(path).unwrap();
    let rows = table.records();
    rows.map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn questions_about_generated_clips_are_answered_and_judged() {
    let product = Product::new();
    let said = product.succeed(&ask(&[
        "--clips",
        "2",
        "--set",
        "page.submission=\"answers.json\"",
    ]));
    assert_eq!(said.trim(), "out/report.html");
    let scores = rows(&product.path("out/scores.csv"));
    for (profile, subset) in [
        ("aloe", "descriptive/per-question"),
        ("most-frequent", "descriptive/per-question"),
        ("reason", "explanatory/per-option"),
        ("truth", "counterfactual/per-question"),
    ] {
        let row = scores
            .iter()
            .find(|row| row[1] == profile && row[2] == subset);
        let row = row.unwrap_or_else(|| panic!("no {profile} {subset} in {scores:?}"));
        assert!(row[7] != row[8], "an interval: {row:?}");
        if profile == "truth" {
            assert_eq!(row[3], "1.0", "programs on the truth are right");
        }
    }
    let asked = |file: &str| rows(&product.path(file)).len();
    assert_eq!(asked("out/answers.csv"), asked("out/answers-truth.csv"));
    assert_eq!(asked("out/answers.csv"), asked("out/answers-reason.csv"));
    let written: Value =
        serde_json::from_slice(&fs::read(product.path("answers.json")).unwrap()).unwrap();
    assert_eq!(written.as_array().unwrap().len(), 2);
    let dry = product.succeed(&ask(&["--clips", "2", "--dry-run"]));
    assert!(dry.lines().all(|line| line.contains("cached")), "{dry}");
}

#[test]
fn a_tree_in_clevrers_layout_is_asked_by_its_root_alone_and_strays_are_named() {
    let product = Product::new();
    let size = ["--size", "64", "96"];
    let generate = [
        "generate", "--layout", "clevrer", "--out", "tree", "--split", "val", "--clips", "2",
        "--quiet",
    ];
    product.succeed(&[&generate[..], &size[..]].concat());
    let file = product.path("tree/questions/validation.json");
    let file = if file.is_file() {
        file
    } else {
        product.path("tree/questions/val.json")
    };
    let mut scenes: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    // A question with a word that nobody taught, and a video that is not there.
    scenes[0]["questions"][0]["question"] = json!("How many gluons are there?");
    let mut stray = scenes[1].clone();
    stray["scene_index"] = json!(10_900);
    scenes.as_array_mut().unwrap().push(stray);
    fs::write(&file, scenes.to_string()).unwrap();
    // SlotFormer keeps the questions beside the videos, under a shorter name.
    fs::rename(&file, product.path("tree/val.json")).unwrap();

    let output = product.run(&ask(&["--root", "tree", "--clips", "2"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("video_10900") && said.contains("no video"),
        "{said}"
    );
    let answers = rows(&product.path("out/answers.csv"));
    let unread: Vec<_> = answers
        .iter()
        .filter(|row| row[3].contains("gluons"))
        .collect();
    assert!(unread.len() == 1 && unread[0][7] == "error", "{unread:?}");
    let page = fs::read_to_string(product.path("out/report.html")).unwrap();
    assert!(
        page.contains("gluons"),
        "the page says what could not be read"
    );
    let scores = rows(&product.path("out/scores.csv"));
    let of = |profile: &str, kind: &str| {
        let subset = format!("{kind}/per-question");
        scores
            .iter()
            .find(|row| row[1] == profile && row[2] == subset)
            .cloned()
    };
    assert_eq!(of("truth", "descriptive").unwrap()[3], "1.0");
    assert_eq!(
        of("truth", "predictive"),
        None,
        "annotations end with the film"
    );
}

#[test]
fn what_cannot_be_asked_is_refused_in_one_sentence() {
    let product = Product::new();
    let said = product.fail(2, &ask(&["--root", "nowhere"]));
    assert!(
        said.contains("nothing at `nowhere/videos/validation`"),
        "{said}"
    );
    let said = product.fail(2, &ask(&["--set", "page.answers=\"oracle\""]));
    assert!(
        said.contains("which is not one of `aloe`, `neuro-symbolic`"),
        "{said}"
    );
    let said = product.fail(2, &ask(&["--set", "decode.stride=unset"]));
    assert!(said.contains("`decode.stride`"), "{said}");
    fs::create_dir_all(product.path("tree/videos/validation")).unwrap();
    fs::write(product.path("tree/videos/validation/video_10000.mp4"), "x").unwrap();
    for (text, reason) in [
        ("[]x", "not a list or table"),
        (
            r#"[{"scene_index": 10000, "questions": [{"question_id": 0, "question": "Why?", "question_type": "causal"}]}]"#,
            "causal",
        ),
    ] {
        fs::write(product.path("tree/validation.json"), text).unwrap();
        let said = product.fail(2, &ask(&["--root", "tree"]));
        assert!(
            said.contains(reason) && said.contains("validation.json"),
            "{said}"
        );
    }
}

#[test]
fn contacts_are_predicted_from_what_was_seen_and_imagined() {
    let product = Product::new();
    let small = [
        "run",
        "physion-vqa",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        "out",
        "--clips",
        "8",
        "--set",
        "physion.clips=48",
        "--set",
        "physion.steps=4",
        "--set",
        "physion.save-every=2",
        "--set",
        "physion.seeds=1",
    ];
    let said = product.succeed(&small);
    assert_eq!(said.trim(), "out/report.html");
    let scores = rows(&product.path("out/scores.csv"));
    for profile in ["paper", "honest", "physopt"] {
        for subset in [
            "observed/all",
            "dynamics/all",
            "dynamics/Collide",
            "observed/Roll",
        ] {
            let found = scores
                .iter()
                .find(|row| row[1] == profile && row[2] == subset);
            assert!(
                found.is_some_and(|row| !row[7].is_empty()),
                "{profile} {subset}"
            );
        }
    }
    assert_eq!(rows(&product.path("out/answers.csv")).len(), 8 * 2 * 2);
}

#[test]
fn labels_that_join_no_video_are_refused() {
    let product = Product::new();
    let generate = [
        "generate", "--layout", "physion", "--out", "tree", "--clips", "4", "--size", "64", "64",
        "--quiet",
    ];
    for split in ["train", "test"] {
        product.succeed(&[&generate[..], &["--split", split][..]].concat());
    }
    let labels = product.path("tree/PhysionTestMP4s/labels.csv");
    let text = fs::read_to_string(&labels).unwrap();
    fs::write(&labels, text.replace("contact", "other")).unwrap();
    let said = product.fail(2, &["run", "physion-vqa", "--root", "tree", "--out", "out"]);
    assert!(
        said.contains("none of 4 labels names one of 4 videos"),
        "{said}"
    );
}
