//! Physion on disk: will the red object touch the yellow one? The official trees, or what our generator writes.
//!
//! ```text
//! PhysionTrainMP4s/<Scenario>_readout_MP4s/NAME_img.mp4      labels: PhysionTrainMP4s/readout_labels.csv
//! PhysionTestMP4s/<Scenario>/mp4s-redyellow/NAME-redyellow_img.mp4      labels: PhysionTestMP4s/labels.csv
//! ```
//!
//! A label file is a table of names and of `True` or `False` under `ground truth outcome` or `label`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::SourceConfig;
use super::interface::{GroundTruth, Outcome, Source};
use super::split::Split;
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::hash_file;
use crate::video::{DecodeOptions, read_with};
use crate::window::Window;

/// A part of Physion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Clips that readouts are trained on.
    Readout,
    /// Clips that readouts are tested on.
    Test,
}

/// One clip and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stimulus {
    name: String,
    path: PathBuf,
    outcome: Outcome,
}

/// Physion's clips that have a label, by scenario and name.
#[derive(Debug, Clone)]
pub struct PhysionSource {
    stimuli: Vec<Stimulus>,
    unlabelled: Vec<String>,
    without_video: Vec<String>,
}

/// The reader of Physion.
///
/// # Errors
/// As [`PhysionSource::open`], and when no root is named.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let part = Part::from(config.split);
    let source = PhysionSource::open(config.named_root(dataset)?, part)?;
    Ok(Box::new(source))
}

impl PhysionSource {
    /// The labelled clips of a part. Videos are not opened yet.
    ///
    /// # Errors
    /// When the part's folder or labels are missing, the labels are damaged, or they name none of the videos.
    pub fn open(root: &Path, part: Part) -> Result<Self, DataError> {
        let folder = root.join(part.folder());
        let labels_path = part
            .labels(root)
            .ok_or_else(|| missing(&folder.join(part.label_file())))?;
        let mut labels = read_labels(&labels_path)?;
        let (mut stimuli, mut unlabelled) = (Vec::new(), Vec::new());
        for (scenario, path) in part.videos(&folder)? {
            let name = name_of(&path);
            match labels.remove(&name) {
                Some(yes) => stimuli.push(Stimulus {
                    name,
                    path,
                    outcome: Outcome { scenario, yes },
                }),
                None => unlabelled.push(name),
            }
        }
        if stimuli.is_empty() && unlabelled.is_empty() {
            return Err(DataError::NoVideos { path: folder });
        }
        if stimuli.is_empty() {
            let reason = format!(
                "none of {} labels names one of {} videos, such as `{}`",
                labels.len(),
                unlabelled.len(),
                unlabelled[0]
            );
            return Err(DataError::Malformed {
                reason,
                path: labels_path,
            });
        }
        Ok(Self {
            stimuli,
            unlabelled,
            without_video: labels.into_keys().collect(),
        })
    }

    /// Names of videos that have no label.
    pub fn unlabelled(&self) -> &[String] {
        &self.unlabelled
    }

    /// Names that have a label and no video.
    pub fn without_video(&self) -> &[String] {
        &self.without_video
    }
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
            Self::Readout => "PhysionTrainMP4s",
            Self::Test => "PhysionTestMP4s",
        }
    }

    /// The name of its label file.
    pub fn label_file(self) -> &'static str {
        match self {
            Self::Readout => "readout_labels.csv",
            Self::Test => "labels.csv",
        }
    }

    /// Path of one of its videos.
    pub fn video(self, root: &Path, scenario: &str, name: &str) -> PathBuf {
        let folder = root.join(self.folder());
        match self {
            Self::Readout => folder
                .join(format!("{scenario}_readout_MP4s"))
                .join(format!("{name}_img.mp4")),
            Self::Test => folder
                .join(scenario)
                .join("mp4s-redyellow")
                .join(format!("{name}-redyellow_img.mp4")),
        }
    }

    fn labels(self, root: &Path) -> Option<PathBuf> {
        let file = self.label_file();
        [root.join(self.folder()).join(file), root.join(file)]
            .into_iter()
            .find(|path| path.is_file())
    }

    /// The videos with their scenario, in order.
    fn videos(self, folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
        if !folder.is_dir() {
            return Err(missing(folder));
        }
        let mut found = Vec::new();
        for inner in entries(folder)? {
            let name = inner
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let (scenario, videos) = match self {
                Self::Readout => match name.strip_suffix("_readout_MP4s") {
                    Some(scenario) => (scenario.to_owned(), inner),
                    None => continue,
                },
                Self::Test => (name, inner.join("mp4s-redyellow")),
            };
            if videos.is_dir() {
                let files = entries(&videos)?.into_iter();
                let videos = files.filter(|path| path.extension().is_some_and(|end| end == "mp4"));
                found.extend(videos.map(|path| (scenario.clone(), path)));
            }
        }
        Ok(found)
    }
}

