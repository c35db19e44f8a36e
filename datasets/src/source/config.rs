//! Which clips of a data set are read, and how.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::physion::part::Part;
use super::split::Split;
use crate::error::DataError;
use crate::synth::questions::Amount;
use crate::window::Window;

/// The clips of a data set that are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// The folder of a data set on disk.
    pub root: Option<PathBuf>,
    /// Video files and folders of them, of own videos.
    pub videos: Vec<PathBuf>,
    /// Training, validation or test clips.
    pub split: Split,
    /// Number of generated clips; a data set on disk has those that lie there.
    pub clips: usize,
    /// Whether own videos and pictures are split at all; unset = `split` does not matter and all of them are read.
    pub split_own: bool,
    /// A text file that lists the own clips of each split; unset = by folders or by names.
    pub list: Option<PathBuf>,
    /// Share of own clips for each of validation and test where names decide, 0..0.45.
    pub held_out_share: f64,
    /// Whether CLEVRER's and Physion's folders of frames are read where they lie beside the videos: what training reads
    /// in the papers, while slots for prediction are extracted from the videos.
    pub frame_folders: bool,
    /// Own videos are cut into clips of one length; unset = each is one clip.
    pub cut: Option<Cut>,
    /// The order of a pixel's values, of CLEVRER alone.
    pub colours: ColourOrder,
    /// The part of Physion whose training and validation clips are read, apart from each other; unset = the readout clips
    /// for both, all of them. `test` reads the test clips of either.
    pub physion_part: Option<Part>,
    /// Number of questions of a generated clip; unset = none.
    pub questions: Option<Amount>,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            root: None,
            videos: Vec::new(),
            split: Split::default(),
            clips: 100,
            split_own: false,
            list: None,
            held_out_share: 0.1,
            frame_folders: false,
            cut: None,
            colours: ColourOrder::default(),
            physion_part: None,
            questions: None,
        }
    }
}

impl SourceConfig {
    /// A split of the data set in a folder.
    pub fn of(root: &Path, split: Split) -> Self {
        Self {
            root: Some(root.to_owned()),
            split,
            ..Self::default()
        }
    }

    /// The folder of a data set that needs one.
    ///
    /// # Errors
    /// When none is named.
    pub fn named_root(&self, dataset: &str) -> Result<&Path, DataError> {
        self.root.as_deref().ok_or_else(|| DataError::NoRoot {
            dataset: dataset.to_owned(),
        })
    }
}

/// Cutting of own videos into clips.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// The first sampled frame, and the distance of sampled frames; `count` does not matter.
    pub window: Window,
    /// Sampled frames of a clip.
    pub length: usize,
}

/// The order of a pixel's three values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first: what SlotFormer's published CLEVRER weights were trained on, for OpenCV reads videos so.
    Bgr,
}
