//! Videos and arrays as files of a run's folder, and videos as they stand in its page.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array4, ArrayView3, ArrayView4};
use ndarray_npy::{NpzWriter, WriteNpzError};
use rayon::prelude::*;
use slotflow_datasets::{ClipId, DataError, regular, video};
use slotflow_eval::report::{ClipView, VideoView};

use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::masks::enlarged;
use crate::plan::video_predict::VideoFormat;
use crate::stages::report::panels::Panel;

/// A panel, encoded for a page: a video, or a picture where there is one frame. `folder` holds the video's file while it is
/// made, under `name`.
///
/// # Errors
/// When the frames cannot be encoded, or the folder cannot be written.
pub(crate) fn embedded(
    panel: &Panel<'_>,
    (folder, name): (&Path, &str),
    (fps, format): (f32, VideoFormat),
) -> Result<VideoView, RunError> {
    if panel.count == 1 {
        return picture_view(panel.frame(0).view(), &panel.label);
    }
    let format = format.of_pages();
    let path = folder.join(format!("{name}.part.{}", format.extension()));
    write_video(&path, panel, fps)?;
    let bytes = regular::read(&path).and_then(|bytes| fs::remove_file(&path).map(|()| bytes));
    Ok(VideoView {
        label: panel.label.clone(),
        mime: format.media_type().to_owned(),
        bytes: bytes.map_err(|source| RunError::Io {
            action: "read",
            source,
            path,
        })?,
    })
}

/// What a page shows of clips, in their order, worked out on all cores.
///
/// # Errors
/// The first that a clip ended with.
pub(crate) fn in_parallel(
    clips: &[ClipId],
    view: impl Fn(usize, &ClipId) -> Result<Option<ClipView>, RunError> + Sync,
) -> Result<Vec<ClipView>, RunError> {
    let views = clips.par_iter().enumerate();
    let views: Vec<_> = views.map(|(index, clip)| view(index, clip)).collect();
    views.into_iter().filter_map(Result::transpose).collect()
}

/// A picture, `[height, width, rgb]`, encoded for a page.
///
/// # Errors
/// When it has no pixels.
pub(crate) fn picture_view(
    picture: ArrayView3<'_, u8>,
    label: &str,
) -> Result<VideoView, RunError> {
    Ok(VideoView {
        label: label.to_owned(),
        mime: "image/png".to_owned(),
        bytes: video::png_bytes(picture).map_err(of_data)?,
    })
}

/// Writes a clip as one file: `folder/name.mp4`, or `folder/name.png` where it has one frame.
///
/// # Errors
/// When the frames cannot be encoded, or the file system says no.
pub(crate) fn write_clip(
    folder: &Path,
    name: &str,
    panel: &Panel<'_>,
    (fps, format): (f32, VideoFormat),
) -> Result<(), RunError> {
    if panel.count == 1 {
        let path = folder.join(format!("{name}.png"));
        return video::write_png(&path, panel.frame(0).view()).map_err(of_data);
    }
    write_frames(folder, name, panel, (fps, format.of_pages()))
}

/// Writes frames as a video, or as a folder of numbered pictures: `folder/name.mp4`, `folder/name/0000.png`.
///
/// # Errors
/// When the frames cannot be encoded, or the file system says no.
pub(crate) fn write_frames(
    folder: &Path,
    name: &str,
    panel: &Panel<'_>,
    (fps, format): (f32, VideoFormat),
) -> Result<(), RunError> {
    if format != VideoFormat::Png {
        let path = folder.join(format!("{name}.{}", format.extension()));
        return write_video(&path, panel, fps);
    }
    let folder = folder.join(name);
    make_dir(&folder)?;
    for (number, frame) in panel.iter().enumerate() {
        let path = folder.join(format!("{number:04}.png"));
        video::write_png(&path, frame.view()).map_err(of_data)?;
    }
    Ok(())
}

/// Writes a video of the kind that the file's name says.
///
/// # Errors
/// When the frames cannot be encoded, or the file system says no.
pub(crate) fn write_video(path: &Path, panel: &Panel<'_>, fps: f32) -> Result<(), RunError> {
    let format = video::Format::of(path).unwrap_or(video::Format::Mp4);
    let mut writer = video::Writer::create(path, panel.size, fps, format).map_err(of_data)?;
    for frame in panel.iter() {
        writer.push(frame.view()).map_err(of_data)?;
    }
    writer.finish().map_err(of_data)
}

/// An error of the data crate as one of a run.
pub(crate) fn of_data(error: DataError) -> RunError {
    match error {
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
    }
}

/// Frames `scale` times as large.
///
/// # Shape
/// `[time, height, width, rgb]` → `[time, scale · height, scale · width, rgb]`
pub(crate) fn upscaled(frames: ArrayView4<'_, u8>, scale: usize) -> Array4<u8> {
    let (_, height, width, _) = frames.dim();
    enlarged(frames, [height * scale, width * scale])
}

/// Writes arrays as a `NumPy` archive, whole or not at all.
///
/// # Errors
/// When the file system says no.
pub(crate) fn write_npz(
    path: &Path,
    fill: impl FnOnce(&mut NpzWriter<Cursor<Vec<u8>>>) -> Result<(), WriteNpzError>,
) -> Result<(), RunError> {
    let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let bytes = fill(&mut file).and_then(|()| file.finish());
    let bytes = bytes.map_err(|error| RunError::Internal {
        reason: format!("arrays could not be packed: {error}"),
    })?;
    write_atomic(path, bytes.get_ref())
}
