//! The law of `lib.rs`: a room uses only rooms above it in the list, no two files use one another, files and
//! folders stay small, and a folder's `mod.rs` is its table of contents.

mod known;
mod source_tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use known::{CIRCLES, FULL_FOLDERS, NO_CONTENTS};
use source_tree::{SourceTree, Use, circles};

/// Sources of the workspace's crates.
const CRATES: [&str; 3] = ["src", "datasets/src", "eval/src"];

/// Most lines of a file.
const LINES: usize = 500;

/// Most entries of a folder.
const ENTRIES: usize = 14;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut list: Vec<PathBuf> = list.map(|entry| entry.unwrap().path()).collect();
    list.sort();
    list
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The room that a file belongs to, by its place in the list.
fn place(rooms: &[String], file: &Path) -> Option<usize> {
    let first = file.components().next()?.as_os_str().to_string_lossy();
    let first = first.trim_end_matches(".rs");
    rooms.iter().position(|room| room == first)
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let src = root().join("src");
    let rooms = SourceTree::rooms(&src);
    assert!(rooms.len() > 8, "{rooms:?}");
    let uses = SourceTree::read(&src).uses();
    assert!(uses.len() > 500, "only {} uses were found", uses.len());
    let upward: Vec<String> = uses
        .iter()
        .filter(|used| place(&rooms, &used.from) < place(&rooms, &used.to))
        .filter(|used| place(&rooms, &used.from).is_some())
        .map(|used| format!("{} names {}", used.from.display(), used.name))
        .collect();
    assert!(upward.is_empty(), "upward uses:\n{}", upward.join("\n"));
}

#[test]
fn no_two_files_use_one_another() {
    let mut broken = Vec::new();
    let mut held: BTreeSet<&[&str]> = BTreeSet::new();
    for name in CRATES {
        let uses = SourceTree::read(&root().join(name)).uses();
        for circle in circles(&uses) {
            let known = CIRCLES.iter().find(|(of, files)| {
                let files: BTreeSet<PathBuf> = files.iter().map(PathBuf::from).collect();
                *of == name && circle.is_subset(&files)
            });
            if let Some((_, files)) = known {
                held.insert(files);
                continue;
            }
            broken.push(format!("{name}: {circle:?}"));
            broken.extend(arrows(&uses, &circle));
        }
    }
    assert!(broken.is_empty(), "circles:\n{}", broken.join("\n"));
    let gone: Vec<_> = CIRCLES
        .iter()
        .filter(|(_, files)| !held.contains(files))
        .collect();
    assert!(
        gone.is_empty(),
        "broken at last, so no longer to be listed: {gone:?}"
    );
}

/// Who names what within a circle, one line a pair of files.
fn arrows(uses: &BTreeSet<Use>, circle: &BTreeSet<PathBuf>) -> Vec<String> {
    let mut pairs: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for Use { from, to, name } in uses {
        if circle.contains(from) && circle.contains(to) {
            let names = pairs.entry((from.display().to_string(), to.display().to_string()));
            names.or_default().push(name.as_str());
        }
    }
    let line = |((from, to), names): ((String, String), Vec<&str>)| {
        format!("    {from} → {to}: {}", names.join(", "))
    };
    pairs.into_iter().map(line).collect()
}

#[test]
fn no_file_is_over_five_hundred_lines() {
    let rooms = ["src", "benches", "datasets", "eval", "tests"];
    let rooms = rooms.map(|room| files(&root().join(room)));
    let long: Vec<String> = rooms
        .iter()
        .flatten()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            (lines > LINES).then(|| format!("{} has {lines}", short(file)))
        })
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

/// A folder and every folder below it.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let below = entries(folder).into_iter().filter(|path| path.is_dir());
    let below = below.flat_map(|path| folders(&path));
    [folder.to_path_buf()].into_iter().chain(below).collect()
}

#[test]
fn no_folder_has_more_entries_than_a_reader_takes_in() {
    let all = CRATES.iter().flat_map(|name| folders(&root().join(name)));
    let full: Vec<String> = all
        .filter(|folder| {
            !FULL_FOLDERS
                .iter()
                .any(|(known, _)| *known == short(folder))
        })
        .filter_map(|folder| {
            // A folder that holds the parts of `name.rs` beside it is one entry with it.
            let list = entries(&folder);
            let parts = list.iter().filter(|path| path.is_dir());
            let doubled = parts
                .filter(|path| path.with_extension("rs").exists())
                .count();
            let count = list.len() - doubled;
            (count > ENTRIES).then(|| format!("{} has {count}", short(&folder)))
        })
        .collect();
    assert!(full.is_empty(), "{full:?}");
}

#[test]
fn a_folder_says_in_a_line_what_each_of_its_modules_is() {
    let mut silent = Vec::new();
    for file in CRATES.iter().flat_map(|name| files(&root().join(name))) {
        let ends = |name: &str| file.file_name().is_some_and(|own| own == name);
        if !(ends("mod.rs") || ends("lib.rs")) || NO_CONTENTS.contains(&short(&file).as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for item in syn::parse_file(&text).unwrap().items {
            let syn::Item::Mod(module) = item else {
                continue;
            };
            let test = module.attrs.iter().any(|a| a.path().is_ident("cfg"));
            if module.content.is_some() || test {
                continue;
            }
            // In the header's list or table, or above the declaration.
            let name = module.ident.to_string();
            let listed = text.lines().take_while(|line| line.starts_with("//!"));
            let listed = listed
                .into_iter()
                .any(|line| line.contains(&format!("`{name}`")) && line.len() > name.len() + 12);
            let above = module.attrs.iter().any(|a| a.path().is_ident("doc"));
            if !(listed || above) {
                silent.push(format!("{}: {name}", short(&file)));
            }
        }
    }
    assert!(silent.is_empty(), "not described:\n{}", silent.join("\n"));
}

/// Files that open others themselves beside the room that does it for all: files of the system, locks, and the crate that
/// uses no room.
const OPENERS: [&str; 3] = [
    "datasets/src/files/memory.rs",
    "src/artifacts/inventory.rs",
    "eval/src/tables/table.rs",
];

#[test]
fn files_are_opened_for_reading_by_one_room() {
    // A named pipe or a device under a file's name would be waited for.
    const CALLS: [&str; 3] = ["fs::read(", "fs::read_to_string(", "File::open("];
    let mut found = Vec::new();
    for path in CRATES.iter().flat_map(|part| files(&root().join(part))) {
        let text = fs::read_to_string(&path).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        let is_test = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_stem().is_some_and(|stem| stem == "tests");
        let name = short(&path);
        if !is_test && CALLS.iter().any(|call| product.contains(call)) {
            found.push(name);
        }
    }
    found.sort();
    let mut known = OPENERS.map(str::to_owned).to_vec();
    known.sort();
    assert_eq!(found, known, "use `slotflow_datasets::regular`");
}
