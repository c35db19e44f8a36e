//! Which metric, in which definition: the words of `--metrics`.

use std::fmt;

use slotflow_eval::pixel::{MseProfile, PsnrProfile};
use slotflow_eval::profile::{FidProfile, FvdProfile, LpipsProfile};
use slotflow_eval::segmentation::SegProfile;
use slotflow_eval::ssim::SsimProfile;

use crate::metrics::MetricsError;

/// A metric and its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Mean squared error.
    Mse(MseProfile),
    /// Peak signal to noise.
    Psnr(PsnrProfile),
    /// Structural similarity.
    Ssim(SsimProfile),
    /// Distance of what a network sees.
    Lpips(LpipsProfile),
    /// Distance between sets of clips, by the features of I3D.
    Videos(Distance, FvdProfile),
    /// Distance between sets of frames, by the features of Inception.
    Frames(Distance, FidProfile),
    /// `JEDi`, by the features of V-JEPA.
    Jedi,
    /// Masks against masks.
    Masks(MaskMetric, SegProfile),
    /// Boxes around masks.
    Boxes(BoxMetric),
}

/// A distance between two sets of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// Between Gaussians.
    Frechet,
    /// The same at infinitely many items.
    Infinity,
    /// Maximum mean discrepancy.
    Kernel,
}

/// What is measured of masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaskMetric {
    /// Adjusted Rand index.
    Ari,
    /// The same over the pixels of objects.
    FgAri,
    /// Mean intersection over union.
    Miou,
    /// The same over objects.
    FgMiou,
    /// Mean best overlap.
    Mbo,
    /// Share of clips or frames in which an object was found.
    Corloc,
    /// Share of objects that were found.
    Recall,
}

/// What is measured of boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoxMetric {
    /// Share of true boxes that were found.
    Recall,
    /// Share of predicted boxes that are right.
    Precision,
}

/// The one definition of box metrics.
pub const BOX_PROFILE: &str = "slotformer";
/// The one definition of `jedi`.
pub const JEDI_PROFILE: &str = "vjepa-ssv2";
/// The word for all definitions of a metric.
const ALL: &str = "all";

/// All metrics in all definitions, a metric's default first.
fn known() -> Vec<Metric> {
    use Distance::{Frechet, Infinity, Kernel};
    use MaskMetric::{Ari, Corloc, FgAri, FgMiou, Mbo, Miou, Recall};
    let mut all: Vec<Metric> = Vec::new();
    all.extend(PsnrProfile::ALL.iter().copied().map(Metric::Psnr));
    all.extend(SsimProfile::ALL.iter().copied().map(Metric::Ssim));
    all.extend(MseProfile::ALL.iter().copied().map(Metric::Mse));
    all.extend(LpipsProfile::ALL.iter().copied().map(Metric::Lpips));
    for distance in [Frechet, Infinity, Kernel] {
        let videos = |&profile: &FvdProfile| Metric::Videos(distance, profile);
        all.extend(FvdProfile::ALL.iter().map(videos));
        let frames = |&profile: &FidProfile| Metric::Frames(distance, profile);
        all.extend(FidProfile::ALL.iter().map(frames));
    }
    all.push(Metric::Jedi);
    for metric in [FgAri, Ari, Miou, FgMiou, Mbo, Corloc, Recall] {
        let masks = |&profile: &SegProfile| Metric::Masks(metric, profile);
        all.extend(SegProfile::ALL.iter().map(masks));
    }
    all.extend([BoxMetric::Recall, BoxMetric::Precision].map(Metric::Boxes));
    all
}

