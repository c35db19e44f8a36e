//! Damaged clips of a cache, decoded again alone.

use std::fs;
use std::path::Path;

use super::byte_array::failed;
use super::index::DAMAGED;
use super::read::{ClipParts, FrameCache};
use crate::error::DataError;

/// Whether somebody met damage in the cache in a folder.
pub fn is_marked(folder: &Path) -> bool {
    folder.join(DAMAGED).exists()
}

/// Writes every damaged clip of a marked cache anew and takes the mark away. `clip` decodes the clip of a line of the index.
///
/// # Errors
/// When a clip cannot be decoded, the disk says no, or `progress` does.
pub fn mend(
    cache: &FrameCache,
    folder: &Path,
    clip: impl Fn(usize) -> Result<ClipParts, DataError>,
    progress: &dyn Fn(usize, usize) -> bool,
) -> Result<(), DataError> {
    if !is_marked(folder) {
        return Ok(());
    }
    let lines = cache.lines();
    for (kept, &line) in lines.iter().enumerate() {
        if !progress(kept, lines.len()) {
            return Err(DataError::Interrupted);
        }
        if !cache.is_whole(kept)? {
            cache.rewrite(kept, &clip(line)?)?;
        }
    }
    let mark = folder.join(DAMAGED);
    fs::remove_file(&mark).map_err(failed("remove", &mark))
}