/// A video's name as labels write it: without what the renderings add.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.trim_end_matches("_img").replace("-redyellow", "")
}

/// Labels of clips by name, from a label file.
///
/// # Errors
/// When it cannot be read, or says something else than True or False.
pub fn read_labels(path: &Path) -> Result<BTreeMap<String, bool>, DataError> {
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: path.to_owned(),
    };
    let mut table = csv::Reader::from_path(path).map_err(|error| malformed(error.to_string()))?;
    let head = table
        .headers()
        .map_err(|error| malformed(error.to_string()))?;
    let column = head
        .iter()
        .position(|name| matches!(name.trim(), "ground truth outcome" | "label"));
    let column = column.ok_or_else(|| {
        malformed("no column is called `ground truth outcome` or `label`".to_owned())
    })?;
    let mut labels = BTreeMap::new();
    for row in table.records() {
        let row = row.map_err(|error| malformed(error.to_string()))?;
        let (name, said) = (
            row.get(0).unwrap_or_default(),
            row.get(column).unwrap_or_default(),
        );
        let yes = match said.trim() {
            "True" | "true" | "1" => true,
            "False" | "false" | "0" => false,
            other => {
                return Err(malformed(format!(
                    "the label of `{name}` is `{other}`, neither True nor False"
                )));
            }
        };
        let name = name_of(Path::new(&format!("{name}.csv")));
        if labels
            .insert(name.clone(), yes)
            .is_some_and(|before| before != yes)
        {
            return Err(malformed(format!("`{name}` has two labels that differ")));
        }
    }
    Ok(labels)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::Io {
        action: "read",
        source,
        path: folder.to_owned(),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        found.push(entry.map_err(io)?.path());
    }
    found.sort();
    Ok(found)
}

fn missing(path: &Path) -> DataError {
    DataError::Missing {
        dataset: "physion".to_owned(),
        path: path.to_owned(),
    }
}

impl Source for PhysionSource {
    fn len(&self) -> usize {
        self.stimuli.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&self.stimuli[index].name)
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let mut hash = blake3::Hasher::new();
        hash_file(&mut hash, &self.stimuli[index].path)?;
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        vec![self.stimuli[index].path.clone()]
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let read = read_with(&self.stimuli[index].path, window, DecodeOptions::default())?;
        Ok(Sample {
            note: read.note,
            ..Sample::from(Clip {
                id: self.id(index),
                ..read.clip
            })
        })
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        let unlabelled = self.unlabelled.iter();
        let unlabelled = unlabelled.map(|name| (name.clone(), "it has no label".to_owned()));
        let orphans = self.without_video.iter();
        let orphans = orphans.map(|name| (name.clone(), "it has a label and no video".to_owned()));
        unlabelled.chain(orphans).collect()
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Outcomes
    }

    fn outcome(&self, index: usize) -> Option<Outcome> {
        Some(self.stimuli[index].outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(labels: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (scenario, name) in [("Drop", "a_01"), ("Drop", "a_02"), ("Roll", "b_01")] {
            let path = Part::Test.video(root.path(), scenario, name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "no video").unwrap();
        }
        fs::write(root.path().join("PhysionTestMP4s/labels.csv"), labels).unwrap();
        root
    }

    #[test]
    fn labels_join_videos_whatever_the_rendering_is_called() {
        let root = tree(",ground truth outcome\na_01-redyellow_img,True\nb_01,False\nc_09,True\n");
        let source = PhysionSource::open(root.path(), Part::Test).unwrap();
        let outcomes: Vec<_> = (0..source.len())
            .map(|index| source.outcome(index).unwrap())
            .map(|outcome| (outcome.scenario, outcome.yes))
            .collect();
        assert_eq!(
            outcomes,
            [("Drop".to_owned(), true), ("Roll".to_owned(), false)]
        );
        assert_eq!(source.unlabelled(), ["a_02"]);
        assert_eq!(source.without_video(), ["c_09"]);
    }

    #[test]
    fn labels_that_do_not_join_or_say_something_else_are_refused() {
        for (labels, reason) in [
            (",label\nz,True\n", "none of 1 labels names one of 3 videos"),
            (",label\na_01,maybe\n", "neither True nor False"),
            (",colour\na_01,True\n", "no column is called"),
            (
                ",label\na_01,True\na_01_img,False\n",
                "two labels that differ",
            ),
        ] {
            let root = tree(labels);
            let error = PhysionSource::open(root.path(), Part::Test).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = PhysionSource::open(empty.path(), Part::Readout).unwrap_err();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
    }
}
