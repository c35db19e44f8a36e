//! Whether commands parse and name plans, keys, metrics and networks that are there.

use std::collections::BTreeSet;

use clap::ArgMatches;
use clap::error::ErrorKind;
use slotflow::plan::{self, Flow, Plan};

use super::texts::{Text, ending, root};
use crate::support::Product;

/// Words of a command line: comments and redirections go, quotes and brackets around optional parts as well.
fn words(code: &str) -> Vec<String> {
    let code = code.split(" # ").next().unwrap();
    let code = code.split(" > ").next().unwrap();
    let (mut all, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None) => word.extend(characters.next()),
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (_, None) if character.is_whitespace() => all.push(std::mem::take(&mut word)),
            // A pair of brackets is a value where a `=` stands before it.
            ('[' | ']', None) if !word.contains('=') => {}
            _ => word.push(character),
        }
    }
    all.push(word);
    all.retain(|word| !word.is_empty() && word != "…");
    all
}

/// A word that stands for another one, such as PLAN or DIR.
fn is_placeholder(word: &str) -> bool {
    word.contains(['…', '{'])
        || word
            .chars()
            .all(|c| c.is_ascii_uppercase() || "|._-".contains(c))
}

/// What is wrong with a text that is a command; texts that are none pass.
pub fn check(text: &Text) -> Result<(), String> {
    let words = words(&text.code);
    let Some(first) = words.first() else {
        return Ok(());
    };
    match first.as_str() {
        "pipeline" | "target/release/pipeline" => product(&words, text.is_block),
        "./start" => match words.get(1).map(String::as_str) {
            None | Some("test" | "setup") => Ok(()),
            Some(_) => product(&words, text.is_block),
        },
        "cargo" => cargo(&words),
        _ => Ok(()),
    }
}

