//! Physion's clips of one part, or of one split of a part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::labels::{name_of, read_labels};
use super::lists::SplitList;
use super::part::Part;
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::frames::video_or_frames::VideoOrFrames;
use crate::source::interface::{GroundTruth, Outcome, Source};
use crate::source::split::Split;
use crate::video::DecodeOptions;
use crate::window::Window;

/// Frames a second of the videos, for folders of frames, which do not say.
const FPS: f32 = 30.0;

/// One clip and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stimulus {
    name: String,
    video: VideoOrFrames,
    scenario: String,
    /// `None` of training clips, which have no labels.
    yes: Option<bool>,
}

/// Physion's clips by scenario and name; those that have a label, where the part has labels.
#[derive(Debug, Clone)]
pub struct PhysionSource {
    stimuli: Vec<Stimulus>,
    unlabelled: Vec<String>,
    without_video: Vec<String>,
    /// Names in the split's list that no video has.
    listed_without_video: Vec<String>,
}

/// The reader of Physion.
///
/// # Errors
/// As [`PhysionSource::open_split`], and when no root is named.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    let (part, list) = match (config.physion_part, config.split) {
        (None, split) => (Part::from(split), None),
        (Some(Part::Test), _) | (Some(_), Split::Test) => (Part::Test, None),
        (Some(part), split) => (part, Some(SplitList::open(root, part, split)?)),
    };
    let source = PhysionSource::of(root, part, list.as_ref(), config.frame_folders)?;
    Ok(Box::new(source))
}

impl PhysionSource {
    /// All clips of a part; where it has labels, those that have one. Videos are not opened yet.
    ///
    /// # Errors
    /// When the part's folder or labels are missing, the labels are damaged, or they name none of the videos.
    pub fn open(root: &Path, part: Part) -> Result<Self, DataError> {
        Self::of(root, part, None, false)
    }

    /// The clips of a part that are for training, or for validation: by SlotFormer's lists where they lie below the root,
    /// and else by hash of the name, one in twenty for validation.
    ///
    /// # Errors
    /// As [`PhysionSource::open`], and when a list is damaged or names none of the videos.
    pub fn open_split(root: &Path, part: Part, split: Split) -> Result<Self, DataError> {
        Self::of(
            root,
            part,
            Some(&SplitList::open(root, part, split)?),
            false,
        )
    }

    fn of(
        root: &Path,
        part: Part,
        list: Option<&SplitList>,
        prefer_frames: bool,
    ) -> Result<Self, DataError> {
        let labels_path = part.labels(root)?;
        let labels = labels_path.as_deref().map(read_labels).transpose()?;
        let videos = part.videos(root, prefer_frames)?;
        let folder = root.join(part.folder());
        if videos.is_empty() {
            return Err(DataError::NoVideos { path: folder });
        }
        let names: Vec<String> = videos
            .iter()
            .map(|(_, video)| name_of(Path::new(&format!("{}.mp4", video.name()))))
            .collect();
        let seen: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let without = |name: &&String| !seen.contains(name.as_str());
        let labelled = labels.iter().flat_map(BTreeMap::keys);
        let mut source = Self {
            stimuli: Vec::new(),
            unlabelled: Vec::new(),
            without_video: labelled.filter(without).cloned().collect(),
            listed_without_video: list.map(|list| list.without(&seen)).unwrap_or_default(),
        };
        for ((scenario, video), name) in videos.into_iter().zip(&names) {
            if list.is_some_and(|list| !list.has(name)) {
                continue;
            }
            let yes = labels.as_ref().and_then(|labels| labels.get(name)).copied();
            if labels.is_some() && yes.is_none() {
                source.unlabelled.push(name.clone());
                continue;
            }
            source.stimuli.push(Stimulus {
                name: name.clone(),
                video,
                scenario,
                yes,
            });
        }
        if source.stimuli.is_empty() {
            let reason = match (&labels, source.unlabelled.first()) {
                (Some(labels), Some(first)) => format!(
                    "none of {} labels names one of {} videos, such as `{first}`",
                    labels.len(),
                    source.unlabelled.len()
                ),
                _ => format!("none of {} videos is in the split", names.len()),
            };
            return Err(DataError::Malformed {
                reason,
                path: labels_path.unwrap_or(folder),
            });
        }
        Ok(source)
    }

    /// Names of videos that have no label, of a part that has labels.
    pub fn unlabelled(&self) -> &[String] {
        &self.unlabelled
    }

    /// Names that have a label and no video.
    pub fn without_video(&self) -> &[String] {
        &self.without_video
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
        self.stimuli[index].video.hash(&mut hash)?;
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.stimuli[index].video.files()
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.stimuli[index].video.pixel_decoder()
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let video = &self.stimuli[index].video;
        video.sample(self.id(index), window, DecodeOptions::default(), FPS)
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        let all = [
            (&self.unlabelled, "it has no label"),
            (&self.without_video, "it has a label and no video"),
            (
                &self.listed_without_video,
                "the split's list names it and there is no video",
            ),
        ];
        all.into_iter()
            .flat_map(|(names, reason)| {
                let named = names.iter();
                named.map(move |name| (name.clone(), reason.to_owned()))
            })
            .collect()
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        let labelled = self.stimuli.iter().any(|stimulus| stimulus.yes.is_some());
        truth == GroundTruth::Outcomes && labelled
    }

    fn outcome(&self, index: usize) -> Option<Outcome> {
        let stimulus = &self.stimuli[index];
        Some(Outcome {
            scenario: stimulus.scenario.clone(),
            yes: stimulus.yes?,
        })
    }
}
