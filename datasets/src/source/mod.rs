//! Where clips come from.

/// CLEVRER, as downloaded or as generated.
pub mod clevrer;
/// Videos of one's own.
pub mod folder;
/// Long videos, window by window.
pub mod windowed;

pub use clevrer::{ClevrerSource, ColourOrder};
pub use folder::FolderSource;
pub use windowed::Windowed;

use std::path::Path;

use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::window::Window;

/// Published data sets of the papers. Of these, predictions read `clevrer`; the others have no reader yet.
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
