//! `datasets/README.md`, made from the presets.

use super::door::Dataset;
use super::facts::{Facts, PublishedSplit};

const HEAD: &str = "\
# Data sets

Every data set that a plan can name (`decode.dataset` of a prediction, `data.dataset` of a training). This page is made
from `datasets/presets/*.toml`; a field that no source states is empty.

- *needs*: what has to be named before it can be read: a folder (`--root DIR`), videos (`--videos FILE…`), or nothing.
- *ground truth*: what lies beside the frames. It is used for scores and for the heads that are trained on it, never for
  encoders, dynamics or decoders.
- *size*: height × width as published, and in brackets the one that the papers train at.
";

/// The page.
pub fn readme() -> String {
    let mut page = HEAD.to_owned();
    page += "\n## What is read\n\n";
    page +=
        "| name | what it shows | needs | ground truth | size, pixels | frames | fps | clips |\n";
    page += "|---|---|---|---|---|---|---|---|\n";
    for dataset in Dataset::all() {
        page += &row(dataset);
    }
    page += "\n## Where it comes from and how it lies on disk\n";
    for dataset in Dataset::all() {
        page += &section(dataset);
    }
    page
}

fn row(dataset: Dataset) -> String {
    let facts = dataset.facts();
    let knows: Vec<&str> = facts.knows.iter().map(|truth| truth.word()).collect();
    let cells = [
        format!("`{dataset}`"),
        facts.description.clone(),
        dataset.needs().word().to_owned(),
        knows.join(", "),
        size(facts),
        facts
            .frames
            .map_or_else(String::new, |frames| frames.to_string()),
        facts.fps.map_or_else(String::new, |fps| fps.to_string()),
        facts
            .splits
            .iter()
            .map(split)
            .collect::<Vec<_>>()
            .join(", "),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn size(facts: &Facts) -> String {
    let said = |[height, width]: [usize; 2]| format!("{height} × {width}");
    match (facts.size, facts.trained_size) {
        (Some(published), Some(trained)) => format!("{} ({})", said(published), said(trained)),
        (Some(published), None) => said(published),
        (None, Some(trained)) => format!("({})", said(trained)),
        (None, None) => String::new(),
    }
}

fn split(split: &PublishedSplit) -> String {
    match split.clips {
        Some(clips) => format!("{} {clips}", split.name),
        None => split.name.clone(),
    }
}

/// Origin, licence and layout of a data set; nothing where all are unknown.
fn section(dataset: Dataset) -> String {
    let facts = dataset.facts();
    let mut lines = Vec::new();
    if let Some(source) = &facts.source {
        lines.push(format!("Source: {source}."));
    }
    if let Some(licence) = &facts.licence {
        lines.push(format!("Licence: {licence}."));
    }
    if let Some(layout) = &facts.layout {
        lines.push(format!("```text\n{}\n```", layout.trim()));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("\n### `{dataset}`\n\n{}\n", lines.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the variable `WRITE_README` set, the file is written anew.
    #[test]
    fn the_readme_is_what_the_presets_say() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        if std::env::var_os("WRITE_README").is_some() {
            std::fs::write(&path, readme()).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap();
        assert!(
            there == readme(),
            "out of date; write it with `WRITE_README=1 cargo test -p slotflow-datasets readme`"
        );
    }

    #[test]
    fn every_preset_file_is_a_data_set() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("presets");
        let files = std::fs::read_dir(folder).unwrap();
        let names: std::collections::BTreeSet<String> = files
            .map(|file| file.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let known = Dataset::all().map(|dataset| dataset.name().to_owned());
        assert_eq!(names, known.collect());
    }
}
