//! Typical mistakes: each is refused before work with one error and a next step. What is said stands in `mistakes.txt`,
//! so that a change of words is seen in review; `REWRITE_MISTAKES=1` writes the file anew.

use std::fmt::Write;
use std::path::Path;

use crate::transcript::said_with;

/// A line of text under the name of a video.
const TEXT: (&str, &[u8]) = ("text.mp4", b"this is no video");
/// A folder with a file that belongs to no data set.
const LETTER: (&str, &[u8]) = ("data/letter.txt", b"dear");
/// A plan with a typo in a value.
const PLAN: (&str, &[u8]) = ("mine.toml", b"[decode]\nsplit = \"tets\"\n");

/// Files that lie there, and the command.
type Mistake = (&'static [(&'static str, &'static [u8])], &'static str);

const MISTAKES: &[Mistake] = &[
    // Sweeps.
    (&[], "run video-predict --sweep rollout.burn-in"),
    (&[], "run video-predict --sweep rollout.burnin=6,8"),
    (&[], "run video-predict --sweep rollout.burn-in=6,6"),
    (&[], "run video-predict --sweep rollout.burn-in=6,60"),
    (
        &[],
        "run video-predict --sweep render.sampler.method=ddim,ddmi",
    ),
    (&[], "run video-predict --sweep decode.size=[64,64],[32,32]"),
    (&[], "run video-predict segment --sweep seed=1,2"),
    (&[], "run video-predict --seed 3 --sweep seed=1,2"),
    // Plans and flags.
    (&[PLAN], "run mine.toml"),
    (&[LETTER], "run data"),
    (&[], "run video-predict --overwrite"),
    (&[], "run video-predict --until evalute"),
    (&[], "run clevrer-vqa --until render"),
    (&[], "run video-predict --json --dry-run"),
    (&[TEXT], "run video-predict --clips 1 --out text.mp4"),
    (&[LETTER], "run video-predict --clips 1 --out data"),
    (&[], "run video-predict --device cuda:x"),
    // Sizes and weights that do not go together.
    (&[], "run video-predict --set decode.size=[128,128]"),
    (&[], "run segment --set decode.size=[32,32]"),
    (
        &[],
        "run video-predict --set rollout.weights=shipped:motion",
    ),
    (
        &[],
        "run video-predict --set render.weights=shipped:slotformer",
    ),
    (&[], "run video-predict --set render.sampler.guidance=2"),
    (
        &[],
        "run video-predict --set render.sampler.method=ddim --set render.sampler.steps=1001",
    ),
    (&[], "run video-predict --set evaluate.motion=shipped:aloe"),
    (&[], "run video-predict --set rollout.burn-in=2"),
    (&[], "run video-predict --frames 8"),
    (&[], "run clevrer-vqa --set decode.frames=10"),
    (&[], "run physion-vqa --set rollout.weights=shipped:aloe"),
    // Metrics and protocols.
    (&[], "run video-predict --set evaluate.metrics=psnr"),
    (&[], "run video-predict --set evaluate.metrics=fdv"),
    (
        &[],
        "run video-predict --frames 16 --set answer=unset --set evaluate.metrics=fvd",
    ),
    (
        &[],
        "run video-predict --clips 1 --set evaluate.metrics=fvd",
    ),
    (&[], "run compose --set evaluate.metrics=lpips"),
    (&[], "run compose --clips 1"),
    (&[], "run physion-vqa --set physion.hold-out=1"),
    (&[], "run physion-vqa --set physion.clips=1"),
    (&[], "run physion-vqa --set physion.clips=8"),
    // Data.
    (&[LETTER], "run video-predict --root data"),
    (&[LETTER], "run video-predict --dataset clevrer --root data"),
    (&[], "run video-predict --dataset clevrer --root gone"),
    (&[LETTER], "run video-predict --dataset movi-e --root data"),
    (&[LETTER], "run video-predict --videos data"),
    (&[LETTER], "train savi-movi-e --root data"),
    // Trainings.
    (&[], "train slots-synth --set fit.setps=10"),
    (&[], "train slots-synth --set slots.objective.window=99"),
    (
        &[],
        "train slotformer-synth --set slotformer.objective.rollout=100",
    ),
    (
        &[],
        "train slotformer-synth --set slotformer.encoder=shipped:motion",
    ),
    (
        &[],
        "train diffusion-synth --set diffusion.encoder=shipped:slot-encoder --set diffusion.vqvae=none.safetensors",
    ),
    (&[], "train aloe-synth"),
    // Other commands.
    (&[], "edit runs/none --clip a --remove 1"),
    (&[], "runs"),
    (&[], "completions tcsh"),
    (&[], "generate --layout clevrer --out data --clips 0"),
];

fn file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mistakes.txt")
}

/// What is missing in what was said; nothing where it is one error with a next step, before any work.
fn lacks(said: &str) -> Option<&'static str> {
    let next_step =
        said.contains("\n\nhint: ") || said.contains("\n\nFor more information, try '--help'.");
    if !said.contains("\nexit code 2\n") {
        Some("exit code 2")
    } else if said.matches("error: ").count() != 1 {
        Some("one error")
    } else if said.contains("panicked") || said.contains("warning: ") {
        Some("silence beside the error")
    } else {
        (!next_step).then_some("a next step")
    }
}

#[test]
fn every_mistake_is_told_once_and_with_a_next_step() {
    let (mut all, mut wrong) = (String::new(), Vec::new());
    for (files, command) in MISTAKES {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let said = said_with(files, &arguments);
        wrong.extend(lacks(&said).map(|lacking| format!("no {lacking}: {said}")));
        write!(all, "{said}\n\n").unwrap();
    }
    if std::env::var_os("REWRITE_MISTAKES").is_some() {
        std::fs::write(file(), &all).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(MISTAKES.len() >= 40);
    let known = std::fs::read_to_string(file()).unwrap_or_default();
    assert_eq!(known, all, "`REWRITE_MISTAKES=1` writes what is said now");
}
