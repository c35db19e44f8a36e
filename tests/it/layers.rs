//! The law of `lib.rs`: a room uses only rooms above it in the list; no file is over 500 lines.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let list = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(rooms.len() > 8, "{rooms:?}");
    let mut broken = Vec::new();
    for file in files(&root().join("src")) {
        let short = file.strip_prefix(root().join("src")).unwrap();
        let first = short
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let Some(own) = rooms
            .iter()
            .position(|room| *room == first.trim_end_matches(".rs"))
        else {
            continue;
        };
        // A test may look up: it is no part of the product.
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let named = line.split("crate::").skip(1).map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
            });
            for room in named.flatten() {
                if rooms
                    .iter()
                    .position(|known| *known == room)
                    .is_some_and(|place| place > own)
                {
                    broken.push(format!("{}:{}: {line}", short.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "upward uses:\n{}", broken.join("\n"));
}

#[test]
fn no_file_is_over_five_hundred_lines() {
    let rooms = ["src", "datasets/src", "eval/src", "tests"].map(|room| files(&root().join(room)));
    let long: Vec<String> = rooms
        .iter()
        .flatten()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).ok()?.lines().count();
            (lines > 500).then(|| format!("{} has {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
