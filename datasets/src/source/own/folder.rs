//! Videos of one's own: files, folders of files, and folders of numbered pictures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::Array3;

use super::discover::{ClipFiles, Discovered, OwnClip, discover, without_ending};
use super::partition::{Chosen, choose};
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::{hash_file, pictures, unreadable};
use crate::regular;
use crate::source::config::SourceConfig;
use crate::source::frames::frame_files::{FrameFiles, read_masks};
use crate::source::frames::layout::{masks_by_number, sort_pictures};
use crate::source::header::Header;
use crate::source::interface::{GroundTruth, Source};
use crate::video::png::read_png_ids;
use crate::video::{
    ConsecutiveWindows, DecodeOptions, Frames, extent, frames as video_frames, picture_size, probe,
    read_picture,
};
use crate::window::{Fit, FrameSampling, Window};

/// Clips from paths that a person named.
///
/// A path is a video file, or a folder that is searched at any depth for video files and for folders of numbered pictures
/// (`0000.png`, `0001.jpg`, …), each of which is one clip. A folder of pictures names no rate: at
/// [`FrameSampling::Fps`] every picture is one sampled frame, at [`FrameSampling::Stride`] they are taken to be
/// [`UNKNOWN_FPS`](crate::video::UNKNOWN_FPS) a second.
///
/// Masks are optional: pictures of object ids beside the frames (`0000_mask.png`), or by number in a folder `masks/NAME`
/// beside the clip `NAME` or beside a folder above it.
#[derive(Debug)]
pub struct FolderSource {
    clips: Vec<(ClipId, OwnClip)>,
    left_out: Vec<(PathBuf, String)>,
    unjoined: Vec<(String, String)>,
    decode: DecodeOptions,
}

impl FolderSource {
    /// The clips at `paths`. Videos and pictures are not opened yet.
    ///
    /// # Errors
    /// When there is no path, or one of them does not exist, is a folder without videos, or holds two videos in one folder
    /// that differ in their ending alone.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let mut all = Discovered::default();
        for path in paths {
            let meta = regular::look(path).map_err(|source| unreadable(source, path))?;
            if !meta.is_dir() {
                all.clips.push(OwnClip {
                    name: path
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    files: ClipFiles::File(path.clone()),
                    masks: None,
                    has_masks: false,
                });
                continue;
            }
            let found = discover(path)?;
            if found.clips.is_empty() {
                return Err(DataError::NoVideos { path: path.clone() });
            }
            all.clips.extend(found.clips);
            all.left_out.extend(found.left_out);
        }
        if all.clips.is_empty() {
            return Err(DataError::NoVideos {
                path: PathBuf::new(),
            });
        }
        Ok(Self {
            clips: name(all.clips),
            left_out: all.left_out,
            unjoined: Vec::new(),
            decode: DecodeOptions::default(),
        })
    }

    /// The clips of one split; all clips where the configuration does not split own material.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn of_split(mut self, config: &SourceConfig) -> Result<Self, DataError> {
        let names = self.clips.iter().map(|(_, clip)| {
            let stem = without_ending(&clip.name, &clip.files);
            (stem, clip.name.as_str())
        });
        let Chosen { keep, unjoined } = choose(config, &names.collect::<Vec<_>>())?;
        let mut keep = keep.into_iter();
        self.clips.retain(|_| keep.next() == Some(true));
        self.unjoined = unjoined;
        Ok(self)
    }

    /// The same clips, decoded in another way.
    #[must_use]
    pub fn decoded(self, decode: DecodeOptions) -> Self {
        Self { decode, ..self }
    }

    /// The clip's file, or its folder of pictures.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    pub fn path(&self, index: usize) -> &Path {
        self.clips[index].1.files.path()
    }

    /// Numbers of a clip's pictures, in order; `None` of a video file.
    ///
    /// # Errors
    /// When the clip cannot be read.
    pub fn numbers(&self, index: usize) -> Result<Option<Vec<u128>>, DataError> {
        match &self.clips[index].1.files {
            ClipFiles::Pictures(folder) => Ok(sort_pictures(folder)?.map(|sorted| sorted.numbers)),
            ClipFiles::File(_) => Ok(None),
            ClipFiles::Unreadable(path, reason) => Err(malformed(reason.clone(), path)),
        }
    }

    /// The frames of a whole clip one by one, every one as large as it is stored.
    ///
    /// # Errors
    /// When the clip cannot be read, or its pictures differ in size.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    pub fn whole(&self, index: usize) -> Result<WholeFrames, DataError> {
        let clip = &self.clips[index].1;
        let ClipFiles::File(path) = &clip.files else {
            let files = frame_files(clip)?;
            files.size()?;
            return Ok(WholeFrames::Pictures(files.frames.into_iter()));
        };
        let info = probe(path)?;
        let window = Window {
            start: 0,
            count: None,
            pace: FrameSampling::Stride(1),
            size: [info.height, info.width],
            fit: Fit::Stretch,
        };
        let frames = video_frames(path, &window, self.decode)?;
        Ok(WholeFrames::Video(Box::new(frames)))
    }

    /// Number of sampled frames of a clip at the pace of `window`, by its packets or pictures.
    ///
    /// # Errors
    /// When the clip cannot be read.
    pub fn frames(&self, index: usize, window: &Window) -> Result<usize, DataError> {
        let clip = &self.clips[index].1;
        let ClipFiles::File(path) = &clip.files else {
            let pictures = frame_files(clip)?.frames.len();
            return Ok(match window.pace {
                FrameSampling::Stride(stride) => pictures.div_ceil(stride.max(1)),
                FrameSampling::Fps(_) => pictures,
            });
        };
        Ok(extent(path)?.sampled(window.pace))
    }
}

