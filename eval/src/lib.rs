//! How well: arithmetic on pixels, masks, features and answers, and the page that shows it.
//!
//! Everything is computed in f64 from arrays; networks (I3D, Inception, LPIPS) live elsewhere and hand over the
//! features they made. `README.md` beside this crate has a section for every metric.

pub mod error;
pub mod score;

pub use error::EvalError;
pub use score::{Direction, ItemTable, ItemValue, Score, ScoreTable};
