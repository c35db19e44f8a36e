//! The parts of Physion, and where their videos lie.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::listing::entries;
use crate::source::frames::video_or_frames::{VideoOrFrames, pair};
use crate::source::split::Split;

/// A part of Physion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Clips that models are trained on; they have no labels.
    Training,
    /// Clips that readouts are trained on.
    Readout,
    /// Clips that readouts are tested on.
    Test,
}

impl From<Split> for Part {
    /// The test clips, or the readout clips for training and validation.
    fn from(split: Split) -> Self {
        match split {
            Split::Train | Split::Val => Self::Readout,
            Split::Test => Self::Test,
        }
    }
}

impl Part {
    /// The part's folder, below the root.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Training | Self::Readout => "PhysionTrainMP4s",
            Self::Test => "PhysionTestMP4s",
        }
    }

    /// The name of its label file; the training clips have none.
    pub fn label_file(self) -> Option<&'static str> {
        match self {
            Self::Training => None,
            Self::Readout => Some("readout_labels.csv"),
            Self::Test => Some("labels.csv"),
        }
    }

    /// The name of the part in split lists and in the folders of its scenarios.
    pub fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Readout => "readout",
            Self::Test => "test",
        }
    }

    /// Path of one of its videos.
    pub fn video(self, root: &Path, scenario: &str, name: &str) -> PathBuf {
        let folder = root.join(self.folder());
        match self {
            Self::Training | Self::Readout => folder
                .join(format!("{scenario}_{}_MP4s", self.word()))
                .join(format!("{name}_img.mp4")),
            Self::Test => folder
                .join(scenario)
                .join("mp4s-redyellow")
                .join(format!("{name}-redyellow_img.mp4")),
        }
    }

    /// The label file that is there.
    ///
    /// # Errors
    /// When there is none, though the part has labels.
    pub(super) fn labels(self, root: &Path) -> Result<Option<PathBuf>, DataError> {
        let Some(file) = self.label_file() else {
            return Ok(None);
        };
        let wanted = root.join(self.folder()).join(file);
        let mut candidates = [wanted.clone(), root.join(file)].into_iter();
        let found = candidates.find(|path| path.is_file());
        found.map(Some).ok_or_else(|| missing(&wanted))
    }

    /// The videos with their scenario, in order; folders of their frames where `prefer_frames` says so and they are there,
    /// or where there is no video.
    pub(super) fn videos(
        self,
        root: &Path,
        prefer_frames: bool,
    ) -> Result<Vec<(String, VideoOrFrames)>, DataError> {
        let folder = root.join(self.folder());
        if !folder.is_dir() {
            return Err(missing(&folder));
        }
        let ending = format!("_{}_MP4s", self.word());
        let mut found = Vec::new();
        for inner in entries(&folder)? {
            let name = inner.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            let (scenario, videos) = match self {
                Self::Training | Self::Readout => match name.strip_suffix(&ending) {
                    Some(scenario) => (scenario.to_owned(), inner),
                    None => continue,
                },
                Self::Test => (name, inner.join("mp4s-redyellow")),
            };
            if videos.is_dir() {
                let videos = pair(entries(&videos)?, prefer_frames).into_iter();
                found.extend(videos.map(|video| (scenario.clone(), video)));
            }
        }
        Ok(found)
    }
}

fn missing(path: &Path) -> DataError {
    DataError::Missing {
        dataset: "physion".to_owned(),
        path: path.to_owned(),
    }
}
