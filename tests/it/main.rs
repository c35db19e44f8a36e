//! The product from outside. One binary: every other one would link burn anew.
//!
//! - `cli`: how it speaks when something is wrong
//! - `eval`: folders in, tables out
//! - `flow`: clips to a report, resumed, on other numbers of threads
//! - `layers`: the law of `lib.rs`
//! - `networks`: I3D, Inception and LPIPS against their references
//! - `parity`: every model against the numbers of its reference (`GOLDEN_MODELS` names another folder of
//!   fixtures, `PARITY_ONLY` one fixture)

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by stopping; clippy knows only functions marked as tests"
)]

mod cli;
mod eval;
mod flow;
mod layers;
mod networks;
mod parity;
mod support;
