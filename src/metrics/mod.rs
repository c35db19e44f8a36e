//! Two folders → scores: predictions against truth, paired by name, wherever they came from.
//!
//! Networks that look at pictures are asked here; the arithmetic on what they say is `slotflow_eval`'s.

/// Distances between sets of videos.
pub mod distribution_metrics;
/// Why two folders were not judged.
mod error;
/// What networks say of clips.
pub mod features;
/// How different frames look.
pub mod lpips;
/// Masks in files.
mod mask_files;
/// Segmentation of pairs of mask files.
mod masks;
/// Which metric, in which definition.
pub mod metric;
/// What has a partner and what has none.
mod pairs;
/// Pixels of pairs of videos.
mod pixels;
/// Features that a person brings.
mod precomputed;
/// Downloaded weights.
pub mod pretrained;

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::Device;
use ndarray::Array4;
use sha2::{Digest, Sha256};
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::score::NOT_APPLICABLE;
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{ItemTable, ItemValue, Score, ScoreTable};

pub use error::MetricsError;
use metric::Metric;
use pairs::{Matches, Videos};

use crate::models::perceptual::i3d::SHORTEST;

/// What is to be judged, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folders of videos or of frame folders: predictions, then truth.
    pub videos: Option<[PathBuf; 2]>,
    /// Folders of masks: predictions, then truth.
    pub masks: Option<[PathBuf; 2]>,
    /// Files of features, a row an item: predictions, then truth; for `jedi`.
    pub features: Option<[PathBuf; 2]>,
    /// What to measure.
    pub metrics: Vec<Metric>,
    /// Frames at the beginning of every clip that are not judged.
    pub skip: usize,
    /// How intervals are drawn.
    pub resampling: Resampling,
    /// Frames of a clip that a network for videos sees.
    pub clip_length: usize,
    /// Distances between sets take every clip, whether it has a partner or not.
    pub unpaired: bool,
    /// Where weights and features are kept.
    pub cache: PathBuf,
    /// Where networks run.
    pub device: Device,
    /// Say nothing while working.
    pub quiet: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// One row a number.
    pub scores: ScoreTable,
    /// One row a value of a clip or frame.
    pub items: ItemTable,
    /// Names on one side only, each with the side that it stands on.
    pub alone: Vec<(String, &'static str)>,
    /// Clips that could not be judged, and why.
    pub failures: BTreeMap<String, String>,
}

/// Judges what is asked.
///
/// # Errors
/// When a folder cannot be read, nothing has a partner, or a metric has no folder to look at. A clip that cannot be
/// judged stops nothing: it is counted, and stands in [`Judged::failures`].
pub fn judge(request: &Request) -> Result<Judged, MetricsError> {
    request.check()?;
    let mut judged = Judged::default();
    if let Some([guess, truth]) = &request.videos {
        pixels::judge(request, [guess, truth], &mut judged)?;
    }
    if let Some([guess, truth]) = &request.masks {
        masks::judge(request, [guess, truth], &mut judged)?;
    }
    if let (Some([guess, truth]), true) =
        (&request.features, request.metrics.contains(&Metric::Jedi))
    {
        precomputed::judge(request, [guess, truth], &mut judged)?;
    }
    Ok(judged)
}

/// A name, and the frames of prediction and truth.
pub type Pair = (String, [Array4<u8>; 2]);

/// Frames of the named pairs of videos as they lie in the folders. Names without a pair,
/// and clips that cannot be read, are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn both_sides(request: &Request, names: &[&str]) -> Result<Vec<Pair>, MetricsError> {
    let Some([guess, truth]) = &request.videos else {
        return Ok(Vec::new());
    };
    let sides = [Videos::open(guess)?, Videos::open(truth)?];
    let matches = Matches::new(&sides[0].names(guess), &sides[1].names(truth));
    let wanted = matches
        .pairs
        .into_iter()
        .filter(|(name, ..)| names.contains(&name.as_str()));
    let read = |(name, guess, truth): (String, usize, usize)| {
        let [guess, truth] = [(0, guess), (1, truth)].map(|(side, place)| {
            let frames: Result<_, String> = sides[side].whole(place, request.skip);
            frames.ok()
        });
        Some((name, [guess?, truth?]))
    };
    Ok(wanted.filter_map(read).collect())
}

impl Request {
    fn check(&self) -> Result<(), MetricsError> {
        if self.metrics.is_empty() {
            return Err(MetricsError::NoMetrics);
        }
        for metric in &self.metrics {
            if matches!(metric, Metric::Videos(..)) && self.clip_length < SHORTEST {
                return Err(MetricsError::TooShort {
                    metric: metric.to_string(),
                    needed: SHORTEST,
                    found: self.clip_length,
                });
            }
            if *metric == Metric::Jedi && self.features.is_some() {
                continue;
            }
            let (found, needs) = if metric.wants_masks() {
                (self.masks.is_some(), "masks")
            } else {
                (self.videos.is_some(), "videos")
            };
            if !found {
                let metric = metric.to_string();
                return Err(MetricsError::NothingToLookAt { metric, needs });
            }
        }
        Ok(())
    }
}

impl Judged {
    /// Adds what was measured as a row and its items.
    fn add(&mut self, measured: &MetricSamples, request: &Request, about: &About) {
        let score = measured.score(request.resampling);
        self.add_score(score, measured.rows(), about);
    }

    /// Adds a row with what all rows have in common, and its items.
    fn add_score(&mut self, score: Score, items: Vec<ItemValue>, about: &About) {
        self.scores.rows.push(about.complete(score));
        self.items.rows.extend(items);
    }

    /// Notes who has no partner.
    fn note_alone(&mut self, matches: &Matches) {
        for (names, side) in [
            (&matches.only_guess, "prediction"),
            (&matches.only_truth, "truth"),
        ] {
            let named = names.iter().map(|(name, _)| (name.clone(), side));
            self.alone.extend(named);
        }
    }
}

/// What all rows about two folders have in common.
pub(crate) struct About {
    manifest: String,
    skip: usize,
    alone: String,
}

impl About {
    /// `identities`: side, name and content of every file that is judged.
    fn new(
        matches: &Matches,
        identities: impl Iterator<Item = (&'static str, String, String)>,
        skip: usize,
    ) -> Self {
        let mut hash = Sha256::new();
        for (side, name, content) in identities {
            hash.update(format!("{side}\t{name}\t{content}\n"));
        }
        Self {
            manifest: hex(&hash.finalize()),
            skip,
            alone: matches.alone(),
        }
    }

    fn complete(&self, mut score: Score) -> Score {
        env!("CARGO_PKG_VERSION").clone_into(&mut score.code_version);
        score.data_manifest_sha256.clone_from(&self.manifest);
        let fill = |text: &mut String, with: &str| {
            if text.is_empty() {
                with.clone_into(text);
            }
        };
        let offset = match self.skip {
            0 => "whole clip".to_owned(),
            skip => format!("from frame {skip}"),
        };
        fill(&mut score.offset_policy, &offset);
        fill(&mut score.frame_order, "numeric");
        fill(&mut score.resize_kernel, "none");
        for text in [
            &mut score.cov_estimator,
            &mut score.weights_sha256,
            &mut score.checkpoint_sha256,
        ] {
            fill(text, NOT_APPLICABLE);
        }
        fill(&mut score.ci_method, "none");
        if !self.alone.is_empty() {
            let note = std::mem::take(&mut score.note);
            let parts = [note.as_str(), self.alone.as_str()];
            score.note = parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; ");
        }
        score
    }
}

/// Bytes as hexadecimal text.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
