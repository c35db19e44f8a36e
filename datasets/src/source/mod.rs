//! Where clips come from.

/// CLEVRER, as downloaded or as generated.
pub mod clevrer;
/// Videos of one's own.
pub mod folder;
/// Physion, as downloaded or as generated.
pub mod physion;
/// Long videos, window by window.
pub mod windowed;

pub use clevrer::{ClevrerSource, ColourOrder};
pub use folder::FolderSource;
pub use physion::PhysionSource;
pub use windowed::Windowed;

use std::path::Path;

use ndarray::Array3;

use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::question::EventTable;
use crate::window::Window;

/// Published data sets of the papers. Of these, `clevrer` and `physion` have a reader.
pub const PUBLISHED: [&str; 12] = [
    "obj3d",
    "clevrer",
    "physion",
    "phyre",
    "movi-d",
    "movi-e",
    "movi-solid",
    "movi-tex",
    "clevrtex",
    "celeba",
    "voc",
    "coco",
];

/// What a source knows of its clips beside their frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Knowledge {
    /// What happens.
    pub events: bool,
    /// Where everything is.
    pub states: bool,
}

/// Whether what is asked about a clip happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The kind of scene.
    pub scenario: String,
    /// Whether it happens.
    pub yes: bool,
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

    /// What makes one clip's bytes what they are, for cache keys: a preset and a seed, or a file's content hash.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn identity(&self, index: usize) -> Result<String, DataError>;

    /// The frames of a clip in `window`, with masks and questions where the source has them.
    ///
    /// # Errors
    /// When the clip cannot be read or has no frame in the window.
    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError>;

    /// Whether [`Source::events`] and [`Source::states`] know anything.
    fn knows(&self) -> Knowledge {
        Knowledge::default()
    }

    /// What lies there beside the clips and joins none of them, by name and with the reason: questions about missing
    /// videos, videos without a label.
    fn unjoined(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether what the data set asks about every clip happens; `None` where it asks nothing.
    fn outcome(&self, _index: usize) -> Option<Outcome> {
        None
    }

    /// What is in a clip and what happens there, in truth; `None` where the source does not know.
    ///
    /// # Errors
    /// When the clip's annotation is there and cannot be read.
    fn events(&self, _index: usize) -> Result<Option<EventTable>, DataError> {
        Ok(None)
    }

    /// True states of a clip's objects at frames of the film, also behind its end, `[frames, slots, numbers]`; `None`
    /// where the source does not know.
    fn states(&self, _index: usize, _frames: &[usize], _slots: usize) -> Option<Array3<f32>> {
        None
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
