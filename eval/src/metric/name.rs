//! The name of a metric in a row of a table: [`MetricName`].

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::definition::{Metric, MetricId};

/// The metric of a row: one of the registry, or what a table that was read says. Code makes it from a [`MetricId`]
/// only, so that no row can be written of a metric that the registry does not know.
#[derive(Debug, Clone)]
pub struct MetricName {
    name: Cow<'static, str>,
    metric: Option<&'static Metric>,
}

impl MetricName {
    /// The name as it stands in tables.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The metric, where the row was measured here; `None` for a row of a file, whose name
    /// [`find`](super::registry::find) knows.
    pub fn metric(&self) -> Option<&'static Metric> {
        self.metric
    }

    /// The name of a number that was made with weights papers do not use: `fvd*[sha256:0123abcd]`.
    ///
    /// # Shape
    /// `sha256`: 64 hexadecimal digits, of which eight are kept
    #[must_use]
    pub fn with_nonstandard_weights(&self, sha256: &str) -> Self {
        let short = sha256.get(..8).unwrap_or(sha256);
        Self {
            name: Cow::Owned(format!("{}*[sha256:{short}]", self.name)),
            metric: self.metric,
        }
    }
}

impl From<MetricId> for MetricName {
    fn from(id: MetricId) -> Self {
        Self {
            name: Cow::Borrowed(id.name()),
            metric: Some(id.metric()),
        }
    }
}

impl Serialize for MetricName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

/// A name that was read may be that of an older or a newer version's metric.
impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            name: Cow::Owned(String::deserialize(deserializer)?),
            metric: None,
        })
    }
}

impl PartialEq for MetricName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for MetricName {}

impl PartialEq<str> for MetricName {
    fn eq(&self, other: &str) -> bool {
        self.name == other
    }
}

impl PartialEq<&str> for MetricName {
    fn eq(&self, other: &&str) -> bool {
        self.name == *other
    }
}

impl PartialOrd for MetricName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MetricName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}