/// Reads windows of clips one after another; those of one video in one pass.
pub(super) struct WindowReader<'a> {
    source: &'a FolderSource,
    /// The video that was read last.
    video: Option<(usize, ConsecutiveWindows)>,
}

impl<'a> WindowReader<'a> {
    pub(super) fn new(source: &'a FolderSource) -> Self {
        Self {
            source,
            video: None,
        }
    }

    /// The frames of a clip in `window`; `next` is the first frame of the window that will be read after it.
    pub(super) fn sample(
        &mut self,
        index: usize,
        window: &Window,
        next: Option<usize>,
    ) -> Result<Sample, DataError> {
        let (id, clip) = &self.source.clips[index];
        let ClipFiles::File(path) = &clip.files else {
            let files = frame_files(clip)?;
            if let Some(first) = files.frames.first() {
                large_enough(picture_size(first)?, first)?;
            }
            return files.sample(id.clone(), window, None);
        };
        let open = self.video.take().filter(|(video, _)| *video == index);
        let video = if let Some((_, video)) = open {
            video
        } else {
            let info = probe(path)?;
            large_enough([info.height, info.width], path)?;
            ConsecutiveWindows::new(path, self.source.decode)
        };
        let (_, video) = self.video.insert((index, video));
        let read = video.read(window, next)?;
        let masks = match &clip.masks {
            Some(folder) => Some(video_masks(path, folder, window, read.clip.frames.dim().0)?),
            None => None,
        };
        let mut sample = Sample::from(Clip {
            id: id.clone(),
            ..read.clip
        });
        sample.masks = masks;
        sample.note = read.note;
        Ok(sample)
    }
}

/// The frames of a clip, `[height, width, rgb]` each; memory does not grow with the clip.
pub enum WholeFrames {
    /// Of a video.
    Video(Box<Frames>),
    /// Of a folder.
    Pictures(std::vec::IntoIter<PathBuf>),
}

impl WholeFrames {
    /// What was wrong with a video, as far as it was read. Missing numbers of pictures are for those who compare by them.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Video(frames) => frames.note(),
            Self::Pictures(_) => None,
        }
    }
}

impl Iterator for WholeFrames {
    type Item = Result<Array3<u8>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Video(frames) => frames.next(),
            Self::Pictures(files) => files.next().map(|path| read_picture(&path)),
        }
    }
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn id(&self, index: usize) -> ClipId {
        self.clips[index].0.clone()
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let clip = &self.clips[index].1;
        let ClipFiles::File(path) = &clip.files else {
            return frame_files(clip)?.identity();
        };
        let mut hash = blake3::Hasher::new();
        hash_file(&mut hash, path)?;
        if let Some(folder) = &clip.masks {
            for mask in pictures(folder)? {
                hash_file(&mut hash, &mask)?;
            }
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        let clip = &self.clips[index].1;
        let ClipFiles::File(path) = &clip.files else {
            return frame_files(clip)
                .map(|clip| clip.files())
                .unwrap_or_default();
        };
        let masks = clip.masks.as_deref().map(pictures);
        let masks = masks.and_then(Result::ok).unwrap_or_default();
        std::iter::once(path.clone()).chain(masks).collect()
    }

    fn header(&self, index: usize) -> Result<Header, DataError> {
        let clip = &self.clips[index].1;
        match &clip.files {
            ClipFiles::File(path) => Header::of_files(std::slice::from_ref(path)),
            _ => Header::of_files(&frame_files(clip)?.files()),
        }
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        match &self.clips[index].1.files {
            ClipFiles::File(_) => None,
            _ => frame_files(&self.clips[index].1).ok()?.pixel_decoder(),
        }
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        WindowReader::new(self).sample(index, window, None)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.clips.iter().all(|(_, clip)| clip.has_masks)
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }

    fn side_files(&self) -> Vec<(PathBuf, String)> {
        self.left_out.clone()
    }
}

