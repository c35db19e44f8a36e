//! Other flows and commands in shards.

use std::fs;

use ndarray::Array4;
use slotflow_datasets::video::{Format, write};

use super::shards;
use crate::support::{Product, assert_same_run, contents};

/// A run of a plan in one go, and in two shards that are merged, is one run.
fn is_one_run(run: &[&str]) {
    let product = Product::new();
    let own = ["--quiet", "--device", "cpu"];
    let run = [&["run"][..], run, &own].concat();
    product.succeed(&[&run[..], &["--out", "whole"]].concat());
    shards(&product, &run, 2, "parts");
    let merge = ["merge", "parts", "--out", "merged", "--cache", "cache-m"];
    product.succeed(&[&merge[..], &own].concat());
    assert_same_run(&product, "whole", "merged");
}

#[test]
fn questions_of_all_shards_are_answered_as_in_one_run() {
    is_one_run(&["clevrer-vqa", "--clips", "3"]);
}

#[test]
fn outcomes_of_all_shards_are_predicted_as_in_one_run() {
    let small = [
        "--set",
        "physion.clips=24",
        "--set",
        "physion.steps=4",
        "--set",
        "physion.save-every=2",
    ];
    is_one_run(&[&["physion-vqa", "--clips", "4"][..], &small].concat());
}

#[test]
fn clips_that_fail_in_a_shard_are_left_out_as_in_one_run() {
    let product = Product::new();
    fs::create_dir(product.path("own")).unwrap();
    for (place, name) in ["a", "b", "d", "e"].into_iter().enumerate() {
        let value = |(time, row, column, rgb): (usize, usize, usize, usize)| {
            (40 * place + 9 * time + 2 * row + column * (rgb + 1)) as u8
        };
        let frames = Array4::from_shape_fn((6, 64, 64, 3), value);
        let path = product.path(&format!("own/{name}.mp4"));
        write(&path, frames.view(), 5.0, Format::Mp4).unwrap();
    }
    // The first shard has no clip but this one.
    fs::write(product.path("own/c.mp4"), "no video").unwrap();
    let segment = [
        "run",
        "segment",
        "--videos",
        "own",
        "--frames",
        "4",
        "--set",
        "segment.levels=[4, 2]",
        "--set",
        "segment.size=[32, 48]",
        "--quiet",
        "--device",
        "cpu",
    ];
    product.leave_out(&[&segment[..], &["--out", "whole"]].concat());
    for index in 1..=5 {
        let (shard, cache) = (format!("{index}/5"), format!("cache-{index}"));
        let own = ["--shard", &shard, "--out", "parts", "--cache", &cache];
        let command = [&segment[..], &own].concat();
        if index == 3 {
            let said = product.leave_out(&command);
            assert!(said.contains("left out c: "), "{said}");
        } else {
            product.succeed(&command);
        }
    }
    let merge = [
        "merge", "parts", "--quiet", "--device", "cpu", "--out", "merged",
    ];
    let said = product.leave_out(&[&merge[..], &["--cache", "cache-m"]].concat());
    assert!(said.contains("left out c: "), "{said}");
    assert_same_run(&product, "whole", "merged");
}

#[test]
fn generated_clips_of_all_shards_are_the_files_of_one_call() {
    let product = Product::new();
    for layout in ["clevrer", "physion", "coco", "celeba"] {
        let [whole, parts, merged] =
            ["whole", "parts", "merged"].map(|name| format!("{layout}-{name}"));
        // Another split is there already, and stays.
        for root in [&whole, &merged] {
            let size = [
                "--size", "16", "24", "--quiet", "--clips", "1", "--split", "train",
            ];
            let command = ["generate", "--layout", layout, "--out", root];
            product.succeed(&[&command[..], &size].concat());
        }
        let size = ["--size", "16", "24", "--quiet", "--clips", "3"];
        let generate = [&["generate", "--layout", layout][..], &size].concat();
        product.succeed(&[&generate[..], &["--out", &whole]].concat());
        for index in 1..=4 {
            let shard = format!("{index}/4");
            product.succeed(&[&generate[..], &["--out", &parts, "--shard", &shard]].concat());
        }
        let refused = product.fail(2, &["merge", &parts]);
        assert!(refused.contains("none is named"), "{refused}");
        let printed = product.succeed(&["merge", &parts, "--out", &merged]);
        assert_eq!(printed.trim(), merged);
        let [whole, merged] = [whole, merged].map(|root| contents(&product.path(&root)));
        let names = |all: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<_> {
            all.iter().map(|(path, _)| path.clone()).collect()
        };
        assert_eq!(names(&whole), names(&merged));
        assert!(whole == merged, "{layout}");
    }
}
