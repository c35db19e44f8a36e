//! A clip and the ground truth that came with it.

use std::fmt;

use ndarray::{Array3, Array4};
use serde::{Deserialize, Serialize};

use crate::question::Question;

/// The name of a clip: unique in its source, safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipId(String);

/// Bytes of an id at most; file systems take names of 255.
const LONGEST: usize = 200;

/// Digits of the hash that ends a long one.
const HASH: usize = 16;

impl ClipId {
    /// An id from any text: what a file name cannot hold becomes `-`, and the end of a long text its hash, so that an ending
    /// still fits behind it.
    pub fn new(text: &str) -> Self {
        let safe = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name: String = text
            .chars()
            .map(|c| if safe(c) { c } else { '-' })
            .collect();
        let name = name.trim_matches('.').to_owned();
        Self(if name.is_empty() {
            "clip".to_owned()
        } else if name.len() > LONGEST {
            let start = name.floor_char_boundary(LONGEST - HASH - 1);
            let hash = blake3::hash(text.as_bytes()).to_hex();
            format!("{}-{}", &name[..start], &hash[..HASH])
        } else {
            name
        })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Frames of a video as bytes. Immutable, never normalised, never on a GPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Its name.
    pub id: ClipId,
    /// Pixels, `[time, height, width, rgb]`.
    pub frames: Array4<u8>,
    /// Frames a second of `frames`, after any stride.
    pub fps: f32,
}

/// Place of a clip that is a window of a longer video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoWindow {
    /// The video.
    pub video: ClipId,
    /// Number of the clip's first frame among the video's sampled frames.
    pub start: usize,
    /// Frames at the clip's beginning that the window before it has as well.
    pub shared: usize,
}

impl VideoWindow {
    /// The place of a clip that is a whole video.
    pub fn whole(clip: ClipId) -> Self {
        Self {
            video: clip,
            start: 0,
            shared: 0,
        }
    }
}

/// A clip and what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The pixels.
    pub clip: Clip,
    /// Object ids `[time, height, width]`, 0 = background; `None` where the source has no masks.
    pub masks: Option<Array3<u8>>,
    /// Class of each pixel, `[time, height, width]`, 0 = background; `None` where the source has no classes.
    pub classes: Option<Array3<u8>>,
    /// Pixels that no metric may count, `[time, height, width]`: without a certain label; `None` where every label is
    /// certain.
    pub void: Option<Array3<bool>>,
    /// Questions about the whole clip; empty where the source has none.
    pub questions: Vec<Question>,
    /// Damage that did not stop the reader, in words: a file that ends before its time, damaged packets.
    pub note: Option<String>,
}

impl From<Clip> for Sample {
    /// A clip of which nothing else is known.
    fn from(clip: Clip) -> Self {
        Self {
            clip,
            masks: None,
            classes: None,
            void: None,
            questions: Vec::new(),
            note: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_safe_file_name() {
        assert_eq!(ClipId::new("a/b c.mp4").as_str(), "a-b-c.mp4");
        assert_eq!(ClipId::new("../..").as_str(), "-");
        assert_eq!(ClipId::new("").as_str(), "clip");
        let [long, other] = ["a", "b"].map(|end| ClipId::new(&format!("{}{end}", "ü".repeat(125))));
        assert!(long.as_str().len() <= LONGEST && long.as_str().starts_with('ü'));
        assert!(long != other && ClipId::new(long.as_str()) == long);
    }
}