/// What is wrong with a command of the product.
fn product(words: &[String], is_block: bool) -> Result<(), String> {
    let said = words.join(" ");
    let arguments = std::iter::once("pipeline").chain(words[1..].iter().map(String::as_str));
    let has_placeholder = words[1..].iter().any(|word| is_placeholder(word));
    let matches = match slotflow::cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let incomplete = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::TooFewValues
                    | ErrorKind::DisplayHelp
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
            let unknown_value = error.kind() == ErrorKind::InvalidValue && has_placeholder;
            // A sentence may name a command or an option without all that it needs.
            if (incomplete || unknown_value) && !is_block {
                return Ok(());
            }
            return Err(format!("`{said}`: {error}"));
        }
    };
    let (name, given) = matches.subcommand().ok_or("no subcommand")?;
    let fault = |error: &dyn std::fmt::Display| format!("`{said}`: {error}");
    match name {
        "run" | "train" | "show" => plans(name, given).map_err(|error| fault(&error)),
        "eval" => {
            let metrics = given.get_one::<String>("metrics").ok_or("no metrics")?;
            let arguments = ["eval", "--pred", "a", "--truth", "b", "--metrics", metrics];
            let told = Product::new().fail(2, &arguments);
            let known = is_placeholder(metrics) || !told.contains("metric");
            known.then_some(()).ok_or_else(|| fault(&told))
        }
        "weights" => match given.subcommand() {
            Some(("fetch", fetched)) => {
                let name = fetched.get_one::<String>("name").ok_or("no name")?;
                let list = Product::new().succeed(&["weights", "list"]);
                let known = list.contains(&format!("\n{name}: "));
                let known = known || is_placeholder(name);
                known.then_some(()).ok_or_else(|| fault(&"no such network"))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What is wrong with the plans of a command and with its changes of them.
fn plans(command: &str, given: &ArgMatches) -> Result<(), String> {
    let argument = if command == "run" { "plans" } else { "plan" };
    let names: Vec<&String> = given.get_many(argument).unwrap_or_default().collect();
    let changes = given.get_many::<String>("changes").unwrap_or_default();
    // The rate of own videos is free: `run` takes out the plan's.
    let own_videos = command == "run" && given.contains_id("videos");
    let changes: Vec<String> = changes.cloned().collect();
    let mine = |name: &str| is_placeholder(name) || ending(name) == "toml";
    for name in names {
        if mine(name) {
            for change in &changes {
                let key = change.split('=').next().unwrap_or_default();
                if !known_key(key) {
                    return Err(format!("no plan has the key `{key}`"));
                }
            }
            continue;
        }
        let unfinished = changes.iter().any(|change| change.contains('…'));
        let free = own_videos && Plan::flow_of(name) != Flow::Speedrun;
        let free = free.then(|| "decode.stride=unset".to_owned());
        let changes: Vec<String> = free.into_iter().chain(changes.clone()).collect();
        match Plan::load(name, &changes) {
            Ok(Plan::Train(_)) if command == "run" => {
                return Err(format!("`{name}` is a training"));
            }
            Ok(Plan::Train(_)) | Err(_) if command == "show" && !unfinished => {}
            Ok(Plan::Train(_)) => {}
            Ok(_) if command == "train" => return Err(format!("`{name}` is no training")),
            Ok(_) => {}
            Err(error) if unfinished && !error.to_string().contains("unknown field") => {}
            Err(error) => return Err(error.to_string()),
        }
        if !plan::names()
            .iter()
            .any(|known| known.ends_with(name.as_str()))
        {
            return Err(format!("no built-in plan is called `{name}`"));
        }
    }
    Ok(())
}

/// What is wrong with a command of Cargo: packages, test binaries and features that are not there.
fn cargo(words: &[String]) -> Result<(), String> {
    let manifest = |folder: &str| {
        let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        text.parse::<toml::Table>().unwrap()
    };
    let own = manifest(".");
    let packages: Vec<String> = [".", "datasets", "eval"]
        .iter()
        .map(|folder| {
            manifest(folder)["package"]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for pair in words.windows(2) {
        let value = pair[1].as_str();
        let known = match pair[0].as_str() {
            "-p" | "--package" => packages.iter().any(|package| package == value),
            "--test" => own["test"]
                .as_array()
                .unwrap()
                .iter()
                .any(|test| test["name"].as_str() == Some(value)),
            "--features" => own["features"].as_table().unwrap().contains_key(value),
            _ => true,
        };
        if !known {
            return Err(format!("`{}`: no {} `{value}`", words.join(" "), pair[0]));
        }
    }
    Ok(())
}

/// The names of all tables of all built-in plans.
pub fn tables() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for name in plan::names() {
        let text = Plan::load(name, &[]).unwrap().to_toml().unwrap();
        let table: toml::Table = text.parse().unwrap();
        let tables = table.into_iter().filter(|(_, value)| value.is_table());
        all.extend(tables.map(|(name, _)| name));
    }
    all
}

/// Keys of plans that a text names: after `--set`, or by themselves as `table.key`, with or without a value.
pub fn keys(text: &Text, tables: &BTreeSet<String>) -> Vec<String> {
    let words = words(&text.code);
    let set = words.windows(2).filter(|pair| pair[0] == "--set");
    let mut all: Vec<String> = set
        .map(|pair| pair[1].split('=').next().unwrap().to_owned())
        .collect();
    if let Some(first) = words.first().filter(|_| !text.is_block) {
        let key = first.split('=').next().unwrap();
        let plain = key
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c == '.');
        let endings = [
            "html", "toml", "csv", "json", "jsonl", "rs", "md", "npz", "pkl", "png", "txt",
        ];
        let is_file = endings
            .iter()
            .any(|ending| key.ends_with(&format!(".{ending}")));
        let alone = words.len() == 1 || words[1] == "=";
        let begin = key.split_once('.').map(|(begin, _)| begin);
        if plain && alone && !is_file && begin.is_some_and(|begin| tables.contains(begin)) {
            all.push(key.to_owned());
        }
    }
    all.retain(|key| !is_placeholder(key) && key != "table.key");
    all
}

/// Whether any built-in plan may have that key.
pub fn known_key(key: &str) -> bool {
    plan::names()
        .into_iter()
        .any(|name| match Plan::load(name, &[format!("{key}=…")]) {
            Ok(_) => true,
            Err(error) => {
                let said = error.to_string().replace("unknown variant `…`", "");
                !said.contains("unknown field") && !said.contains("unknown variant")
            }
        })
}
