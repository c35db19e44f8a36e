//! Code that texts quote: blocks and spans of documents, comments of plans, comments and strings of the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// A piece of quoted code.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its file, from the repository's root.
    pub file: PathBuf,
    /// The line on which it stands, or on which its paragraph begins.
    pub line: usize,
    /// A line of a block, which is complete, or a span in a sentence, which may name a command alone.
    pub is_block: bool,
    /// The code.
    pub code: String,
}

impl Text {
    /// A line of a block in the repository's root.
    pub fn block(code: &str) -> Self {
        Self {
            file: "README.md".into(),
            line: 1,
            is_block: true,
            code: code.to_owned(),
        }
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands behind the last dot of a path; empty where there is none.
pub fn ending(path: &str) -> &str {
    let ending = Path::new(path).extension();
    ending
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
}

/// Files below a folder with that ending, from the repository's root.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let short = path.strip_prefix(root()).unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(short.to_str().unwrap(), ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(short);
        }
    }
    found.sort();
    found
}

/// Every document for people. The changelog names what was, and is left out.
pub fn documents() -> Vec<PathBuf> {
    let mut all = files("docs", "md");
    for name in [
        "README.md",
        "CONTRIBUTING.md",
        "datasets/README.md",
        "eval/README.md",
        "vendor/README.md",
    ] {
        all.extend(Some(PathBuf::from(name)).filter(|path| root().join(path).is_file()));
    }
    all
}

/// Everything that is quoted anywhere.
pub fn texts() -> Vec<Text> {
    let mut all: Vec<Text> = documents().iter().flat_map(|file| document(file)).collect();
    for folder in ["src", "datasets/src", "eval/src"] {
        all.extend(files(folder, "rs").iter().flat_map(|file| source(file)));
    }
    all.extend(
        files("pipelines", "toml")
            .iter()
            .flat_map(|file| plan(file)),
    );
    all
}

fn spans(file: &Path, line: usize, text: &str) -> Vec<Text> {
    let span = |code: &str| Text {
        file: file.to_owned(),
        line,
        is_block: false,
        code: code.trim().to_owned(),
    };
    text.split('`').skip(1).step_by(2).map(span).collect()
}

/// Blocks and spans of Markdown.
fn document(file: &Path) -> Vec<Text> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let (mut all, mut paragraph, mut begin, mut fenced) = (Vec::new(), String::new(), 1, false);
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with("```") {
            fenced = !fenced;
        } else if fenced || content.starts_with("    ") {
            all.push(Text {
                file: file.to_owned(),
                line,
                is_block: true,
                code: content.trim().to_owned(),
            });
        } else if content.trim().is_empty() {
            all.extend(spans(file, begin, &std::mem::take(&mut paragraph)));
        } else {
            if paragraph.is_empty() {
                begin = line;
            }
            paragraph.push_str(content);
            paragraph.push(' ');
        }
    }
    all.extend(spans(file, begin, &paragraph));
    all
}

/// Spans of comments and strings, and lines of help that are a command. Tests speak of what is wrong.
fn source(file: &Path) -> Vec<Text> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    let mut all = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        all.extend(spans(file, line, content));
        let help = content.trim_start().trim_start_matches("//! ").trim();
        if help.starts_with("pipeline ") {
            let command = help.split("   ").next().unwrap().trim_end_matches("\")]");
            all.push(Text {
                file: file.to_owned(),
                line,
                is_block: true,
                code: command.trim_end_matches("\";").to_owned(),
            });
        }
        // Paths in messages stand without quotes.
        if content.contains('"') {
            all.extend(content.split('"').skip(1).step_by(2).map(|string| Text {
                file: file.to_owned(),
                line,
                is_block: false,
                code: format!("message {string}"),
            }));
        }
    }
    all
}

/// Spans of a plan's comments.
fn plan(file: &Path) -> Vec<Text> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let comments = text.lines().map(|line| line.split_once('#'));
    (1..)
        .zip(comments)
        .filter_map(|(line, comment)| Some(spans(file, line, comment?.1)))
        .flatten()
        .collect()
}
