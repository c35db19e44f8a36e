//! `[data]` of a training plan, and what an objective reads of a clip.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::source::{ColourOrder, Needs};
use slotflow_datasets::{Dataset, Fit, GroundTruth};

use crate::train::data::clip_dataset::EmptyScene;

/// Clips of the generator to train on, where a plan says no number.
const GENERATED: usize = 1000;

/// `[data]` of a training: which clips of which data set, and which of their frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainData {
    /// The data set.
    pub dataset: Dataset,
    /// The folder of a data set on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Video files and folders of them, of the data set `videos`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub videos: Vec<PathBuf>,
    /// A text file that lists the own clips of each split (see `docs/data.md`); unset = by folders `train`, `val` and
    /// `test`, or by a hash of each clip's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<PathBuf>,
    /// Share of own clips for each of validation and test where names decide, 0 to 0.45; unset = 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out_share: Option<f64>,
    /// Clips to train on, evenly spread over the split; unset = 1000 of the generator, all of a data set on disk.
    /// The generator's have seeds from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clips: Option<usize>,
    /// Clips to validate on, at most; the generator's have seeds from 1,000,000.
    pub held_out: usize,
    /// Sampled frames of a clip.
    pub frames: usize,
    /// Frames of the video from one sampled frame to the next.
    pub stride: usize,
    /// Sampled frames a second, whatever the videos' own rates, in place of `stride`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f32>,
    /// Height and width, pixels.
    pub size: [usize; 2],
    /// Fitting of frames of another aspect ratio.
    #[serde(skip_serializing_if = "is_default")]
    pub fit: Fit,
    /// The order of a pixel's values, of CLEVRER alone.
    #[serde(skip_serializing_if = "is_default")]
    pub colours: ColourOrder,
    /// Probability that a window is mirrored left to right; only where slots are learned from the frames themselves.
    #[serde(skip_serializing_if = "is_default")]
    pub flip: f32,
    /// What the empty scene that pixels are compared with is taken from: `data-set` where the camera never moves,
    /// `clip` where cameras differ; unset = as the data set's facts say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_scene: Option<EmptyScene>,
    /// Where decoded frames are kept.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: CacheMode,
}

/// Where a training keeps decoded frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheMode {
    /// In files: every clip is decoded once.
    #[default]
    Frames,
    /// Nowhere: windows are decoded whenever they are needed.
    None,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for TrainData {
    fn default() -> Self {
        Self {
            dataset: Dataset::default(),
            root: None,
            videos: Vec::new(),
            list: None,
            held_out_share: None,
            clips: None,
            held_out: 48,
            frames: 25,
            stride: 5,
            fps: None,
            size: [64, 64],
            fit: Fit::default(),
            colours: ColourOrder::default(),
            flip: 0.0,
            empty_scene: None,
            cache: CacheMode::default(),
        }
    }
}

impl TrainData {
    /// The same with defaults that depend on the data set filled in.
    #[must_use]
    pub fn resolved(mut self) -> Self {
        if self.dataset.needs() == Needs::Nothing {
            self.clips.get_or_insert(GENERATED);
        }
        self
    }

    /// What the empty scene is taken from.
    pub fn empty_scene(&self) -> EmptyScene {
        self.empty_scene.unwrap_or({
            if self.dataset.facts().fixed_camera {
                EmptyScene::DataSet
            } else {
                EmptyScene::Clip
            }
        })
    }
}

/// What an objective reads of every clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipNeeds {
    /// Whether it reads frames.
    pub frames: bool,
    /// Ground truth that it learns from; masks are for metrics and for the supervised head on slots alone.
    pub truth: &'static [GroundTruth],
}

impl ClipNeeds {
    /// Nothing: it trains on imported slots.
    pub const NOTHING: Self = Self::only(&[]);

    /// Frames alone.
    pub const FRAMES: Self = Self::frames_and(&[]);

    /// Frames, and ground truth.
    pub const fn frames_and(truth: &'static [GroundTruth]) -> Self {
        Self {
            frames: true,
            truth,
        }
    }

    /// Ground truth alone.
    pub const fn only(truth: &'static [GroundTruth]) -> Self {
        Self {
            frames: false,
            truth,
        }
    }
}
