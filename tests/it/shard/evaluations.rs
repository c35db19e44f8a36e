//! Evaluations in shards: the tables and the page of one command.

use std::fs::{self, File};
use std::path::Path;

use insta::assert_snapshot;
use ndarray::{Array3, Array4, s};
use ndarray_npy::NpzWriter;
use slotflow_datasets::video::{Format, write};

use crate::support::Product;
use crate::transcript::visible;

/// Videos and masks of six clips on both sides; one has no partner, one is damaged, one is equal on both sides.
fn folders(product: &Product) {
    for name in ["pred", "truth", "pred-masks", "truth-masks"] {
        fs::create_dir(product.path(name)).unwrap();
    }
    for clip in 0..6_usize {
        for (side, shift) in [("truth", 0), ("pred", clip % 5)] {
            let value = |(time, row, column, rgb): (usize, usize, usize, usize)| {
                (40 * clip + 9 * time + (2 + shift) * row + column * (rgb + 1)) as u8
            };
            let frames = Array4::from_shape_fn((16, 32, 32, 3), value);
            let path = product.path(&format!("{side}/{clip}.mp4"));
            write(&path, frames.view(), 5.0, Format::Mp4).unwrap();
            let parts = |(time, y, x): (usize, usize, usize)| {
                (y / (4 + shift) * 2 + (x + time + shift) / 6 % 2) as u8
            };
            let masks: Array3<u8> = Array3::from_shape_fn((4, 8, 12), parts);
            let path = product.path(&format!("{side}-masks/{clip}.npz"));
            let mut archive = NpzWriter::new(File::create(path).unwrap());
            archive
                .add_array("masks", &masks.slice(s![.., .., ..]))
                .unwrap();
            archive.finish().unwrap();
        }
    }
    fs::remove_file(product.path("truth/2.mp4")).unwrap();
    fs::write(product.path("pred/4.mp4"), "no video").unwrap();
}

const EVAL: [&str; 13] = [
    "eval",
    "--pred",
    "pred",
    "--truth",
    "truth",
    "--pred-masks",
    "pred-masks",
    "--truth-masks",
    "truth-masks",
    "--metrics",
    "psnr,ssim,mse:all,fvd-motion,lpips,fg-ari,miou,box-ar",
    "--device",
    "cpu",
];

/// A page without the line that says by what command and when it was made.
fn page(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once("<p class=\"made\">").unwrap();
    let (_, after) = rest.split_once("</p>").unwrap();
    format!("{before}{after}")
}

#[test]
fn pairs_of_all_shards_are_scored_as_by_one_command() {
    let product = Product::new();
    folders(&product);
    let out = [
        "--out",
        "whole/scores.csv",
        "--report",
        "whole/page.html",
        "--quiet",
    ];
    product.leave_out(&[&EVAL[..], &out].concat());
    for index in 1..=7 {
        let (shard, cache) = (format!("{index}/7"), format!("cache-{index}"));
        let out = [
            "--out",
            "parts/scores.csv",
            "--report",
            "parts/page.html",
            "--quiet",
        ];
        let own = ["--shard", &shard, "--cache", &cache];
        let printed = product.succeed(&[&EVAL[..], &out, &own].concat());
        assert_eq!(
            printed.trim(),
            format!("parts/scores.shards/shard-{index}-of-7")
        );
    }
    let merge = [
        "merge",
        "parts/scores.shards",
        "--device",
        "cpu",
        "--cache",
        "cache-m",
    ];
    let said = product.leave_out(&[&merge[..], &["--out", "merged", "--quiet"]].concat());
    assert_eq!(said, "", "nothing is measured or told again");
    for name in ["scores.csv", "items.csv"] {
        let [whole, merged] = ["whole", "merged"].map(|at| product.path(at).join(name));
        assert_eq!(
            fs::read_to_string(whole).unwrap(),
            fs::read_to_string(merged).unwrap()
        );
    }
    assert_eq!(
        page(&product.path("whole/page.html")),
        page(&product.path("merged/page.html"))
    );
    other_truth_is_refused(&product, &merge);
}

/// Where the truth is another one than the shards saw, they are refused, and so is a shard of another number.
fn other_truth_is_refused(product: &Product, merge: &[&str]) {
    fs::remove_file(product.path("truth/1.mp4")).unwrap();
    let refused = product.fail(2, &[merge, &["--out", "later"]].concat());
    let own = [
        "--out",
        "parts/scores.csv",
        "--report",
        "parts/page.html",
        "--shard",
        "8/8",
    ];
    product.succeed(&[&EVAL[..], &own, &["--quiet"]].concat());
    let number = product.fail(2, &[merge, &["--out", "later"]].concat());
    assert!(!product.path("later").exists());
    assert_snapshot!(visible(&[refused, number].join("\n")), @"
    error: the shards were made with other things than are here: predictions, truth or networks differ

    hint: merge where the shards were made: with the same program, kind of device, weights and files, from the same folder

    error: this shard is of another work than the others, number of shards 8, not 7: `parts/scores.shards/shard-8-of-8`

    hint: leave it out, and run the command of the others with its number
    ");
}
