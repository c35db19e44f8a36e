//! Metrics, their uncertainty, and the page that shows them.
//!
//! Everything is computed in f64 from arrays; networks (I3D, Inception, LPIPS) live elsewhere and hand over the
//! features they made. `README.md` beside this crate has a section for every metric.
//!
//! ```
//! use ndarray::Array3;
//! use slotflow_eval::metric::registry::Registry;
//! use slotflow_eval::stats::bootstrap::Resampling;
//! use slotflow_eval::{MetricSamples, ScoreTable};
//!
//! let truth = Array3::<u8>::zeros((16, 16, 3));
//! let prediction = Array3::from_elem((16, 16, 3), 1_u8);
//! let mut table = ScoreTable::default();
//! for (id, metric) in Registry::default().frame_metrics_of_runs() {
//!     let mut samples = MetricSamples::new(id, "imagined");
//!     samples.push("clip_0", Some(6), Some((metric.value)(truth.view(), prediction.view())?));
//!     table.rows.push(samples.score(Resampling::default()));
//! }
//! let psnr = table.find("psnr", "imagined").and_then(|score| score.value);
//! assert!((psnr.unwrap_or_default() - 20.0 * 255_f64.log10()).abs() < 1e-9);
//! # Ok::<(), slotflow_eval::EvalError>(())
//! ```

#![expect(
    clippy::needless_pass_by_value,
    reason = "an array view is a pointer and goes by value, as in ndarray itself"
)]

/// Answers to questions: CLEVRER's accuracies, Physion's choice of readouts, logistic regression.
pub mod answers;
/// Distances between sets of features: moments, Fréchet, MMD, extrapolation, intervals over halves.
pub mod distribution;
/// Reasons why a number was refused.
pub mod error;
/// What a metric is, and the registry of all of them.
pub mod metric;
/// Pixels against pixels: MSE, PSNR, SSIM, changed pixels, resize kernels.
pub mod pixel;
/// The HTML page of a run, of a folder of predictions, or of several runs.
pub mod report;
/// Masks against masks: ARI, mIoU, mBO, boxes, matching, masks that never looked.
pub mod segmentation;
/// Intervals and tests for means and proportions.
pub mod stats;
/// `scores.csv` and `items.csv`: rows, provenance, and the values they are made from.
pub mod tables;

pub use answers::{logistic, physion};
pub use distribution::{fid_infinity, frechet, mmd, moments};
pub use error::EvalError;
pub use metric::{Direction, MetricId, MetricName, network_profiles as profile};
pub use pixel::{resize, ssim};
pub use segmentation::{boxes, matching, trivial_baselines};
pub use tables::{ItemTable, ItemValue, MetricSamples, Provenance, Score, ScoreTable};
