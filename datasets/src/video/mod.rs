//! Video files in and out. FFmpeg stops at this room's door.
//!
//! What is read and what is not:
//! - ✅ every codec and container that the installed FFmpeg decodes, any size from 1×1 to [`MAX_SIDE`]
//! - ✅ variable frame rate, B-frames, more than eight bits, full range, BT.601, BT.709, BT.2020
//! - ✅ pictures that are turned or mirrored by a display matrix, pixels that are not square
//! - ✅ damaged packets and files that end early: what decodes is delivered and [`Frames::note`] says what is missing
//! - ❌ sound, subtitles, pictures of covers, play lists, network addresses
//! - ❌ HDR curves (shown as they are stored), interlaced fields (not woven apart), transparency (dropped)
//!
//! What is written: H.264 in MP4, VP9 in WebM, GIF, PNG; the same frames give the same bytes.
//! Without the feature `video` every function that needs FFmpeg answers [`DataError::WithoutVideo`].
//!
//! [`DataError::WithoutVideo`]: crate::DataError::WithoutVideo
//! [`MAX_SIDE`]: crate::video::MAX_SIDE
//! [`Frames::note`]: crate::video::Frames::note

use crate::clip::Clip;

/// How a frame of one shape becomes one of another.
pub mod fit;

/// Still pictures.
pub mod png;

/// Many frames on one still picture.
pub mod sheet;

/// Which decoded frames are delivered.
#[cfg(feature = "video")]
mod frame_picker;

/// How a picture is turned.
#[cfg(feature = "video")]
mod rotation;

/// What `ffmpeg-next` does not wrap.
#[cfg(feature = "video")]
mod raw;

/// A path to a decoder.
#[cfg(feature = "video")]
mod open;

/// A decoded picture to pixels.
#[cfg(feature = "video")]
mod scale;

/// A file to decoded pictures.
#[cfg(feature = "video")]
mod pictures;

/// A file to frames.
#[cfg(feature = "video")]
mod read;

/// Frames to FFmpeg's encoders.
#[cfg(feature = "video")]
mod encode;

/// Frames to a file.
#[cfg(feature = "video")]
mod write;

/// The same doors, closed.
#[cfg(not(feature = "video"))]
mod no_ffmpeg;

#[cfg(not(feature = "video"))]
pub use no_ffmpeg::{Frames, Writer, frames, probe, read, read_with, write};
pub use png::{read_png, write_png};
#[cfg(feature = "video")]
pub use read::{Frames, frames, probe, read, read_with};
pub use sheet::contact_sheet;
#[cfg(feature = "video")]
pub use write::{Writer, write};

/// The longest side of a frame that is read, pixels.
pub const MAX_SIDE: usize = 16_384;

/// The most pixels of a frame that is read.
pub const MAX_PIXELS: usize = 64 << 20;

/// Frames a second of what names no rate: frame folders, single pictures.
pub const UNKNOWN_FPS: f32 = 12.0;

/// How a file is decoded; the frames are the same whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decode {
    /// Decoder threads for one file. One is best where rayon reads many files at once; for one long file, the
    /// number of cores.
    pub threads: usize,
}

impl Default for Decode {
    fn default() -> Self {
        Self { threads: 1 }
    }
}

/// What a file's header says. A header may be wrong: a truncated file still names all its frames.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Pixels, as shown (after any turn).
    pub width: usize,
    /// Pixels, as shown (after any turn).
    pub height: usize,
    /// Average frames a second; [`UNKNOWN_FPS`] where the file does not say.
    pub fps: f32,
    /// Frames, where the file says.
    pub frames: Option<usize>,
    /// Seconds, where the file says.
    pub secs: Option<f64>,
}

/// A clip as read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The frames.
    pub clip: Clip,
    /// What went wrong without stopping the reader, in words.
    pub note: Option<String>,
}

/// The kinds of video file that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// H.264, yuv420p, index in front: plays in every browser. Odd sizes are made even by repeating the edge.
    Mp4,
    /// VP9.
    WebM,
    /// 256 colours a frame, at most 50 frames a second: browsers slow down what is faster.
    Gif,
}

impl Format {
    /// The format that a file name's ending asks for.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "webm" => Some(Self::WebM),
            "gif" => Some(Self::Gif),
            _ => None,
        }
    }
}

#[cfg(all(test, feature = "video"))]
mod testing;

#[cfg(all(test, feature = "video"))]
mod tests;
