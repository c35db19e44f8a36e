//! Decoding options, headers and formats of video files.

use crate::clip::Clip;
use crate::window::FrameSampling;

/// Decoding options; the frames do not depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Decoder threads for one file. One is best where rayon reads many files at once; for one long file, the
    /// number of cores.
    pub threads: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { threads: 1 }
    }
}

/// Header of a video file. A header may be wrong: a truncated file still names all its frames.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Pixels, as shown (after any turn).
    pub width: usize,
    /// Pixels, as shown (after any turn).
    pub height: usize,
    /// Average frames a second; [`UNKNOWN_FPS`](crate::video::UNKNOWN_FPS) where the file does not say.
    pub fps: f32,
    /// Frames, where the file says.
    pub frames: Option<usize>,
    /// Seconds, where the file says.
    pub secs: Option<f64>,
}

/// How much a video file holds, by its packets: what a header says of frames and seconds may be wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Frames.
    pub frames: usize,
    /// Seconds from the first frame's beginning to the last one's end.
    pub secs: f64,
    /// How far a time stamp may be off.
    pub slack_secs: f64,
}

impl Extent {
    /// Number of sampled frames at a pace.
    pub fn sampled(&self, pace: FrameSampling) -> usize {
        match pace {
            FrameSampling::Stride(stride) => self.frames.div_ceil(stride.max(1)),
            FrameSampling::Fps(fps) => {
                let secs = (self.secs - self.slack_secs).max(0.0);
                (secs * f64::from(fps)).ceil() as usize
            }
        }
    }
}

/// A clip as read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The frames.
    pub clip: Clip,
    /// Damage that did not stop the reader, in words.
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
