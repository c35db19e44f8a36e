//! Whether paths and links that texts name are there.

use std::path::{Path, PathBuf};

use super::texts::{Text, ending, root};

/// Folders of the repository that a path may begin with.
const FOLDERS: [&str; 9] = [
    "docs",
    "pipelines",
    "datasets",
    "eval",
    "src",
    "tests",
    "benches",
    "vendor",
    ".ci",
];

/// Paths of the repository that a text names and that are not there.
pub fn missing(text: &Text) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || "()`'\";|".contains(c);
    text.code
        .split(ends)
        .map(|word| word.trim_end_matches(['.', ',', ':', '…', '?']))
        .filter(|word| is_path(word))
        .flat_map(alternatives)
        .filter(|path| !is_there(&text.file, path))
        .map(|path| format!("no such path: {path}"))
        .collect()
}

/// Whether a word is a path from the root of the repository or of a crate; files of references end with `.py`.
fn is_path(word: &str) -> bool {
    let document = ending(word) == "md" && !word.contains('/');
    let Some((first, rest)) = word.split_once('/') else {
        return document
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/*{},".contains(c);
    let reference = ending(rest) == "py" && first != "benches" && first != "tests";
    let placeholder = rest.contains("NAME");
    let own = FOLDERS.contains(&first) && !rest.starts_with('/');
    own && word.chars().all(plain) && !reference && !placeholder
}

/// `a/{b,c}/d` → `a/b/d`, `a/c/d`.
fn alternatives(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else {
        return vec![word.to_owned()];
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return vec![word.to_owned()];
    };
    let one = |choice: &str| alternatives(&format!("{before}{choice}{after}"));
    inside.split(',').flat_map(one).collect()
}

/// Whether a path is there, seen from the root, from a crate, or from the folder of the text.
fn is_there(file: &Path, path: &str) -> bool {
    let crates = ["datasets", "eval"]
        .iter()
        .filter(|name| file.starts_with(name));
    let own = file.parent().map(|folder| root().join(folder));
    let mut places = std::iter::once(root().to_owned())
        .chain(crates.map(|name| root().join(name)))
        .chain(own);
    places.any(|place| match path.split_once('*') {
        None => place.join(path).exists(),
        Some((before, after)) => {
            let (folder, start) = before.rsplit_once('/').unwrap_or(("", before));
            let end = after.rsplit('*').next().unwrap_or_default();
            let entries = std::fs::read_dir(place.join(folder)).into_iter().flatten();
            entries.flatten().any(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.starts_with(start) && name.ends_with(end)
            })
        }
    })
}

/// Targets of a document's links and pictures.
pub fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

/// Whether a link of `file` leads to a file, and to a heading in it.
pub fn follow(file: &Path, link: &str) -> Result<(), &'static str> {
    if link.starts_with("https://") {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        root().join(file)
    } else {
        root()
            .join(file.parent().unwrap_or(Path::new("")))
            .join(path)
    };
    if !target.exists() {
        return Err("no such file");
    }
    if anchor.is_empty() || headings(&target).iter().any(|heading| heading == anchor) {
        return Ok(());
    }
    Err("no such heading")
}

/// Anchors of a document's headings, as GitHub forms them.
fn headings(file: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}
