//! What a person may rely on: killed, cut off, damaged, in company, without room. Each check draws its cases from a seed; the
//! numbers of cases here are for every day, `scripts/long/reliability` asks for hundreds.

use std::path::{Path, PathBuf};

use crate::support::{Product, contents};

/// Bits that the disk turned over.
mod flips;
/// Processes that are killed.
mod kills;
/// Names of files.
mod names;
/// Two processes on one folder.
mod pairs;
/// Disks and memory without room.
mod room;
/// Ctrl-C and requests to end.
mod signals;

/// Numbers from a seed, for the choice of cases.
pub struct Draw(u64);

impl Draw {
    /// The numbers of a seed; `RELIABILITY_SEED` names another one.
    pub fn new() -> Self {
        Self(asked("RELIABILITY_SEED", 1))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        // Marsaglia's xorshift, 64 bits.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// A number in the environment.
pub fn asked(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

/// The main job at a size that takes a second.
pub fn small<'a>(out: &'a str, cache: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "run",
        "video-predict",
        "--clips",
        "2",
        "--frames",
        "8",
        "--quiet",
        "--device",
        "cpu",
        "--set",
        "render.sampler.steps=1",
        "--set",
        "answer=unset",
        "--out",
        out,
        "--cache",
        cache,
    ];
    [&words[..], more].concat()
}

/// A training of seconds.
pub const TINY: &str = include_str!("reliability/tiny.toml");

/// The training at that size.
pub fn training<'a>(out: &'a str, cache: &'a str) -> Vec<&'a str> {
    vec![
        "train",
        "tiny.toml",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        out,
        "--cache",
        cache,
    ]
}

/// A product with the small training's plan.
pub fn product() -> Product {
    let product = Product::new();
    std::fs::write(product.path("tiny.toml"), TINY).expect("a plan");
    product
}

/// What a run folder holds beside the page, which names times and the folder.
pub fn result(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = contents(folder);
    all.retain(|(path, _)| path.extension().is_none_or(|ending| ending != "html"));
    all
}

/// What a training leaves.
pub fn trained(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = contents(folder);
    all.retain(|(path, _)| {
        ["log.jsonl", "vqvae.safetensors", "best.safetensors"]
            .iter()
            .any(|name| path.ends_with(name))
    });
    all
}

/// Names that may not be left beside a result.
pub fn left_over(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".partial")).collect()
}
