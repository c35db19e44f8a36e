//! Video files of a run folder.

use std::path::Path;

use ndarray::ArrayView4;
use slotflow_datasets::{DataError, video};

use crate::artifacts::RunError;

/// Writes frames `[time, height, width, rgb]` as a video of the kind that the path's ending names.
///
/// # Errors
/// When they cannot be encoded, or the file cannot be written.
pub(crate) fn write_video(
    path: &Path,
    frames: ArrayView4<'_, u8>,
    fps: f32,
) -> Result<(), RunError> {
    let format = video::Format::of(path).unwrap_or(video::Format::Mp4);
    video::write(path, frames, fps, format).map_err(|error| match error {
        DataError::Io {
            action,
            source,
            path,
        } => RunError::Io {
            action,
            source,
            path,
        },
        other => RunError::Unfit {
            reason: other.to_string(),
        },
    })
}
