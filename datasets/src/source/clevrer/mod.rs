//! CLEVRER on disk: the official download, SlotFormer's arrangement of it, or what our generator writes.
//!
//! ```text
//! videos/{train,validation,test}/video_00000-01000/video_00000.mp4     or video_{train,…}/…; `val` for `validation`
//! videos/{train,validation,test}/video_00000-01000/video_00000/000000.jpg     frames beside the video or instead of it
//! annotations/{train,validation}/annotation_00000-01000/annotation_00000.json      or annotation_{train,…}/…
//! derender_proposals/proposal_00000.json     masks; without the folder there are none
//! questions/{train,validation,test}.json     or beside `videos`; without the file there are none
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, Axis};

/// CLEVRER's files beside the videos.
pub mod files;

use files::{Annotation, Proposal, ProposedFrame};

use super::config::{ColourOrder, SourceConfig};
use super::frames::video_or_frames::{VideoOrFrames, pair};
use super::header::Header;
use super::interface::{GroundTruth, Source};
use super::split::Split;
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::{entries, hash_file};
use crate::question::{self, Attributes, EventTable, Question};
use crate::video::DecodeOptions;
use crate::video::fit::resize_ids;
use crate::window::{FrameSampling, Window};

/// Frames a second of the videos, for folders of frames, which do not say.
const FPS: f32 = 25.0;

/// The validation video that SlotFormer leaves out.
pub const LEFT_OUT: usize = 10_800;

/// The reader of CLEVRER.
///
/// # Errors
/// As [`ClevrerSource::open`], and when no root is named.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    let source = ClevrerSource::open_preferring(root, config.split, config.frame_folders)?;
    Ok(Box::new(source.colours(config.colours)))
}

/// CLEVRER's clips of one split, by number.
#[derive(Debug, Clone)]
pub struct ClevrerSource {
    root: PathBuf,
    split: Split,
    clips: Vec<(usize, VideoOrFrames)>,
    questions: BTreeMap<usize, Vec<Question>>,
    questions_file: Option<PathBuf>,
    colour_order: ColourOrder,
    decode: DecodeOptions,
}

impl ClevrerSource {
    /// The clips of a split. Videos are not opened yet; questions are read where there is a file.
    ///
    /// # Errors
    /// When the root or the split's videos are missing, or the question file is damaged.
    pub fn open(root: &Path, split: Split) -> Result<Self, DataError> {
        Self::open_preferring(root, split, false)
    }

    /// The clips of a split, read from folders of frames where `frames` says so and they are there.
    ///
    /// # Errors
    /// As [`ClevrerSource::open`].
    pub fn open_preferring(root: &Path, split: Split, frames: bool) -> Result<Self, DataError> {
        let folder = files::split_folders(root, "video", split).find(|folder| folder.is_dir());
        let wanted = root.join("videos").join(files::split_names(split)[0]);
        let folder = folder.ok_or_else(|| missing(&wanted))?;
        let mut clips = videos(&folder, frames)?;
        clips.retain(|(number, _)| (split, *number) != (Split::Val, LEFT_OUT));
        if clips.is_empty() {
            return Err(DataError::NoVideos { path: folder });
        }
        let names = files::split_names(split).iter();
        let candidates = names.flat_map(|name| {
            let file = format!("{name}.json");
            [root.join("questions").join(&file), root.join(&file)]
        });
        let questions_file = candidates.into_iter().find(|file| file.is_file());
        let questions = questions_file
            .as_deref()
            .map(question::file::read)
            .transpose()?;
        Ok(Self {
            root: root.to_owned(),
            split,
            clips,
            questions: questions.unwrap_or_default(),
            questions_file,
            colour_order: ColourOrder::default(),
            decode: DecodeOptions::default(),
        })
    }

    /// The same clips, with the pixels' values in another order.
    #[must_use]
    pub fn colours(self, colour_order: ColourOrder) -> Self {
        Self {
            colour_order,
            ..self
        }
    }

    /// The same clips, decoded in another way.
    #[must_use]
    pub fn decoded(self, decode: DecodeOptions) -> Self {
        Self { decode, ..self }
    }

    /// The file that the questions come from.
    ///
    /// # Errors
    /// When there is none.
    pub fn questions_file(&self) -> Result<&Path, DataError> {
        let wanted = self
            .root
            .join("questions")
            .join(format!("{}.json", files::split_names(self.split)[0]));
        self.questions_file
            .as_deref()
            .ok_or_else(|| missing(&wanted))
    }

