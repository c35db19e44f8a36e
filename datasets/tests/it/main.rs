//! The crate from outside.
//!
//! - `mutants`: damaged files for every parser
//! - `mutator`: how they are damaged, and who looks on

#![expect(
    clippy::unwrap_used,
    reason = "a test says what is wrong by stopping; clippy knows only functions marked as tests"
)]

mod mutants;
mod mutator;
