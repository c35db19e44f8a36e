//! The two tables: one row a number, and one row a value that it was made from.

mod item;
mod metric_samples;
mod provenance;
mod score;
mod table;

pub use item::{ItemTable, ItemValue};
pub use metric_samples::{METHOD, MetricSamples};
pub use provenance::{NOT_APPLICABLE, Provenance};
pub use score::{Score, ScoreTable};
pub use table::{Row, Table};
