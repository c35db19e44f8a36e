//! Help of every command, in snapshots, so that a change of words is seen in review.

use crate::snapshot::assert_snapshot;
use crate::support::Product;

/// What `pipeline ARGUMENTS --help` prints.
fn help(arguments: &[&str]) -> String {
    Product::new().succeed(&[arguments, &["--help"]].concat())
}

#[test]
fn pipeline() {
    assert_snapshot!(help(&[]), @"");
}

#[test]
fn run() {
    assert_snapshot!(help(&["run"]), @"");
}

#[test]
fn compare() {
    assert_snapshot!(help(&["compare"]), @"");
}

#[test]
fn train() {
    assert_snapshot!(help(&["train"]), @"");
}

#[test]
fn eval() {
    assert_snapshot!(help(&["eval"]), @"");
}

#[test]
fn weights() {
    assert_snapshot!(help(&["weights"]), @"");
}

#[test]
fn weights_list() {
    assert_snapshot!(help(&["weights", "list"]), @"");
}

#[test]
fn weights_fetch() {
    assert_snapshot!(help(&["weights", "fetch"]), @"");
}

#[test]
fn weights_add() {
    assert_snapshot!(help(&["weights", "add"]), @"");
}

#[test]
fn import() {
    assert_snapshot!(help(&["import"]), @"");
}

#[test]
fn export() {
    assert_snapshot!(help(&["export"]), @"");
}

#[test]
fn bench() {
    assert_snapshot!(help(&["bench"]), @"");
}

#[test]
fn generate() {
    assert_snapshot!(help(&["generate"]), @"");
}

#[test]
fn show() {
    assert_snapshot!(help(&["show"]), @"");
}

#[test]
fn every_command_is_here_and_its_help_has_an_example() {
    let here = include_str!("cli_help.rs");
    let command = slotflow::cli::command();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        assert!(
            here.contains(&format!("help(&[\"{name}\"])")),
            "no snapshot of `pipeline {name} --help`"
        );
        let examples = subcommand.get_after_help().map(ToString::to_string);
        assert!(
            examples.is_some_and(|text| text.contains(&format!("pipeline {name}"))),
            "no example in `pipeline {name} --help`"
        );
    }
}

#[test]
fn a_command_is_named_in_its_own_file_and_in_the_list_alone() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = crate::layers::files(&root.join("src"));
    let sources: Vec<(String, String)> = sources
        .iter()
        .map(|file| {
            let short = file.strip_prefix(root).unwrap().display().to_string();
            (short, std::fs::read_to_string(file).unwrap())
        })
        .collect();
    for subcommand in slotflow::cli::command().get_subcommands() {
        let name = subcommand.get_name();
        let arguments = format!("{}{}Args", name[..1].to_uppercase(), &name[1..]);
        let naming = sources
            .iter()
            .filter(|(_, text)| text.contains(&arguments));
        let naming: Vec<&str> = naming.map(|(file, _)| file.as_str()).collect();
        // Import and export are two directions of one thing.
        let own = name.replace("export", "import");
        assert_eq!(naming, [format!("src/cli/{own}.rs"), "src/cli/mod.rs".to_owned()]);
    }
}
