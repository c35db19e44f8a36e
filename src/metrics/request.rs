//! What is to be evaluated, and how: [`Request`].

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use slotflow_eval::MetricId;
use slotflow_eval::metric::definition::{Compute, FeatureOrigin, Needs};
use slotflow_eval::stats::bootstrap::Resampling;

use crate::metrics::error::MetricsError;
use crate::metrics::pair_values::PairValues;
use crate::models::perceptual::i3d::SHORTEST;

/// What is to be evaluated, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folders of videos or of frame folders: predictions, then truth.
    pub videos: Option<[PathBuf; 2]>,
    /// Folders of masks: predictions, then truth.
    pub masks: Option<[PathBuf; 2]>,
    /// Files of features, a row an item: predictions, then truth; for `jedi`.
    pub features: Option<[PathBuf; 2]>,
    /// What to measure.
    pub metrics: Vec<MetricId>,
    /// Frames at the beginning of every clip that are not measured.
    pub skip: usize,
    /// How intervals are drawn.
    pub resampling: Resampling,
    /// The id of pixels in masks that do not count.
    pub void: Option<i64>,
    /// How predicted masks are brought to the truth's size; without it, another size is a failure.
    pub resize: Option<MaskResize>,
    /// Frames of a clip that a network for videos sees.
    pub clip_length: usize,
    /// Distances between sets take every clip, whether its name occurs on the other side or not.
    pub unpaired: bool,
    /// Where values of single pairs come from.
    pub pairs: PairValues,
    /// Folder of downloaded weights and cached features.
    pub cache: PathBuf,
    /// Where networks run.
    pub device: Device,
    /// Say nothing while working.
    pub quiet: bool,
}

/// How masks are brought to another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskResize {
    /// Each pixel takes the label of the nearest one.
    Nearest,
}

impl Request {
    /// What rows about masks say of how they were read; empty where they are taken as they are.
    pub(crate) fn about_masks(&self) -> String {
        let void = self
            .void
            .map(|id| format!("pixels with the true id {id} left out"));
        let resize = self.resize.map(|MaskResize::Nearest| {
            "predicted masks at the truth's size by nearest neighbour".to_owned()
        });
        let said: Vec<String> = void.into_iter().chain(resize).collect();
        said.join("; ")
    }

    /// The folder that features of clips are kept in.
    pub(crate) fn feature_cache(&self) -> &Path {
        match &self.pairs {
            PairValues::Share { folder, .. } => folder,
            _ => &self.cache,
        }
    }

    /// Refuses metrics that have nothing to look at.
    ///
    /// # Errors
    /// No metric, a metric without its folders, or clips shorter than a network needs.
    pub(crate) fn check(&self) -> Result<(), MetricsError> {
        if self.metrics.is_empty() {
            return Err(MetricsError::NoMetrics);
        }
        for id in &self.metrics {
            if matches!(id.compute(), Compute::VideoSet(..)) && self.clip_length < SHORTEST {
                return Err(MetricsError::TooShort {
                    metric: id.to_string(),
                    needed: SHORTEST,
                    found: self.clip_length,
                });
            }
            if is_of_features(*id) && self.features.is_some() {
                continue;
            }
            let (found, needs) = match id.compute().needs() {
                Needs::Masks => (self.masks.is_some(), "masks"),
                _ => (self.videos.is_some(), "videos"),
            };
            if !found {
                let metric = id.to_string();
                return Err(MetricsError::NothingToLookAt { metric, needs });
            }
        }
        Ok(())
    }

    /// The metric whose features no network here makes, if it is asked for.
    pub(crate) fn of_features(&self) -> Option<MetricId> {
        self.metrics.iter().copied().find(|id| is_of_features(*id))
    }
}

fn is_of_features(id: MetricId) -> bool {
    matches!(id.compute(), Compute::Features(FeatureOrigin::NotBuiltIn))
}
