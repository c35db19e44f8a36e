//! Every metric there is, once: what `pipeline eval`, every run, the page and the documents name and show.
//!
//! A metric is added by its own file, which holds the function and a `Metric` constant, and by one line of
//! `METRICS`.

use std::collections::BTreeSet;

use super::definition::{Compute, FrameMetric, Gives, Metric, MetricId, Needs, Unit};
use super::direction::Direction;
use crate::answers::clevrer::ACCURACY;
use crate::distribution::metrics::{
    FID, FID_INFINITY, FVD, FVD_INFINITY, FVD_MOTION, JEDI, KID, KVD,
};
use crate::pixel::lpips::LPIPS;
use crate::pixel::mse::MSE;
use crate::pixel::psnr::PSNR;
use crate::pixel::ssim::SSIM;
use crate::segmentation::metrics::{
    ARI, BOX_AP, BOX_AR, CORLOC, FG_ARI, FG_MIOU, MBO, MIOU, RECALL,
};

/// Every metric, in the order of lists and of a run's rows.
pub static METRICS: &[&Metric] = &[
    &PSNR,
    &SSIM,
    &MSE,
    &LPIPS,
    &FVD,
    &FID,
    &FVD_INFINITY,
    &FID_INFINITY,
    &KVD,
    &KID,
    &JEDI,
    &MIOU,
    &ARI,
    &FG_ARI,
    &FG_MIOU,
    &MBO,
    &CORLOC,
    &RECALL,
    &BOX_AR,
    &BOX_AP,
    &ACCURACY,
    &FVD_MOTION,
];

/// The word for all definitions of a metric.
const ALL: &str = "all";

/// A list of metrics; [`Registry::default`] is that of [`METRICS`].
#[derive(Debug, Clone)]
pub struct Registry {
    metrics: Vec<&'static Metric>,
}

/// A word that names no metric, or a definition that its metric does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown metric `{found}`; known are {known}{}", suggestion(close.as_deref()))]
pub struct UnknownMetric {
    /// The word.
    pub found: String,
    /// All names, with commas between.
    pub known: String,
    /// The closest of them, where one is close.
    pub close: Option<String>,
}

fn suggestion(close: Option<&str>) -> String {
    close.map_or_else(String::new, |close| format!("; did you mean `{close}`?"))
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            metrics: METRICS.to_vec(),
        }
    }
}

impl Registry {
    /// The same list with one more metric.
    #[must_use]
    pub fn with(mut self, metric: &'static Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    /// All metrics.
    pub fn metrics(&self) -> &[&'static Metric] {
        &self.metrics
    }

    /// The metrics that every run measures, `name:profile` each: with another one, tables in caches are made again.
    pub fn names_of_runs(&self) -> Vec<String> {
        let metrics = self.metrics.iter();
        let ids = metrics.filter_map(|metric| metric.id(metric.in_runs?));
        ids.map(|id| id.to_string()).collect()
    }

    /// The metrics of pixels that every run measures, each in the run's definition.
    pub fn frame_metrics_of_runs(&self) -> Vec<(MetricId, FrameMetric)> {
        let ids = self
            .metrics
            .iter()
            .filter_map(|metric| metric.id(metric.in_runs?));
        ids.filter_map(|id| match id.compute() {
            Compute::Frame(frame) => Some((id, frame)),
            _ => None,
        })
        .collect()
    }

    /// The metrics of masks that every run measures, each in the run's definition.
    pub fn mask_metrics_of_runs(&self) -> Vec<MetricId> {
        let ids = self
            .metrics
            .iter()
            .filter_map(|metric| metric.id(metric.in_runs?));
        ids.filter(|id| id.compute().needs() == Needs::Masks)
            .collect()
    }

    /// The metrics of a list such as `psnr,ssim:torchmetrics,fvd:all`, each once. Without a colon: the default
    /// definition.
    ///
    /// # Errors
    /// A word that names no metric of folders, or a definition that the metric does not have.
    pub fn parse_list(&self, text: &str) -> Result<Vec<MetricId>, UnknownMetric> {
        let known: Vec<MetricId> = self
            .metrics
            .iter()
            .flat_map(|metric| metric.ids())
            .filter(|id| id.compute().is_of_folders())
            .collect();
        let mut found = Vec::new();
        let words = text.split(',').map(str::trim);
        for word in words.filter(|word| !word.is_empty()) {
            let (name, profile) = word
                .split_once(':')
                .map_or((word, None), |(name, profile)| (name, Some(profile)));
            let named: Vec<MetricId> = known
                .iter()
                .copied()
                .filter(|id| id.name() == name)
                .collect();
            let chosen: Vec<MetricId> = match profile {
                None => named.iter().copied().take(1).collect(),
                Some(ALL) => named.clone(),
                Some(profile) => named
                    .iter()
                    .copied()
                    .filter(|id| id.profile() == profile)
                    .collect(),
            };
            if chosen.is_empty() {
                return Err(UnknownMetric::new(word, &known, &named));
            }
            found.extend(chosen);
        }
        let mut seen = BTreeSet::new();
        found.retain(|id| seen.insert(*id));
        Ok(found)
    }

    /// The table of the documents, in Markdown: one row a metric.
    pub fn table(&self) -> String {
        let mut text = "| metric | profiles (the first is the default) | better | looks at | a value for each | in runs as |\n\
                        |---|---|---|---|---|---|\n"
            .to_owned();
        for metric in &self.metrics {
            text.push_str(&row(metric));
        }
        text
    }
}

/// One row of [`Registry::table`].
fn row(metric: &'static Metric) -> String {
    let profiles: Vec<String> = metric
        .definitions
        .iter()
        .map(|definition| format!("`{}`", definition.profile))
        .collect();
    let mut gives: Vec<&str> = metric
        .ids()
        .map(|id| match id.compute().gives() {
            Gives::Frame => "frame",
            Gives::Clip => "clip",
            Gives::Set => "pair of sets",
            Gives::Question => "question",
        })
        .collect();
    gives.dedup();
    gives.sort_unstable();
    gives.dedup();
    let needs = match metric.default_id().compute().needs() {
        Needs::Videos => "videos",
        Needs::Masks => "masks",
        Needs::Features => "features",
        Needs::Answers => "answers",
    };
    let better = match metric.direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
    };
    let unit = match metric.unit {
        Unit::Decibel => " (dB)",
        Unit::One | Unit::Share => "",
    };
    let in_runs = metric
        .in_runs
        .map_or_else(|| "–".to_owned(), |profile| format!("`{profile}`"));
    format!(
        "| `{}`{unit} | {} | {better} | {needs} | {} | {in_runs} |\n",
        metric.name,
        profiles.join(", "),
        gives.join(" or "),
    )
}