/// The shortest side of a frame in which an object could be seen, pixels.
const LEAST_SIDE: usize = 8;

/// Refuses frames in which no object could be seen.
fn large_enough([height, width]: [usize; 2], path: &Path) -> Result<(), DataError> {
    if height.min(width) >= LEAST_SIDE {
        return Ok(());
    }
    Err(DataError::TooSmall {
        width,
        height,
        least: LEAST_SIDE,
        path: path.to_owned(),
    })
}

/// Frames and masks of a clip of pictures.
fn frame_files(clip: &OwnClip) -> Result<FrameFiles, DataError> {
    let folder = match &clip.files {
        ClipFiles::Pictures(folder) => folder,
        ClipFiles::File(path) => return Err(malformed("a file and no folder".to_owned(), path)),
        ClipFiles::Unreadable(path, reason) => return Err(malformed(reason.clone(), path)),
    };
    let sorted = sort_pictures(folder)?.ok_or_else(|| DataError::NoVideos {
        path: folder.clone(),
    })?;
    let masks = match &clip.masks {
        Some(apart) => {
            let frames: Vec<(u128, &PathBuf)> = sorted
                .numbers
                .iter()
                .copied()
                .zip(&sorted.clip.frames)
                .collect();
            masks_by_number(&frames, &pictures(apart)?)
                .map_err(|reason| malformed(reason, apart))?
        }
        None => sorted.clip.masks.clone(),
    };
    Ok(FrameFiles {
        masks,
        ..sorted.clip
    })
}

/// Masks of a video's sampled frames, `[time, height, width]`: a picture of ids for every frame of the file, by number.
fn video_masks(
    video: &Path,
    folder: &Path,
    window: &Window,
    count: usize,
) -> Result<Array3<u8>, DataError> {
    let masks = pictures(folder)?;
    let step = match window.pace {
        FrameSampling::Stride(stride) => stride as f64,
        FrameSampling::Fps(fps) => f64::from(probe(video)?.fps) / f64::from(fps),
    };
    // A frame is shown until the next: the small share makes up for what the file's fractions lose.
    let shown = |sampled: usize| ((window.start + sampled) as f64 * step + 1e-3) as usize;
    let places: Vec<usize> = (0..count).map(shown).collect();
    read_masks(&places, window, |place| {
        let lacking = || {
            let reason = format!("{} masks, and the video has a frame {place}", masks.len());
            malformed(reason, folder)
        };
        read_png_ids(masks.get(place).ok_or_else(lacking)?)
    })
}

fn malformed(reason: String, path: &Path) -> DataError {
    DataError::Malformed {
        reason,
        path: path.to_owned(),
    }
}

/// A name of its own for every clip: the file's, and a number where two share it. A file that has the name as it is
/// written comes before one whose name was made safe.
fn name(clips: Vec<OwnClip>) -> Vec<(ClipId, OwnClip)> {
    let plain: Vec<String> = clips.iter().map(plain_name).collect();
    let mut order: Vec<usize> = (0..clips.len()).collect();
    order.sort_by_key(|place| ClipId::new(&plain[*place]).as_str() != plain[*place]);
    let mut taken = BTreeSet::new();
    let mut ids = vec![None; clips.len()];
    for place in order {
        let mut id = ClipId::new(&plain[place]);
        let mut number = 2;
        while !taken.insert(id.clone()) {
            id = ClipId::new(&format!("{}-{number}", plain[place]));
            number += 1;
        }
        ids[place] = Some(id);
    }
    ids.into_iter().flatten().zip(clips).collect()
}

fn plain_name(clip: &OwnClip) -> String {
    let path = clip.files.path();
    let name = match &clip.files {
        ClipFiles::Pictures(_) => path.file_name(),
        _ => path.file_stem(),
    };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
