//! The disk turns bits over: every one is noticed where its file is read, the file is made again, and results stay the same.

use std::path::{Path, PathBuf};

use super::{Draw, asked, product, result, small, trained, training};
use crate::support::{Product, contents};

/// Bits that are turned over between two runs.
const AT_ONCE: usize = 10;

/// The files below a folder that hold what is kept, with their bytes.
fn kept(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = contents(folder);
    all.retain(|(path, bytes)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What a person may read, and nobody else does.
        let is_note = name == "failures.json" || name == "recipe.json" || name.ends_with(".png");
        !bytes.is_empty() && !name.starts_with('.') && !is_note
    });
    all
}

fn flip(path: &Path, draw: &mut Draw) {
    let mut bytes = std::fs::read(path).expect("a file that is kept");
    let bit = draw.below(8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).expect("a file that is kept");
}

/// Turns bits over in files below a folder that `is_meant`; each file once.
fn flipped(
    folder: &Path,
    draw: &mut Draw,
    is_meant: impl Fn(&Path) -> bool,
) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = kept(folder);
    all.retain(|(path, _)| is_meant(path));
    let mut chosen = Vec::new();
    while chosen.len() < AT_ONCE && !all.is_empty() {
        let (path, bytes) = all.swap_remove(draw.below(all.len()));
        flip(&folder.join(&path), draw);
        chosen.push((path, bytes));
    }
    chosen
}

fn assert_mended(folder: &Path, flipped: &[(PathBuf, Vec<u8>)], said: &str) {
    for (path, bytes) in flipped {
        let now = std::fs::read(folder.join(path)).unwrap_or_default();
        assert!(now == *bytes, "{}: not made again: {said}", path.display());
    }
}

fn said(product: &Product, arguments: &[&str]) -> String {
    let output = product.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn bits_of_a_cache_are_noticed_and_made_again() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&small("out", "cache", &[]));
    let whole = result(&product.path("out"));
    let cache = product.path("cache");
    for round in 0..(asked("RELIABILITY_FLIPS", 40) as usize).div_ceil(AT_ONCE) {
        // What a stage reads is looked at when the stage is done again.
        let (fresh, made) = [
            ("rollout", ["decode-v1", "encode-v1"]),
            ("evaluate", ["rollout-v1", "render-v1"]),
        ][round % 2];
        let flipped = flipped(&cache, &mut draw, |path| {
            made.iter().any(|bucket| path.starts_with(bucket))
        });
        assert!(!flipped.is_empty());
        let said = said(&product, &small("out", "cache", &["--fresh", fresh]));
        assert!(result(&product.path("out")) == whole, "{said}");
        assert_mended(&cache, &flipped, &said);
    }
}

#[test]
fn bits_of_a_training_are_noticed_and_it_goes_on_to_the_same_bytes() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&training("whole", "cache"));
    let whole = trained(&product.path("whole"));
    for round in 0..(asked("RELIABILITY_FLIPS", 40) as usize).div_ceil(AT_ONCE) {
        let out = format!("out-{round}");
        let lines = 20 + draw.below(30);
        stopped_after(&product, &training(&out, "cache"), &out, lines);
        let folder = product.path(&out);
        let mut checkpoints: Vec<PathBuf> = kept(&folder)
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| path.to_string_lossy().starts_with("checkpoint-"))
            .collect();
        checkpoints.sort();
        let newest = checkpoints.pop().expect("a checkpoint");
        assert!(!checkpoints.is_empty(), "one before");
        flip(&folder.join(newest), &mut draw);
        let frames = flipped(&product.path("cache/frames"), &mut draw, |path| {
            !path.to_string_lossy().ends_with(".lock")
        });
        let said = said(&product, &training(&out, "cache"));
        assert!(said.contains("the checkpoint before it is taken"), "{said}");
        assert!(trained(&folder) == whole, "round {round}: {said}");
        assert_mended(&product.path("cache/frames"), &frames, &said);
    }
}

/// Trains until the log has so many lines, and kills the training.
fn stopped_after(product: &Product, arguments: &[&str], out: &str, lines: usize) {
    let mut child = product.command(arguments).spawn().expect("the binary");
    let log = product.path(out).join("log.jsonl");
    let there = || std::fs::read_to_string(&log).map_or(0, |text| text.lines().count());
    while there() < lines && child.try_wait().expect("a process of ours").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().expect("a process of ours");
    child.wait().expect("a process of ours");
}
