//! The trait of all readers: clips by number, with frames and ground truth.

use std::path::PathBuf;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::header::Header;
use crate::clip::{ClipId, Sample, VideoWindow};
use crate::error::DataError;
use crate::question::{EventTable, Question};
use crate::window::Window;

/// Ground truth that a data set has beside its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroundTruth {
    /// Instance masks, `[time, height, width]`.
    Masks,
    /// Class of every pixel, `[time, height, width]`, and pixels that no metric may count.
    Classes,
    /// Questions with programs and answers, as CLEVRER has them.
    Questions,
    /// Entrances, exits and collisions: an [`EventTable`].
    Events,
    /// Positions, velocities and looks of all objects.
    States,
    /// Whether the clip's outcome is yes, as Physion and PHYRE ask.
    Outcomes,
}

impl GroundTruth {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Masks,
        Self::Classes,
        Self::Questions,
        Self::Events,
        Self::States,
        Self::Outcomes,
    ];

    /// The kind as presets and documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Masks => "masks",
            Self::Classes => "classes",
            Self::Questions => "questions",
            Self::Events => "events",
            Self::States => "states",
            Self::Outcomes => "outcomes",
        }
    }
}

/// Whether what is asked about a clip happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The kind of scene.
    pub scenario: String,
    /// Whether it happens.
    pub yes: bool,
}

/// Reads clips of a source one after another. Its clips are those of [`Source::sample`]; what was decoded for one may serve
/// the next.
pub trait ClipReader {
    /// The frames of a clip in `window`, with masks and questions where the source has them.
    ///
    /// # Errors
    /// As [`Source::sample`].
    fn sample(&mut self, index: usize, window: &Window) -> Result<Sample, DataError>;
}

/// A reader to which every clip is the first.
struct EachAlone<'a, S: ?Sized>(&'a S);

impl<S: Source + ?Sized> ClipReader for EachAlone<'_, S> {
    fn sample(&mut self, index: usize, window: &Window) -> Result<Sample, DataError> {
        self.0.sample(index, window)
    }
}

/// Clips by number. No state, so that any thread may read in any order.
pub trait Source: Send + Sync {
    /// How many clips there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a clip.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    fn id(&self, index: usize) -> ClipId;

    /// Identity of a clip's content, for cache keys: a preset and a seed, or a file's content hash.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn identity(&self, index: usize) -> Result<String, DataError>;

    /// The files that a clip's frames and masks are read from; none of a generated clip.
    fn files(&self, _index: usize) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What a clip's files say before they are decoded.
    ///
    /// # Errors
    /// When a picture has no header that can be read.
    fn header(&self, index: usize) -> Result<Header, DataError> {
        Header::of_files(&self.files(index))
    }

    /// The decoder that a clip's pixels come from, for the provenance of what is computed from them; `None` where every
    /// decoder gives the same, and of video files, whose decoder the program names itself.
    fn pixel_decoder(&self, _index: usize) -> Option<String> {
        None
    }

    /// The frames of a clip in `window`, with masks and questions where the source has them.
    ///
    /// # Errors
    /// When the clip cannot be read or has no frame in the window.
    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError>;

    /// A reader of clips one after another, for one thread. Fast where clips of one video come in their order.
    fn reader(&self) -> Box<dyn ClipReader + '_> {
        Box::new(EachAlone(self))
    }

    /// Where a clip lies in the video that it is cut from; `None` where every clip is a whole video.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    fn window_of(&self, _index: usize) -> Option<VideoWindow> {
        None
    }

    /// Whether this copy of the data set has ground truth of a kind.
    fn knows(&self, _truth: GroundTruth) -> bool {
        false
    }

    /// Files and records that belong to no clip, by name and with the reason: questions about missing
    /// videos, videos without a label.
    fn unjoined(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Published clips that the reader leaves out on purpose, by name and with the reason.
    fn left_out(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Files beside the clips that are no part of any, by path and with the reason: previews, hidden files, what
    /// renderers add. Nothing is wrong with them.
    fn side_files(&self) -> Vec<(PathBuf, String)> {
        Vec::new()
    }

    /// Number of objects that the annotation of a clip names, whose ids in masks run from 1 to it; `None` where
    /// nothing says.
    ///
    /// # Errors
    /// When the clip's annotation is there and cannot be read.
    fn objects(&self, _index: usize) -> Result<Option<usize>, DataError> {
        Ok(None)
    }

    /// Whether what the data set asks about every clip happens; `None` where it asks nothing.
    fn outcome(&self, _index: usize) -> Option<Outcome> {
        None
    }

    /// True objects and events of a clip; `None` where the source does not know.
    ///
    /// # Errors
    /// When the clip's annotation is there and cannot be read.
    fn events(&self, _index: usize) -> Result<Option<EventTable>, DataError> {
        Ok(None)
    }

    /// The questions about a whole clip; none where the source has none. Cheaper than [`Source::sample`], which has
    /// them too.
    ///
    /// # Errors
    /// When they are there and cannot be read.
    fn questions(&self, _index: usize) -> Result<Vec<Question>, DataError> {
        Ok(Vec::new())
    }

    /// Identity of what is true of a clip beside its frames, masks and questions, for cache keys: its events and its
    /// outcome. What cannot be read is known by the reason.
    fn truth_identity(&self, index: usize) -> String {
        let events = self.events(index).map_err(|error| error.to_string());
        let truth = format!("{events:?} {:?}", self.outcome(index));
        blake3::hash(truth.as_bytes()).to_hex()[..32].to_owned()
    }

    /// True states of a clip's objects at frames of the video, also past its end, `[frames, slots, numbers]`; `None`
    /// where the source does not know.
    fn states(&self, _index: usize, _frames: &[usize], _slots: usize) -> Option<Array3<f32>> {
        None
    }
}
