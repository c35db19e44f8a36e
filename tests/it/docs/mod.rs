//! What documents, help texts and hints name exists: commands parse, plans and keys are known, paths are there.

mod commands;
mod paths;
mod texts;

use std::fs;
use std::path::Path;

use texts::{Text, root, texts};

/// Fails with every complaint at once.
fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What is wrong with each text, with its place.
fn complaints(check: impl Fn(&Text) -> Vec<String>) -> Vec<String> {
    let all = texts();
    assert!(all.len() > 500, "only {} texts were found", all.len());
    all.iter()
        .flat_map(|text| {
            let place = format!("{}:{}", text.file.display(), text.line);
            check(text)
                .into_iter()
                .map(move |wrong| format!("{place}: {wrong}"))
        })
        .collect()
}

#[test]
fn every_command_that_a_text_names_is_one() {
    report(complaints(|text| {
        commands::check(text).err().into_iter().collect()
    }));
}

#[test]
fn every_key_that_a_text_names_is_in_a_plan() {
    let known = commands::tables();
    report(complaints(|text| {
        let keys = commands::keys(text, &known);
        let unknown = keys.into_iter().filter(|key| !commands::known_key(key));
        unknown
            .map(|key| format!("no plan has the key `{key}`"))
            .collect()
    }));
}

#[test]
fn every_path_that_a_text_names_is_there() {
    report(complaints(paths::missing));
}

#[test]
fn the_checks_notice_what_is_wrong() {
    let block = |text: &str| Text::block(text);
    for wrong in [
        "pipeline data list",
        "pipeline run video-predikt",
        "pipeline run video-predict --set rollout.burnin=8",
        "pipeline run video-predict --burn-in 8",
        "pipeline eval --pred a --truth b --metrics pnsr",
        "pipeline weights fetch vgg",
        "cargo test -p slotflow-date",
        "./start show video-predikt",
    ] {
        assert!(commands::check(&block(wrong)).is_err(), "{wrong}");
    }
    for right in [
        "pipeline run video-predict --set rollout.burn-in=8   # a comment",
        "pipeline train PLAN",
        "./start test",
        "ls -l",
    ] {
        assert_eq!(commands::check(&block(right)), Ok(()), "{right}");
    }
    assert!(commands::known_key("fit.on-spike") && !commands::known_key("fit.on-jump"));
    assert!(paths::missing(&block("docs/{results,data}.md src/plan/*.rs")).is_empty());
    assert_eq!(paths::missing(&block("docs/result.md src/plans/")).len(), 2);
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for file in texts::documents() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for link in paths::links(&text) {
            if let Err(why) = paths::follow(&file, link) {
                wrong.push(format!("{}: {link}: {why}", file.display()));
            }
        }
    }
    report(wrong);
}

#[test]
fn the_readme_is_short_and_leaves_no_room_out() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= 150, "{lines} lines");
    let tree = readme.split("## The repository").nth(1).unwrap();
    let listed = |name: &str| {
        let mut words = tree.split(|c: char| c.is_whitespace() || c == '`');
        words.any(|word| word.split('/').next() == Some(name))
    };
    let rooms = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms = rooms.lines().filter_map(|line| {
        let name = line.strip_prefix("pub mod ")?.strip_suffix(';')?;
        let file = format!("{name}.rs");
        Some(if root().join("src").join(&file).is_file() {
            file
        } else {
            name.to_owned()
        })
    });
    // Configuration of tools and what a build leaves behind need no explanation.
    let entries = fs::read_dir(root()).unwrap();
    let entries = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let entries = entries.filter(|name| {
        let tools = [
            "Cargo.toml",
            "Cargo.lock",
            "clippy.toml",
            "rust-toolchain.toml",
        ];
        let made = [
            "target",
            "runs",
            "data",
            ".cache",
            ".git",
            ".gitignore",
            ".cargo",
        ];
        !tools.contains(&name.as_str()) && !made.contains(&name.as_str())
    });
    let left_out: Vec<String> = rooms.chain(entries).filter(|name| !listed(name)).collect();
    assert!(left_out.is_empty(), "the tree leaves out {left_out:?}");
}

#[test]
fn no_document_names_a_place_on_a_machine() {
    let homes = ["home", "root", "tmp", "usr", "work", "Users"].map(|top| format!("/{top}/"));
    let mut wrong = Vec::new();
    for file in texts::documents() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for home in homes.iter().filter(|home| text.contains(home.as_str())) {
            wrong.push(format!("{} names {home}", Path::new(&file).display()));
        }
    }
    report(wrong);
}
