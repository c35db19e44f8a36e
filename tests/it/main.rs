//! The product from outside. One binary: every other one would link burn anew.
//!
//! - `parity`: every model against the numbers of its reference (`GOLDEN_MODELS` names another folder of
//!   fixtures, `PARITY_ONLY` one fixture)

mod parity;
