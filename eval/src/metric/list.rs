//! Lists of metrics as plans hold them: checked when the plan is read, and written as they were spelt.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::definition::{MetricId, Needs};
use super::registry::{Registry, UnknownMetric};

/// Which metrics a list may hold.
pub trait ListKind {
    /// What they have in common, as a refusal says it.
    const WHAT: &'static str;
    /// The list where a plan says nothing.
    const DEFAULT: &'static [&'static str];

    /// Whether a metric may stand in the list.
    fn takes(id: &MetricId) -> bool;
}

/// Metrics of published networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {}

impl ListKind for Published {
    const WHAT: &'static str = "of a published network";
    /// As the papers report them.
    const DEFAULT: &'static [&'static str] = &["lpips", "fvd"];

    fn takes(id: &MetricId) -> bool {
        id.compute().is_of_published_network()
    }
}

/// Metrics of masks and of the boxes around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfMasks {}

impl ListKind for OfMasks {
    const WHAT: &'static str = "of masks";
    /// Whole clips, so that exchanged identities cost; how many objects are found, frame by frame.
    const DEFAULT: &'static [&'static str] = &[
        "miou:exact-video",
        "ari:exact-video",
        "fg-ari:exact-video",
        "fg-miou:exact-video",
        "mbo:exact-video",
        "corloc:exact-frame",
        "recall:exact-frame",
        "box-ar",
    ];

    fn takes(id: &MetricId) -> bool {
        id.compute().needs() == Needs::Masks
    }
}

/// Metrics of one kind, such as `lpips,fvd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "L: ListKind + Clone")]
pub struct MetricList<L> {
    /// As it was spelt: plans and cache keys hold it unchanged.
    text: String,
    ids: Vec<MetricId>,
    kind: PhantomData<L>,
}

/// Metrics of published networks: what a run measures beside those that need no download.
pub type PublishedMetrics = MetricList<Published>;

/// Metrics of masks.
pub type MaskMetrics = MetricList<OfMasks>;

/// Reason why a list of metrics was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A word that names no metric.
    #[error(transparent)]
    Unknown(#[from] UnknownMetric),
    /// A metric that the list does not take.
    #[error("metric `{metric}` is not {what}; those are {known}")]
    NotOfKind {
        /// The metric.
        metric: MetricId,
        /// What those of the list have in common.
        what: &'static str,
        /// Their names, with commas between.
        known: String,
    },
}

impl<L> MetricList<L> {
    /// The metrics, each once, in the order in which they were named.
    pub fn ids(&self) -> &[MetricId] {
        &self.ids
    }
}

impl<L: ListKind> TryFrom<String> for MetricList<L> {
    type Error = ListError;

    fn try_from(text: String) -> Result<Self, ListError> {
        let registry = Registry::default();
        let ids = registry.parse_list(&text)?;
        if let Some(metric) = ids.iter().copied().find(|id| !L::takes(id)) {
            let known: Vec<&str> = registry
                .metrics()
                .iter()
                .filter(|metric| L::takes(&metric.default_id()))
                .map(|metric| metric.name)
                .collect();
            return Err(ListError::NotOfKind {
                metric,
                what: L::WHAT,
                known: known.join(", "),
            });
        }
        Ok(Self {
            text,
            ids,
            kind: PhantomData,
        })
    }
}

impl<L> From<MetricList<L>> for String {
    fn from(list: MetricList<L>) -> Self {
        list.text
    }
}

impl<L: ListKind> Default for MetricList<L> {
    fn default() -> Self {
        let text = L::DEFAULT.join(",");
        Self::try_from(text).unwrap_or_else(|error| unreachable!("a list of our own: {error}"))
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
        let masks = |text: &str| MaskMetrics::try_from(text.to_owned());
        let said = masks("miou,psnr").unwrap_err().to_string();
        assert!(said.contains("is not of masks; those are miou,"), "{said}");
        assert_eq!(masks("ari:exact-frame,box-ar").unwrap().ids().len(), 2);
    }

    #[test]
    fn the_lists_of_this_project_are_lists() {
        assert_eq!(PublishedMetrics::default().ids().len(), 2);
        assert_eq!(MaskMetrics::default().ids().len(), OfMasks::DEFAULT.len());
    }
}