impl Metric {
    /// The metrics of a list such as `psnr,ssim:torchmetrics,fvd:all`. Without a colon: the default definition.
    ///
    /// # Errors
    /// A word that names no metric, or a definition that the metric does not have.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, MetricsError> {
        let known = known();
        let mut found = Vec::new();
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let (name, profile) = match word.split_once(':') {
                Some((name, profile)) => (name, Some(profile)),
                None => (word, None),
            };
            let named: Vec<Self> = known
                .iter()
                .copied()
                .filter(|metric| metric.name() == name)
                .collect();
            let chosen: Vec<Self> = match profile {
                None => named.iter().copied().take(1).collect(),
                Some(ALL) => named.clone(),
                Some(profile) => named
                    .iter()
                    .copied()
                    .filter(|metric| metric.profile() == profile)
                    .collect(),
            };
            if chosen.is_empty() {
                return Err(unknown(word, &known, &named));
            }
            found.extend(chosen);
        }
        // A number asked for twice is one number.
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|metric| seen.insert(*metric));
        Ok(found)
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mse(_) => "mse",
            Self::Psnr(_) => "psnr",
            Self::Ssim(_) => "ssim",
            Self::Lpips(_) => "lpips",
            Self::Videos(Distance::Frechet, _) => "fvd",
            Self::Videos(Distance::Infinity, _) => "fvd-infinity",
            Self::Videos(Distance::Kernel, _) => "kvd",
            Self::Frames(Distance::Frechet, _) => "fid",
            Self::Frames(Distance::Infinity, _) => "fid-infinity",
            Self::Frames(Distance::Kernel, _) => "kid",
            Self::Jedi => "jedi",
            Self::Masks(MaskMetric::Ari, _) => "ari",
            Self::Masks(MaskMetric::FgAri, _) => "fg-ari",
            Self::Masks(MaskMetric::Miou, _) => "miou",
            Self::Masks(MaskMetric::FgMiou, _) => "fg-miou",
            Self::Masks(MaskMetric::Mbo, _) => "mbo",
            Self::Masks(MaskMetric::Corloc, _) => "corloc",
            Self::Masks(MaskMetric::Recall, _) => "recall",
            Self::Boxes(BoxMetric::Recall) => "box-ar",
            Self::Boxes(BoxMetric::Precision) => "box-ap",
        }
    }

    /// The name of its definition.
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Mse(profile) => profile.name(),
            Self::Psnr(profile) => profile.name(),
            Self::Ssim(profile) => profile.name(),
            Self::Lpips(profile) => profile.name(),
            Self::Videos(_, profile) => profile.name(),
            Self::Frames(_, profile) => profile.name(),
            Self::Jedi => JEDI_PROFILE,
            Self::Masks(_, profile) => profile.name(),
            Self::Boxes(_) => BOX_PROFILE,
        }
    }

    /// Whether it looks at masks rather than at videos.
    pub const fn wants_masks(self) -> bool {
        matches!(self, Self::Masks(..) | Self::Boxes(_))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.profile())
    }
}

fn unknown(word: &str, known: &[Metric], named: &[Metric]) -> MetricsError {
    let mut names: Vec<String> = if named.is_empty() {
        known
            .iter()
            .map(|metric| metric.name().to_owned())
            .collect()
    } else {
        named.iter().map(ToString::to_string).collect()
    };
    names.dedup();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    MetricsError::UnknownMetric {
        found: word.to_owned(),
        known: names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_means_its_default_definition() {
        let found = Metric::parse_list("psnr, ssim:torchmetrics,fvd").unwrap();
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["psnr:per-image-mean", "ssim:torchmetrics", "fvd:styleganv"]
        );
        assert_eq!(Metric::parse_list("mse:all,mse").unwrap().len(), 3);
    }

    #[test]
    fn a_wrong_name_lists_the_metrics_and_a_wrong_definition_those_of_the_metric() {
        let said = Metric::parse_list("pnsr").unwrap_err().to_string();
        assert!(
            said.contains("`pnsr`") && said.contains("psnr, ssim, mse"),
            "{said}"
        );
        let said = Metric::parse_list("lpips:vgg").unwrap_err().to_string();
        assert!(said.contains("lpips:vgg-v0.1, lpips:alex-v0.1"), "{said}");
    }
}