    /// Numbers of clips that have questions but no video.
    pub fn questions_without_video(&self) -> Vec<usize> {
        let has_video = |number: &usize| {
            self.clips
                .binary_search_by_key(number, |(number, _)| *number)
                .is_ok()
        };
        self.questions
            .keys()
            .copied()
            .filter(|number| !has_video(number))
            .collect()
    }

    /// A clip's number in the data set.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    pub fn number(&self, index: usize) -> usize {
        self.clips[index].0
    }

    /// A clip's annotation.
    ///
    /// # Errors
    /// When it is missing or damaged; the official test split has none.
    pub fn annotation(&self, index: usize) -> Result<Annotation, DataError> {
        let number = self.number(index);
        let mut paths = files::annotation_paths(&self.root, self.split, number);
        let wanted = files::annotation_paths(&self.root, self.split, number)
            .next()
            .unwrap_or_default();
        let path = paths
            .find(|path| path.is_file())
            .ok_or_else(|| missing(&wanted))?;
        Annotation::read(&path)
    }

    /// The event table of question programs, as far as the clip shows it.
    ///
    /// # Errors
    /// As [`ClevrerSource::annotation`].
    pub fn event_table(&self, index: usize) -> Result<EventTable, DataError> {
        self.annotation(index)
            .map(|annotation| annotation.event_table())
    }

    /// Whether the data set has masks.
    pub fn has_masks(&self) -> bool {
        self.root.join("derender_proposals").is_dir()
    }

    /// The masks of a clip's frames; the numbers are the annotation's plus one, or in order of appearance.
    fn masks(
        &self,
        index: usize,
        frames: &[usize],
        window: &Window,
    ) -> Result<Array3<u8>, DataError> {
        let path = files::proposal_path(&self.root, self.number(index));
        if !path.is_file() {
            return Err(missing(&path));
        }
        let malformed = |reason: String| DataError::Malformed {
            reason,
            path: path.clone(),
        };
        let proposal: Proposal = files::read_json(&path)?;
        let known = match self.annotation(index) {
            Ok(annotation) => annotation.object_property,
            Err(DataError::Missing { .. }) => Vec::new(),
            Err(other) => return Err(other),
        };
        let mut ids: Vec<Attributes> = known.into_iter().map(|object| object.attributes).collect();
        for proposed in proposal.frames.iter().flat_map(|frame| &frame.objects) {
            if !ids.contains(&proposed.attributes) {
                ids.push(proposed.attributes.clone());
            }
        }
        let mut masks = Array3::zeros((frames.len(), window.size[0], window.size[1]));
        for (mut mask, number) in masks.axis_iter_mut(Axis(0)).zip(frames) {
            let frame = proposal
                .frames
                .iter()
                .find(|frame| frame.frame_index == *number);
            let frame = frame.ok_or_else(|| malformed(format!("no masks for frame {number}")))?;
            let Some(drawn) = draw(frame, &ids).map_err(malformed)? else {
                continue;
            };
            mask.assign(&resize_ids(drawn.view(), window.size, window.fit));
        }
        Ok(masks)
    }
}

