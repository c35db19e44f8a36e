//! Lists of metrics as plans hold them: checked when the plan is read, and written as they were spelt.

use serde::{Deserialize, Serialize};

use super::definition::MetricId;
use super::registry::{Registry, UnknownMetric};

/// Metrics of published networks, such as `lpips,fvd`: what a run measures beside those that need no download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublishedMetrics {
    /// As it was spelt: plans and cache keys hold it unchanged.
    text: String,
    ids: Vec<MetricId>,
}

/// Reason why a list of metrics of published networks was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A word that names no metric.
    #[error(transparent)]
    Unknown(#[from] UnknownMetric),
    /// A metric that no published network computes.
    #[error("metric `{metric}` is not of a published network; those are {known}")]
    NotPublished {
        /// The metric.
        metric: MetricId,
        /// Names of those that are, with commas between.
        known: String,
    },
}

impl PublishedMetrics {
    /// The metrics, each once, in the order in which they were named.
    pub fn ids(&self) -> &[MetricId] {
        &self.ids
    }
}

impl TryFrom<String> for PublishedMetrics {
    type Error = ListError;

    fn try_from(text: String) -> Result<Self, ListError> {
        let registry = Registry::default();
        let ids = registry.parse_list(&text)?;
        let published = |id: &MetricId| id.compute().is_of_published_network();
        if let Some(metric) = ids.iter().copied().find(|id| !published(id)) {
            let known: Vec<&str> = registry
                .metrics()
                .iter()
                .filter(|metric| published(&metric.default_id()))
                .map(|metric| metric.name)
                .collect();
            return Err(ListError::NotPublished {
                metric,
                known: known.join(", "),
            });
        }
        Ok(Self { text, ids })
    }
}

impl From<PublishedMetrics> for String {
    fn from(list: PublishedMetrics) -> Self {
        list.text
    }
}

/// LPIPS and FVD, as the papers report them.
impl Default for PublishedMetrics {
    fn default() -> Self {
        use crate::distribution::metrics::FVD;
        use crate::pixel::lpips::LPIPS;

        let ids = vec![LPIPS.default_id(), FVD.default_id()];
        let names: Vec<&str> = ids.iter().map(|id| id.name()).collect();
        Self {
            text: names.join(","),
            ids,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_it_was_spelt() {
        for text in ["lpips,fvd", "lpips, fvd:all", ""] {
            let list = PublishedMetrics::try_from(text.to_owned()).unwrap();
            assert_eq!(
                serde_json::to_string(&list).unwrap(),
                serde_json::to_string(text).unwrap()
            );
        }
        assert_eq!(String::from(PublishedMetrics::default()), "lpips,fvd");
        let read: PublishedMetrics = serde_json::from_str("\"lpips,fvd\"").unwrap();
        assert_eq!(read, PublishedMetrics::default());
    }

    #[test]
    fn what_no_published_network_computes_is_refused() {
        let refused = |text: &str| {
            PublishedMetrics::try_from(text.to_owned())
                .unwrap_err()
                .to_string()
        };
        assert!(refused("lpips,psnr").contains("`psnr:per-image-mean` is not of a published"));
        assert!(refused("lpisp").contains("did you mean `lpips`?"));
    }
}
