//! How well: arithmetic on pixels, masks, features and answers, and the page that shows it.
//!
//! Everything is computed in f64 from arrays; networks (I3D, Inception, LPIPS) live elsewhere and hand over the
//! features they made. `README.md` beside this crate has a section for every metric.

#![expect(
    clippy::needless_pass_by_value,
    reason = "an array view is a pointer and goes by value, as in ndarray itself"
)]

pub mod answers;
pub mod boxes;
pub mod error;
pub mod fid_infinity;
pub mod frechet;
pub mod logistic;
pub mod matching;
pub mod metric_samples;
pub mod mmd;
pub mod moments;
pub mod physion;
pub mod pixel;
pub mod profile;
pub mod report;
pub mod resize;
pub mod score;
pub mod segmentation;
pub mod ssim;
pub mod stats;
pub mod trivial_baselines;

pub use error::EvalError;
pub use metric_samples::MetricSamples;
pub use score::{Direction, ItemTable, ItemValue, Score, ScoreTable};
