//! The two tables: one row a number, and one row a value that it was made from.

/// Values that a score was made from.
mod item;
/// Values of a metric while clips go by.
mod metric_samples;
/// How a number was made.
mod provenance;
/// A number with all that is needed to believe it.
mod score;
/// Cells that a spreadsheet would run.
pub mod spreadsheet;
/// Tables as CSV.
mod table;

pub use item::{ItemTable, ItemValue};
pub use metric_samples::{METHOD, MetricSamples};
pub use provenance::{NOT_APPLICABLE, Provenance};
pub use score::{Score, ScoreTable};
pub use table::{Row, Table};