impl Source for ClevrerSource {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&format!("video_{:05}", self.number(index)))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let (number, video) = &self.clips[index];
        let mut hash = blake3::Hasher::new();
        video.hash(&mut hash)?;
        let masks = files::proposal_path(&self.root, *number);
        if masks.is_file() {
            hash_file(&mut hash, &masks)?;
        }
        hash.update(format!("{:?} {:?}", self.colour_order, self.questions.get(number)).as_bytes());
        Ok(hash.finalize().to_hex().to_string())
    }

    fn questions(&self, index: usize) -> Result<Vec<Question>, DataError> {
        let number = self.clips[index].0;
        Ok(self.questions.get(&number).cloned().unwrap_or_default())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        let (number, video) = &self.clips[index];
        let masks = files::proposal_path(&self.root, *number);
        let mut files = video.files();
        files.extend(masks.is_file().then_some(masks));
        files
    }

    fn header(&self, index: usize) -> Result<Header, DataError> {
        let (number, video) = &self.clips[index];
        let mut header = Header::of_files(&video.files())?;
        let path = files::proposal_path(&self.root, *number);
        if path.is_file() {
            let proposal: Proposal = files::read_json(&path)?;
            let mut masks = proposal.frames.iter().flat_map(|frame| &frame.objects);
            let other = masks.find(|proposed| header.size.is_some_and(|s| s != proposed.mask.size));
            header
                .other_sizes
                .extend(other.map(|proposed| (path, proposed.mask.size)));
        }
        Ok(header)
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.clips[index].1.pixel_decoder()
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (number, video) = &self.clips[index];
        let read = video.sample(self.id(index), window, self.decode, FPS)?;
        let mut frames = read.clip.frames;
        if self.colour_order == ColourOrder::Bgr {
            frames.invert_axis(Axis(3));
            frames = frames.as_standard_layout().into_owned();
        }
        let step = match window.pace {
            FrameSampling::Stride(stride) => stride as f64,
            FrameSampling::Fps(fps) => f64::from(video.fps(FPS)?) / f64::from(fps),
        };
        // A frame is shown until the next: the small share makes up for what the file's fractions lose.
        let shown = |sampled: usize| ((window.start + sampled) as f64 * step + 1e-3) as usize;
        let sampled: Vec<usize> = (0..frames.dim().0).map(shown).collect();
        let masks = self
            .has_masks()
            .then(|| self.masks(index, &sampled, window))
            .transpose()?;
        Ok(Sample {
            masks,
            questions: self.questions.get(number).cloned().unwrap_or_default(),
            note: read.note,
            ..Sample::from(Clip {
                frames,
                ..read.clip
            })
        })
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        let mut annotations = files::split_folders(&self.root, "annotation", self.split);
        match truth {
            GroundTruth::Masks => self.has_masks(),
            GroundTruth::Questions => self.questions_file.is_some(),
            GroundTruth::Events => annotations.any(|folder| folder.is_dir()),
            GroundTruth::Classes | GroundTruth::States | GroundTruth::Outcomes => false,
        }
    }

    fn left_out(&self) -> Vec<(String, String)> {
        let reason = "SlotFormer leaves it out".to_owned();
        let left_out = (format!("video_{LEFT_OUT:05}"), reason);
        match self.split {
            Split::Val => vec![left_out],
            Split::Train | Split::Test => Vec::new(),
        }
    }

    fn objects(&self, index: usize) -> Result<Option<usize>, DataError> {
        match self.annotation(index) {
            Ok(annotation) => Ok(Some(annotation.object_property.len())),
            Err(DataError::Missing { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        let numbers = self.questions_without_video();
        numbers
            .into_iter()
            .filter(|number| (self.split, *number) != (Split::Val, LEFT_OUT))
            .map(|number| {
                let reason = "there are questions about it and no video".to_owned();
                (format!("video_{number:05}"), reason)
            })
            .collect()
    }

    fn events(&self, index: usize) -> Result<Option<EventTable>, DataError> {
        match self.event_table(index) {
            Ok(table) => Ok(Some(table)),
            Err(DataError::Missing { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

fn missing(path: &Path) -> DataError {
    DataError::Missing {
        dataset: "clevrer".to_owned(),
        path: path.to_owned(),
    }
}

/// The clips in a folder and in the folders in it, by number.
fn videos(folder: &Path, prefer_frames: bool) -> Result<Vec<(usize, VideoOrFrames)>, DataError> {
    let number = |name: &str| -> Option<usize> { name.strip_prefix("video_")?.parse().ok() };
    let mut found = Vec::new();
    let mut inside = Vec::new();
    for path in entries(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if number(&name).is_some() {
            inside.push(path);
        } else if path.is_dir() {
            found.extend(videos(&path, prefer_frames)?);
        }
    }
    for clip in pair(inside, prefer_frames) {
        found.extend(number(&clip.name()).map(|number| (number, clip)));
    }
    found.sort_by(|one, other| (one.0, one.1.path()).cmp(&(other.0, other.1.path())));
    found.dedup_by_key(|(number, _)| *number);
    Ok(found)
}

/// The ids of a frame's pixels: surer masks over less sure ones; `None` for a frame without any.
fn draw(frame: &ProposedFrame, ids: &[Attributes]) -> Result<Option<Array2<u8>>, String> {
    let mut proposed: Vec<_> = frame.objects.iter().collect();
    proposed.sort_by(|one, other| one.score.total_cmp(&other.score));
    let mut drawn: Option<Array2<u8>> = None;
    for object in proposed {
        let place = ids.iter().position(|known| *known == object.attributes);
        let id = place
            .and_then(|place| u8::try_from(place + 1).ok())
            .ok_or("more than 255 objects in a mask")?;
        let frame = frame.frame_index;
        let mask = object
            .mask
            .decode()
            .map_err(|error| format!("frame {frame}: {error}"))?;
        let drawn = drawn.get_or_insert_with(|| Array2::zeros(mask.dim()));
        if drawn.dim() != mask.dim() {
            return Err(format!(
                "frame {frame}: masks of {:?} and {:?} pixels",
                drawn.dim(),
                mask.dim()
            ));
        }
        drawn.zip_mut_with(&mask, |pixel, set| {
            if *set {
                *pixel = id;
            }
        });
    }
    Ok(drawn)
}

#[cfg(test)]
#[cfg(feature = "video")]
mod tests;
