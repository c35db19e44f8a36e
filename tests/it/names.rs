//! Names that were given up, and where none of them may be met again: sources, README, docs, and what plans say.

use std::fs;
use std::path::{Path, PathBuf};

/// Types that were renamed, and what they are called now.
const TYPES: &[(&str, &str)] = &[
    ("Doubt", "Posterior"),
    ("DoubtConfig", "PosteriorConfig"),
    ("DenseStep", "Solver"),
    ("Exam", "QaDataset"),
    ("Feed", "Prefetch"),
    ("Fitted", "TrainingResult"),
    ("Footage", "ClipDataset"),
    ("Found", "HeadOutput"),
    ("Grades", "AnswerScores"),
    ("Guess", "Prediction"),
    ("Imagination", "CounterfactualRollout"),
    ("JudgeError", "MetricError"),
    ("LearnedEncoder", "EncoderInit"),
    ("Lessons", "HeadDataset"),
    ("Library", "PretrainedStore"),
    ("Looker", "FeatureExtractor"),
    ("Meter", "Throughput"),
    ("Shelved", "PretrainedWeights"),
    ("Pace", "FramePicker"),
    ("Reading", "ParsedScene"),
    ("ReasonConfig", "NeuroSymbolicConfig"),
    ("Seen", "ObjectEventLogits"),
    ("Sight", "ObjectEventHead"),
    ("SightConfig", "ObjectEventHeadConfig"),
    ("SightObjective", "ObjectEventObjective"),
    ("SightPlan", "ObjectEventHeadPlan"),
    ("Mixed", "MixtureOutput"),
    ("Route", "Timesteps"),
    ("Spoken", "TextTokens"),
    ("Summaries", "AppearanceProbe"),
    ("Told", "AnnotatedClip"),
    ("Walk", "ForwardPass"),
    ("Sureness", "Confidence"),
];

/// Words that documents, comments and variables said, and the field's.
const WORDS: &[(&str, &str)] = &[
    ("film", "video"),
    ("films", "videos"),
    ("lessons", "head data set"),
    ("looker", "feature extractor"),
    ("shelved", "pretrained"),
];

/// Rooms and files that moved, and where they are now.
const PATHS: &[(&str, &str)] = &[
    ("crate::judge", "crate::metrics"),
    ("crate::layout", "crate::tensor_conversion"),
    ("crate::noise", "crate::rng"),
    ("crate::reading", "crate::scene_parsing"),
    ("crate::run::", "crate::artifacts::"),
    ("src/judge", "src/metrics"),
    ("official/facts", "official/config"),
    ("src/layout.rs", "src/tensor_conversion.rs"),
    ("src/noise.rs", "src/rng.rs"),
    ("src/reading.rs", "src/scene_parsing"),
    ("src/run/", "src/artifacts/"),
    ("stages/contact", "stages/physion"),
    ("stages/decode.rs", "stages/perceive/decode.rs"),
    ("stages/encode.rs", "stages/perceive/encode.rs"),
    ("stages/evaluate", "stages/predict/evaluate"),
    ("stages/folder.rs", "stages/report/run_folder.rs"),
    ("stages/grade.rs", "stages/clevrer/score_answers.rs"),
    (
        "stages/imagine.rs",
        "stages/clevrer/counterfactual_rollout.rs",
    ),
    ("stages/know.rs", "stages/clevrer/oracle.rs"),
    ("stages/reason.rs", "stages/clevrer/neuro_symbolic.rs"),
    ("stages/shared.rs", "stages/model_loading.rs"),
    ("synth::ask", "synth::questions"),
    ("synth/ask", "synth/questions"),
    ("train/claim.rs", "train/fit/resume_identity.rs"),
    ("train/feed.rs", "train/data/prefetch.rs"),
    ("train/footage.rs", "train/data/clip_dataset.rs"),
    ("train/objective/", "train/objectives/"),
    ("train::objective::", "train::objectives::"),
    ("train/summary.rs", "train/objectives/appearance_probe.rs"),
];

/// A line that may say a name, and the reason.
struct Allowed {
    file: &'static str,
    name: &'static str,
    #[expect(dead_code, reason = "for the reader of the list")]
    reason: &'static str,
}

const ALLOWED: &[Allowed] = &[Allowed {
    file: "src/stages/clevrer/neuro_symbolic.rs",
    name: "film",
    reason: "the name of an input in keys of cached answers",
}];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(list) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in list.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every text in which a person reads names: its file, and its lines.
fn texts() -> Vec<(String, Vec<String>)> {
    let sources = ["src", "datasets/src", "eval/src", "benches"];
    let sources = sources.iter().flat_map(|of| files(&root().join(of), "rs"));
    let papers = ["docs", "datasets", "eval", "vendor"];
    let papers = papers.iter().flat_map(|of| files(&root().join(of), "md"));
    let plans = files(&root().join("pipelines"), "toml");
    let all = sources
        .chain(papers)
        .chain([root().join("README.md")])
        .chain(plans);
    all.map(|path| {
        let plan = path.extension().is_some_and(|ending| ending == "toml");
        let text = fs::read_to_string(&path).unwrap();
        // Keys of a plan are what it is read by; what it says of them stands behind a `#`.
        let lines = text.lines().map(|line| match line.split_once('#') {
            _ if !plan => line.to_owned(),
            Some((_, said)) => said.to_owned(),
            None => String::new(),
        });
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        (file, lines.collect())
    })
    .collect()
}

/// Whether a line says a name as a word of its own.
fn says(line: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(part) && (name.ends_with(['/', ':']) || !after.is_some_and(part))
    })
}

#[test]
fn no_name_that_was_given_up_is_said_again() {
    let mut said = Vec::new();
    for (file, lines) in texts() {
        for (old, new) in TYPES.iter().chain(WORDS).chain(PATHS) {
            let allowed = |of: &Allowed| of.file == file && of.name == *old;
            if ALLOWED.iter().any(allowed) {
                continue;
            }
            for (number, line) in lines.iter().enumerate() {
                if says(line, old) {
                    let at = number + 1;
                    said.push(format!(
                        "{file}:{at}: `{old}` is `{new}` now: {}",
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn a_name_is_found_as_a_word_and_not_within_one() {
    assert!(says("let x = Doubt::new();", "Doubt"));
    assert!(!says("let x = Doubtful::new();", "Doubt"));
    assert!(says("use crate::run::Artifact;", "crate::run::"));
    assert!(!says("use crate::runner::Artifact;", "crate::run::"));
}
