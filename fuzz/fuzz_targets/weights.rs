//! Parsers of weights, slots and plans.
#![no_main]

#[allow(dead_code, unused_imports)]
#[path = "../../tests/it/mutants.rs"]
mod mutants;
#[allow(dead_code, unused_imports)]
#[path = "../../datasets/tests/it/mutator.rs"]
mod mutator;
mod parser;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parser::feed(mutants::parsers, bytes));
