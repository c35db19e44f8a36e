//! What was found in a copy of a data set. The keys of its JSON are these names in kebab case and stay.

use serde::Serialize;

use crate::source::interface::GroundTruth;

/// A copy of a data set, examined.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Name of the data set.
    pub dataset: String,
    /// Whether nothing is wrong.
    pub whole: bool,
    /// Splits that are there. Splits that show the same clips are one.
    pub splits: Vec<SplitReport>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
}

/// Clips of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SplitReport {
    /// `train`, `val`, `test`, several of them with commas where they show the same clips, or `all`.
    pub split: String,
    /// Clips that are there.
    pub clips: usize,
    /// Clips as published; `null` where no source says.
    pub published: Option<usize>,
    /// Clips that were examined.
    pub examined: usize,
    /// Clips of these that could be read to their end.
    pub readable: usize,
    /// Least, median and greatest number of frames of the readable clips.
    pub frames: Option<Frames>,
    /// Sizes of frames, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Least and greatest number of frames a second.
    pub fps: Option<[f32; 2]>,
    /// Least and greatest value of a pixel, 0..255.
    pub colours: Option<[u8; 2]>,
    /// Ground truth that this copy has.
    pub knows: Vec<GroundTruth>,
}

/// Numbers of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Frames {
    /// Of the shortest clip.
    pub min: usize,
    /// Of the clip in the middle; of an even number of clips, the longer of the two.
    pub median: usize,
    /// Of the longest clip.
    pub max: usize,
}

/// How many clips have frames of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SizeCount {
    /// Height, pixels.
    pub height: usize,
    /// Width, pixels.
    pub width: usize,
    /// Clips.
    pub clips: usize,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// The split, as [`SplitReport::split`] writes it.
    pub split: String,
    /// The clip; `null` where the fault is the whole split's.
    pub clip: Option<String>,
    /// One sentence that names the file.
    pub message: String,
}

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A published split is not there, or cannot be opened.
    MissingSplit,
    /// Published clips, or clips between others by number, are not there.
    MissingClips,
    /// There are more clips than are published.
    SurplusClips,
    /// Frames between others by number are not there.
    MissingFrames,
    /// A file cannot be read.
    Unreadable,
    /// A file was read, and parts of it are damaged or missing.
    Damaged,
    /// Another number of frames than published.
    FrameCount,
    /// Another size than the other clips, or than the other files of the clip.
    FrameSize,
    /// Another rate than published.
    FrameRate,
    /// Two clips show the same frames.
    Duplicate,
    /// Labels, questions or annotations and clips that do not belong together.
    Unjoined,
    /// Masks have ids that the annotation lacks.
    MaskIds,
    /// Masks show no object in any frame.
    EmptyMasks,
    /// All pixels are black, of one colour, or within 0..1.
    ColourRange,
}

impl FaultKind {
    /// The kind as the report writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::MissingSplit => "missing-split",
            Self::MissingClips => "missing-clips",
            Self::SurplusClips => "surplus-clips",
            Self::MissingFrames => "missing-frames",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::FrameCount => "frame-count",
            Self::FrameSize => "frame-size",
            Self::FrameRate => "frame-rate",
            Self::Duplicate => "duplicate",
            Self::Unjoined => "unjoined",
            Self::MaskIds => "mask-ids",
            Self::EmptyMasks => "empty-masks",
            Self::ColourRange => "colour-range",
        }
    }
}