/// The metric of this name; what stands behind a star (a hash of weights) is no part of it.
pub fn find(name: &str) -> Option<&'static Metric> {
    let bare = name.split('*').next().unwrap_or(name);
    METRICS.iter().copied().find(|metric| metric.name == bare)
}

impl UnknownMetric {
    fn new(word: &str, known: &[MetricId], named: &[MetricId]) -> Self {
        let mut names: Vec<String> = if named.is_empty() {
            known.iter().map(|id| id.name().to_owned()).collect()
        } else {
            named.iter().map(ToString::to_string).collect()
        };
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let close = names
            .iter()
            .map(|name| (strsim::levenshtein(word, name), name))
            .filter(|(edits, name)| *edits <= 2 && *edits < name.len())
            .min();
        Self {
            close: close.map(|(_, name)| name.clone()),
            found: word.to_owned(),
            known: names.join(", "),
        }
    }

    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        "eval/README.md says what each is; a definition is named after a colon: `ssim:torchmetrics`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let found = Registry::default().parse_list(text).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_metric_has_one_name_and_a_definition() {
        let mut seen = BTreeSet::new();
        for metric in METRICS {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(!metric.definitions.is_empty(), "{}", metric.name);
            assert!(!metric.meaning.is_empty(), "{}", metric.name);
            let profiles: BTreeSet<_> = metric.definitions.iter().map(|one| one.profile).collect();
            assert_eq!(profiles.len(), metric.definitions.len(), "{}", metric.name);
            if let Some(profile) = metric.in_runs {
                assert!(metric.id(profile).is_some(), "{}", metric.name);
            }
        }
    }

    #[test]
    fn a_name_without_a_colon_means_its_default_definition() {
        assert_eq!(
            names("psnr, ssim:torchmetrics,fvd"),
            ["psnr:per-image-mean", "ssim:torchmetrics", "fvd:styleganv"]
        );
        assert_eq!(names("mse:all,mse").len(), 3);
    }

    #[test]
    fn a_wrong_name_lists_the_metrics_and_a_wrong_definition_those_of_the_metric() {
        let refused = |text: &str| {
            Registry::default()
                .parse_list(text)
                .unwrap_err()
                .to_string()
        };
        let said = refused("pnsr");
        assert!(
            said.starts_with("unknown metric `pnsr`; known are psnr, ssim, mse,")
                && said.ends_with("did you mean `psnr`?"),
            "{said}"
        );
        let said = refused("lpips:vgg");
        assert!(said.contains("lpips:vgg-v0.1, lpips:alex-v0.1"), "{said}");
        assert!(!refused("made-up").contains("did you mean"));
        for of_runs in ["accuracy", "jedi:given-features"] {
            assert!(refused(of_runs).starts_with("unknown metric"), "{of_runs}");
        }
    }

    #[test]
    fn the_table_of_the_documents_is_that_of_the_registry() {
        let text = include_str!("../../README.md");
        let table = Registry::default().table();
        assert!(text.contains(&table), "eval/README.md must hold:\n{table}");
    }
}
