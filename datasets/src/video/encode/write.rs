//! Frames → a video file: H.264 in MP4, VP9 in WebM, GIF.
//!
//! One encoder thread and no dates, random ids or version strings of the container: the same frames give the same bytes on
//! the same FFmpeg. Colours are BT.709 in the video range, and the file says so.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ffmpeg_next as ff;
use ndarray::{ArrayView3, ArrayView4};

use super::coded::{Coded, rate};
use crate::error::DataError;
use crate::partial::PartialFile;
use crate::video::decode::open::{check_size, set_up};
use crate::video::info::Format;
use crate::video::limits::MAX_SIDE;

/// The shortest time that browsers show a GIF's frame without slowing it down, hundredths of a second.
const SHORTEST_GIF_DELAY: u64 = 2;

/// Writes a clip. The file appears whole or not at all.
///
/// # Shape
/// - `frames`: `[time, height, width, rgb]`
///
/// # Errors
/// When there is no frame, `fps` is no rate, this FFmpeg lacks the encoder, or the disk says no.
pub fn write(
    path: &Path,
    frames: ArrayView4<u8>,
    fps: f32,
    format: Format,
) -> Result<(), DataError> {
    let (_, height, width, _) = frames.dim();
    let mut writer = Writer::create(path, [height, width], fps, format)?;
    for frame in frames.outer_iter() {
        writer.push(frame)?;
    }
    writer.finish()
}

/// A video file on its way, for clips that do not fit into memory. Without [`Writer::finish`] nothing is left of it.
pub struct Writer {
    partial: PartialFile,
    path: PathBuf,
    size: [usize; 2],
    frames: u64,
    kind: Kind,
}

/// The encoder behind a writer.
enum Kind {
    Coded(Box<Coded>),
    Gif {
        encoder: Box<gif::Encoder<BufWriter<File>>>,
        fps: f64,
    },
}

impl Writer {
    /// A file for frames of `[height, width]`.
    ///
    /// # Errors
    /// When the size or rate is none, this FFmpeg lacks the encoder, or the disk says no.
    pub fn create(
        path: &Path,
        size: [usize; 2],
        fps: f32,
        format: Format,
    ) -> Result<Self, DataError> {
        set_up();
        let fail = |reason: String| DataError::Encode {
            reason,
            path: path.to_owned(),
        };
        if size.contains(&0) {
            return Err(fail("there is not one pixel".to_owned()));
        }
        if !(fps.is_finite() && fps > 0.0) {
            return Err(fail(format!("{fps} frames a second")));
        }
        check_size(size, path)?;
        let partial = PartialFile::unique(path).map_err(|source| DataError::Io {
            action: "create",
            source,
            path: path.to_owned(),
        })?;
        let kind = match format {
            Format::Gif => Kind::Gif {
                encoder: Box::new(open_gif(partial.path(), size, path)?),
                fps: fps.into(),
            },
            Format::Mp4 | Format::WebM => {
                let coded = Coded::open(partial.path(), size, rate(fps), format);
                Kind::Coded(Box::new(coded.map_err(|error| say(error, path))?))
            }
        };
        Ok(Self {
            partial,
            path: path.to_owned(),
            size,
            frames: 0,
            kind,
        })
    }

    /// Adds a frame, `[height, width, rgb]`.
    ///
    /// # Errors
    /// When the frame has another size, or the disk says no.
    pub fn push(&mut self, frame: ArrayView3<u8>) -> Result<(), DataError> {
        let [height, width] = self.size;
        if frame.dim() != (height, width, 3) {
            let reason = format!(
                "a frame of shape {:?} among frames of {width}×{height}",
                frame.dim()
            );
            return Err(DataError::Encode {
                reason,
                path: self.path.clone(),
            });
        }
        let number = self.frames;
        self.frames += 1;
        match &mut self.kind {
            Kind::Coded(coded) => coded
                .push(frame, number as i64)
                .map_err(|error| say(error, &self.path)),
            Kind::Gif { encoder, fps } => {
                let moment = |number: u64| (number as f64 * 100.0 / *fps).round() as u64;
                let delay = (moment(number + 1) - moment(number))
                    .clamp(SHORTEST_GIF_DELAY, u64::from(u16::MAX));
                let pixels: Vec<u8> = frame.iter().copied().collect();
                let mut still = gif::Frame::from_rgb_speed(width as u16, height as u16, &pixels, 4);
                still.delay = delay as u16;
                encoder
                    .write_frame(&still)
                    .map_err(|error| gif_error(error, &self.path))
            }
        }
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// When there was no frame, or the disk says no.
    pub fn finish(self) -> Result<(), DataError> {
        if self.frames == 0 {
            return Err(DataError::Encode {
                reason: "there is not one frame".to_owned(),
                path: self.path,
            });
        }
        let io = |source| DataError::Io {
            action: "write",
            source,
            path: self.path.clone(),
        };
        match self.kind {
            Kind::Coded(coded) => coded.finish().map_err(|error| say(error, &self.path))?,
            Kind::Gif { encoder, .. } => {
                encoder
                    .into_inner()
                    .map_err(|error| gif_error(error, &self.path))?
                    .flush()
                    .map_err(io)?;
            }
        }
        self.partial.keep().map_err(io)
    }
}

/// A GIF that starts over at its end.
fn open_gif(
    file: &Path,
    [height, width]: [usize; 2],
    path: &Path,
) -> Result<gif::Encoder<BufWriter<File>>, DataError> {
    // Both sides are at most `MAX_SIDE`.
    const { assert!(MAX_SIDE <= u16::MAX as usize) };
    let file = File::create(file).map_err(|source| DataError::Io {
        action: "create",
        source,
        path: path.to_owned(),
    })?;
    let mut encoder = gif::Encoder::new(BufWriter::new(file), width as u16, height as u16, &[])
        .map_err(|error| gif_error(error, path))?;
    encoder
        .set_repeat(gif::Repeat::Infinite)
        .map_err(|error| gif_error(error, path))?;
    Ok(encoder)
}

fn gif_error(error: gif::EncodingError, path: &Path) -> DataError {
    match error {
        gif::EncodingError::Io(source) => DataError::Io {
            action: "write",
            source,
            path: path.to_owned(),
        },
        other => DataError::Encode {
            reason: other.to_string(),
            path: path.to_owned(),
        },
    }
}

/// FFmpeg's error in our words.
fn say(error: ff::Error, path: &Path) -> DataError {
    match error {
        ff::Error::Other {
            errno: errno @ (ff::error::ENOSPC | ff::error::EIO | ff::error::EFBIG),
        } => {
            let source = std::io::Error::from_raw_os_error(errno);
            DataError::Io {
                action: "write",
                source,
                path: path.to_owned(),
            }
        }
        ff::Error::EncoderNotFound => DataError::Encode {
            reason: "this FFmpeg was built without libx264 or libvpx".to_owned(),
            path: path.to_owned(),
        },
        other => DataError::Encode {
            reason: other.to_string(),
            path: path.to_owned(),
        },
    }
}
