//! Inline snapshots: `assert_snapshot!(text, @"…")`, in the syntax of the crate insta.
//!
//! insta itself would turn on a feature of `once_cell` that has burn compiled a second time for tests.
//! `UPDATE_SNAPSHOTS=1 cargo test --release --test it cli_` writes what is said now into the sources.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Fails when a text is not the one that stands behind `@`; indentation of the source does not count.
macro_rules! assert_snapshot {
    ($text:expr, @$expected:literal) => {
        $crate::snapshot::check(&$text, $expected, stringify!($text), file!())
    };
}
pub(crate) use assert_snapshot;

/// One test writes at a time.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares, or writes where `UPDATE_SNAPSHOTS` is set; never with `CI`.
pub fn check(text: &str, expected: &str, expression: &str, file: &str) {
    let text = plain(text);
    if text == plain(expected) {
        return;
    }
    let set = |name: &str| std::env::var_os(name).is_some();
    if set("UPDATE_SNAPSHOTS") && !set("CI") {
        let _one = WRITING.lock().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = fs::read_to_string(&path).unwrap();
        fs::write(&path, updated(&source, expression, &text)).unwrap();
        return;
    }
    let expected = plain(expected);
    panic!("{expression} says\n{text}\n\nand the snapshot in {file}\n{expected}\n");
}

/// A text without the indentation that all its lines share, without empty lines around it and blanks at ends.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim_end);
    let lines: Vec<&str> = lines.skip_while(|line| line.is_empty()).collect();
    let depth = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.is_empty());
    let shared = filled.map(depth).min().unwrap_or_default();
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.get(shared..).unwrap_or_default())
        .collect();
    lines.join("\n").trim_end().to_owned()
}

/// A source in which the snapshot of an expression is another text.
fn updated(source: &str, expression: &str, text: &str) -> String {
    let bare = |text: &str| text.replace(char::is_whitespace, "");
    let wanted = format!("{},@", bare(expression));
    let calls = source.match_indices("assert_snapshot!(");
    let mut found = calls.filter_map(|(at, call)| {
        let begin = at + call.len();
        let literal = source[begin..]
            .find(", @")
            .or(source[begin..].find("@\""))?;
        let literal = begin + source[begin + literal..].find('@')? + literal + 1;
        (bare(&source[begin..literal]) == wanted).then_some(literal)
    });
    let begin = found.next().expect("the call is in its file");
    let rest = &source[begin..];
    let forms = [("r#\"", "\"#"), ("r\"", "\""), ("\"", "\"")];
    let form = forms.into_iter().find(|(open, _)| rest.starts_with(open));
    let (open, close) = form.expect("a literal");
    let length = open.len() + rest[open.len()..].find(close).expect("an end") + close.len();
    format!("{}{}{}", &source[..begin], literal(text), &rest[length..])
}

/// A text as a literal of its own lines.
fn literal(text: &str) -> String {
    let indented = |line: &str| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    };
    let lines: String = text.lines().map(indented).collect();
    let hash = if text.contains('"') { "#" } else { "" };
    let raw = if text.contains(['"', '\\']) { "r" } else { "" };
    format!("{raw}{hash}\"\n{lines}    \"{hash}")
}

#[test]
fn a_snapshot_is_written_behind_its_expression_alone() {
    let source = "assert_snapshot!(said(&[\n    \"run\",\n]), @\"\");\nassert_snapshot!(said(&[\"train\"]), @\"\");\n";
    let once = updated(source, "said(& [\"train\"])", "error: `a`\n\nhint: \"b\"");
    assert_eq!(
        once,
        "assert_snapshot!(said(&[\n    \"run\",\n]), @\"\");\nassert_snapshot!(said(&[\"train\"]), @r#\"\n    error: `a`\n\n    hint: \"b\"\n    \"#);\n"
    );
    let twice = updated(&once, "said(& [\"train\"])", "done");
    assert_eq!(
        twice,
        source.replace("[\"train\"]), @\"\"", "[\"train\"]), @\"\n    done\n    \"")
    );
    assert_eq!(
        plain("\n    error: `a`\n\n      hint\n    "),
        "error: `a`\n\n  hint"
    );
}
