//! The parser that the fuzzer feeds: the one that `SLOTFLOW_MUTANTS_PARSER` names.

use std::cell::OnceCell;

use crate::mutator::Parser;

/// Gives an input to the parser; a panic ends the process.
pub fn feed(parsers: fn() -> Vec<Parser>, bytes: &[u8]) {
    thread_local! {
        static CHOSEN: OnceCell<(Parser, tempfile::TempDir)> = const { OnceCell::new() };
    }
    CHOSEN.with(|chosen| {
        let (parser, folder) = chosen.get_or_init(|| {
            let name = std::env::var("SLOTFLOW_MUTANTS_PARSER").expect("the name of a parser");
            let parsers = parsers().into_iter();
            let parser = parsers.filter(|parser| parser.name == name).next();
            let parser = parser.unwrap_or_else(|| panic!("no parser is called `{name}`"));
            (parser, tempfile::tempdir().expect("a temporary folder"))
        });
        (parser.read)(folder.path(), bytes);
    });
}
