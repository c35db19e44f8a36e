//! What a metric is, and the registry of all of them.

/// Metrics and their definitions.
pub mod definition;
/// Which way is better.
mod direction;
/// Lists of metrics in plans.
pub mod list;
/// Names of metrics in rows.
mod name;
/// Definitions of metrics of networks.
pub mod network_profiles;
/// Enums whose variants have a name on paper.
pub(crate) mod profiles_macro;
/// Every metric, once.
pub mod registry;

pub use definition::MetricId;
pub use direction::Direction;
pub use name::MetricName;
