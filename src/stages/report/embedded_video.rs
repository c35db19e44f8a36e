//! Videos as they stand in a page.

use std::fs;
use std::path::Path;

use ndarray::ArrayView4;
use slotflow_datasets::video;
use slotflow_eval::report::VideoView;

use crate::artifacts::RunError;

/// Frames `[time, height, width, rgb]`, encoded for a page. `folder` holds the file while it is made.
///
/// # Errors
/// When the frames cannot be encoded, or the folder cannot be written.
pub(crate) fn embedded(
    frames: ArrayView4<'_, u8>,
    fps: f32,
    label: &str,
    folder: &Path,
) -> Result<VideoView, RunError> {
    let path = folder.join("part.mp4");
    video::write(&path, frames, fps, video::Format::Mp4).map_err(|error| RunError::Unfit {
        reason: error.to_string(),
    })?;
    let bytes = fs::read(&path).and_then(|bytes| fs::remove_file(&path).map(|()| bytes));
    Ok(VideoView {
        label: label.to_owned(),
        mime: "video/mp4".to_owned(),
        bytes: bytes.map_err(|source| RunError::Io {
            action: "read",
            source,
            path,
        })?,
    })
}
