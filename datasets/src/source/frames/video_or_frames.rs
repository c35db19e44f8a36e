//! A clip of CLEVRER or Physion: a video, a folder of its frames beside it, or both.
//!
//! `video_00000.mp4` may have a folder `video_00000` with `000000.jpg`, `000001.jpg`, …

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::layout::{frames_alone, sort_pictures};
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::entries::{ending, hash_file};
use crate::video::{DecodeOptions, probe, read_with};
use crate::window::Window;

/// Where a clip's frames are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoOrFrames {
    /// A video file.
    Video(PathBuf),
    /// A folder of pictures.
    Frames(PathBuf),
}

/// The clips among a folder's entries, in the order of their videos' paths. Of a video and its folder of frames the latter is
/// taken where `prefer_frames` says so.
pub fn pair(entries: Vec<PathBuf>, prefer_frames: bool) -> Vec<VideoOrFrames> {
    let mut found: BTreeMap<PathBuf, VideoOrFrames> = BTreeMap::new();
    for path in entries {
        if ending(&path) == "mp4" && !path.is_dir() {
            let stem = path.with_extension("mp4");
            if !(prefer_frames && matches!(found.get(&stem), Some(VideoOrFrames::Frames(_)))) {
                found.insert(stem, VideoOrFrames::Video(path));
            }
        } else if path.is_dir() && has_frames(&path) {
            // In the order of the videos' names, whichever of the two is read.
            let mut stem = path.clone().into_os_string();
            stem.push(".mp4");
            let stem = PathBuf::from(stem);
            if prefer_frames || !found.contains_key(&stem) {
                found.insert(stem, VideoOrFrames::Frames(path));
            }
        }
    }
    found.into_values().collect()
}

/// Whether a folder has numbered pictures; one in which they cannot be told apart counts, for its sample says so.
fn has_frames(folder: &Path) -> bool {
    !matches!(sort_pictures(folder), Ok(None))
}

impl VideoOrFrames {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Video(path) | Self::Frames(path) => path,
        }
    }

    /// The name of the video's file without its ending, or of the folder.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Video(path) => path.file_stem(),
            Self::Frames(path) => path.file_name(),
        };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The frames in a window, and what was wrong with the file. A folder's are `fps` a second.
    ///
    /// # Errors
    /// When they cannot be read, or there is none.
    pub fn sample(
        &self,
        id: ClipId,
        window: &Window,
        decode: DecodeOptions,
        fps: f32,
    ) -> Result<Sample, DataError> {
        match self {
            Self::Frames(folder) => frames_alone(folder)?.sample(id, window, Some(fps)),
            Self::Video(path) => {
                let read = read_with(path, window, decode)?;
                let mut sample = Sample::from(Clip { id, ..read.clip });
                sample.note = read.note;
                Ok(sample)
            }
        }
    }

    /// Frames a second of the video, or those of the data set.
    ///
    /// # Errors
    /// When the video cannot be read.
    pub fn fps(&self, of_frames: f32) -> Result<f32, DataError> {
        match self {
            Self::Frames(_) => Ok(of_frames),
            Self::Video(path) => probe(path).map(|info| info.fps),
        }
    }

    /// Adds the content of all files to a hash.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn hash(&self, hash: &mut blake3::Hasher) -> Result<(), DataError> {
        match self {
            Self::Video(path) => hash_file(hash, path),
            Self::Frames(folder) => {
                hash.update(frames_alone(folder)?.identity()?.as_bytes());
                Ok(())
            }
        }
    }

    /// All files.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Video(path) => vec![path.clone()],
            Self::Frames(folder) => frames_alone(folder)
                .map(|clip| clip.files())
                .unwrap_or_default(),
        }
    }

    /// The decoder that the pixels of pictures come from, where decoders differ.
    pub fn pixel_decoder(&self) -> Option<String> {
        match self {
            Self::Video(_) => None,
            Self::Frames(folder) => frames_alone(folder).ok()?.pixel_decoder(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_a_video_and_its_frames_one_is_read_and_frames_alone_are() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a.mp4", "a/0.jpg", "b/0.jpg", "c.mp4", "empty/notes.txt"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |prefer_frames| -> Vec<String> {
            let entries = crate::listing::entries(root.path()).unwrap();
            for reversed in [false, true] {
                let mut entries = entries.clone();
                if reversed {
                    entries.reverse();
                }
                assert_eq!(pair(entries, prefer_frames).len(), 3);
            }
            let clips = pair(entries, prefer_frames);
            let name = |clip: &VideoOrFrames| {
                clip.path()
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            };
            clips.iter().map(name).collect()
        };
        assert_eq!(found(false), ["a.mp4", "b", "c.mp4"]);
        assert_eq!(found(true), ["a", "b", "c.mp4"]);
    }
}
