//! The simulations of a split that have frames.

use std::path::{Path, PathBuf};

use super::actions::{labels_of, list_and_frames, stem, tasks};
use super::frames::Frames;
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Outcome, Source};
use crate::source::readers::still::{content, decoder, missing};
use crate::source::split::Split;
use crate::window::Window;

/// The reader of PHYRE's exported frames.
///
/// # Errors
/// When no root is named, the split's list or frames are missing, or there are those of several folds.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(PhyreSource::open(dataset, root, config.split)?))
}

/// The simulations of a split that have frames, by their row in the list.
#[derive(Debug)]
struct PhyreSource {
    clips: Vec<Simulation>,
    labelled: bool,
    unjoined: Vec<(String, String)>,
}

/// One action and what came of it.
#[derive(Debug)]
struct Simulation {
    action: usize,
    task: u32,
    solved: Option<bool>,
    frames: Frames,
}

impl PhyreSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let (list, folder) = list_and_frames(dataset, root, split)?;
        let tasks = tasks(&list)?;
        let labels = list.with_file_name(format!("{}-label.npy", stem(&list)));
        let labels = labels.is_file().then(|| labels_of(&labels, tasks.len()));
        let labels = labels.transpose()?;
        let (mut clips, mut unjoined) = (Vec::new(), Vec::new());
        for (action, task) in tasks.iter().enumerate() {
            let name = format!("{action:06}");
            let (array, pictures) = (folder.join(format!("{name}.npy")), folder.join(&name));
            let frames = match (array.is_file(), pictures.is_dir()) {
                (true, false) => Frames::Array(array),
                (false, true) => Frames::Pictures(pictures),
                (true, true) => {
                    unjoined.push((name, "both an array and pictures are there".to_owned()));
                    continue;
                }
                (false, false) => {
                    unjoined.push((
                        name,
                        "the list has its action and it has no frames".to_owned(),
                    ));
                    continue;
                }
            };
            clips.push(Simulation {
                action,
                task: *task as u32,
                solved: labels.as_ref().map(|labels| labels[action]),
                frames,
            });
        }
        if clips.is_empty() {
            let wanted = folder.join("000000").join("000000.png");
            return Err(missing(dataset, &wanted));
        }
        Ok(Self {
            clips,
            labelled: labels.is_some(),
            unjoined,
        })
    }
}

impl Source for PhyreSource {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&format!("{:06}", self.clips[index].action))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let clip = &self.clips[index];
        let hash = content(&clip.frames.files()?)?;
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.clips[index].frames.files().unwrap_or_default()
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        match &self.clips[index].frames {
            Frames::Array(_) => None,
            Frames::Pictures(_) => decoder(self.files(index).first()?),
        }
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (frames, fps) = self.clips[index].frames.read(window)?;
        let id = self.id(index);
        Ok(Clip { id, frames, fps }.into())
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Outcomes && self.labelled
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }

    fn outcome(&self, index: usize) -> Option<Outcome> {
        let clip = &self.clips[index];
        Some(Outcome {
            scenario: format!("task {}", clip.task),
            yes: clip.solved?,
        })
    }
}
