//! Errors of reading and writing data.

use std::path::PathBuf;

use crate::files::regular;
use crate::video::limits::{MAX_PIXELS, MAX_SIDE};

/// Reason that data could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file system refused.
    #[error("cannot {action} ({source}): `{}`", path.display())]
    Io {
        /// What was tried, as a verb: "read", "create".
        action: &'static str,
        /// The file system's answer.
        source: std::io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// Not a video, or one that FFmpeg cannot decode.
    #[error("not a readable video ({reason}): `{}`", path.display())]
    Video {
        /// What FFmpeg or the reader said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A readable file without a single frame in the window.
    #[error("no frames in the window that was asked for ({reason}): `{}`", path.display())]
    NoFrames {
        /// What was asked for and what there is.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A frame above the limits of size.
    #[error("frames of {width}×{height} pixels are over the limit of {MAX_SIDE} a side and {MAX_PIXELS} in all: `{}`", path.display())]
    TooLarge {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// The file.
        path: PathBuf,
    },
    /// A frame too small to show an object.
    #[error("frames of {width}×{height} pixels are below the least of {least} a side: `{}`", path.display())]
    TooSmall {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// Pixels that a side must have.
        least: usize,
        /// The file.
        path: PathBuf,
    },
    /// A window that no clip could fill.
    #[error("a window with {reason} holds no frames")]
    Window {
        /// What is wrong with it.
        reason: String,
    },
    /// Frames that no video file can hold, or a file that FFmpeg cannot write.
    #[error("cannot write the video ({reason}): `{}`", path.display())]
    Encode {
        /// What FFmpeg or the writer said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// An annotation or question file that does not say what it should.
    #[error("{reason}: `{}`", path.display())]
    Malformed {
        /// What was wrong, with the value.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A data set's folder lacks what its layout asks for.
    #[error("{dataset}: nothing at `{}`", path.display())]
    Missing {
        /// The data set.
        dataset: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A folder without a video or numbered pictures.
    #[error("no videos in the folder: `{}`", path.display())]
    NoVideos {
        /// The folder.
        path: PathBuf,
    },
    /// A folder without a picture.
    #[error("no pictures in the folder: `{}`", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A split of own material without a clip.
    #[error("none of {clips} own clips is for the split `{split}`")]
    EmptySplit {
        /// The split.
        split: &'static str,
        /// Clips in all.
        clips: usize,
    },
    /// No data set has this name.
    #[error("no data set is called `{name}`; {instead}")]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// The closest name, or all names.
        instead: String,
    },
    /// No split has this name.
    #[error("no split is called `{name}`; there are train, val and test")]
    UnknownSplit {
        /// What was asked for.
        name: String,
    },
    /// A data set on disk whose folder was not named.
    #[error("the data set `{dataset}` is read from a folder, and none is named")]
    NoRoot {
        /// The data set.
        dataset: String,
    },
    /// A generated data set, where only files will do.
    #[error("the clips of `{name}` are generated from seeds: there are no files to examine")]
    NoFiles {
        /// The data set.
        name: String,
    },
    /// A data set that has a reader and is not made by the generator, where only the generator's clips will do.
    #[error("the data set `{name}` is not one of the generator's, which alone have exact states")]
    NotGenerated {
        /// The data set.
        name: String,
    },
    /// A clip with fewer frames than are asked of every clip.
    #[error("the clip `{clip}` has {found} sampled frames, and {wanted} are asked for")]
    TooShort {
        /// Sampled frames that it has.
        found: usize,
        /// Sampled frames of every clip.
        wanted: usize,
        /// The clip.
        clip: String,
    },
    /// Not one clip of a data set could be read.
    #[error("no clip of `{dataset}` can be read; the first: {reason}")]
    NoneReadable {
        /// The data set.
        dataset: String,
        /// What was wrong with the first.
        reason: String,
    },
    /// A cache of frames that the disk cannot hold.
    #[error("the frames need {:.1} GB on disk and {:.1} GB are free: `{}`", *needed as f64 / 1e9, *free as f64 / 1e9, path.display())]
    NoRoom {
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
        /// The cache's folder.
        path: PathBuf,
    },
    /// A file of a cache of frames whose bytes are not those that were written.
    #[error("damaged file ({reason}): `{}`", path.display())]
    Damaged {
        /// What was wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The person has stopped the program.
    #[error("interrupted")]
    Interrupted,
    /// Video files need FFmpeg and this binary was built without it.
    #[error("built without FFmpeg: `{}`", path.display())]
    WithoutVideo {
        /// The file.
        path: PathBuf,
    },
}

impl DataError {
    /// Whether the machine is to blame, not the data: a file that went away, a disk that does not answer.
    pub fn is_of_machine(&self) -> bool {
        match self {
            Self::Io { .. } | Self::NoRoom { .. } => true,
            Self::Video { path, .. }
            | Self::Malformed { path, .. }
            | Self::NoFrames { path, .. } => !path.exists(),
            _ => false,
        }
    }

    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => regular::hint(source).unwrap_or(
                "check that the path exists, that you may use it, and that the disk has room",
            ),
            Self::Video { .. } => {
                "try `ffprobe` on the file; a video that plays elsewhere may be truncated"
            }
            Self::NoFrames { .. } => "lower `start` or `stride`, or take a longer clip",
            Self::TooLarge { .. } => {
                "scale the video down first, for example with `ffmpeg -vf scale=1280:-2`"
            }
            Self::TooSmall { .. } => {
                "objects need pixels: give the video before it was scaled down"
            }
            Self::Window { .. } => "size, count and stride are at least 1, frames a second above 0",
            Self::Encode { .. } => {
                "write to a name that ends in .mp4, .webm or .gif, on a disk with room"
            }
            Self::Malformed { .. } => "compare the file with the layout in datasets/README.md",
            Self::Missing { .. } => {
                "give the data set's folder with `--root` and a split that is there with `--set decode.split=…`; datasets/README.md shows the layout"
            }
            Self::NoVideos { .. } => {
                "name video files, a folder of them (.mp4, .webm, .gif, …), or a folder of numbered .png or .jpg; single pictures: `--dataset pictures --root DIR`"
            }
            Self::NoPictures { .. } => "name a folder of .png or .jpg pictures",
            Self::EmptySplit { .. } => {
                "give more clips, or say in a list or by folders `train`, `val` and `test` which clips are for which split"
            }
            Self::NoRoot { .. } => "give it with `--root DIR`",
            Self::NoFiles { .. } => {
                "name a data set that lies on disk, or own videos: `pipeline doctor videos --videos DIR`"
            }
            Self::NotGenerated { .. } => {
                "take another one with `--set data.dataset=…` (a training) or `--dataset …` (a prediction), or own videos"
            }
            Self::UnknownDataset { .. } => "datasets/README.md describes them",
            Self::UnknownSplit { .. } => "say one of these",
            Self::TooShort { .. } => "ask for fewer frames or a smaller stride",
            Self::NoneReadable { .. } => {
                "mend the files (datasets/README.md has the layouts), or ask for fewer `data.frames` or a smaller `data.stride`"
            }
            Self::NoRoom { .. } => {
                "take a cache on another disk (`--cache DIR`), fewer clips or smaller frames, or decode frames as they are needed: `--set data.cache=none`"
            }
            Self::Damaged { .. } => "remove the file; it is made again",
            Self::Interrupted => "the same command goes on where this one stopped",
            Self::WithoutVideo { .. } => {
                "build with the default feature `video`, or use the generator"
            }
        }
    }
}
