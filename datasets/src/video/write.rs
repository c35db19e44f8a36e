//! Frames → a video file: H.264 in MP4, VP9 in WebM, GIF.
//!
//! One encoder thread and no dates, random ids or version strings of the container: the same frames give the same bytes on
//! the same FFmpeg. Colours are BT.709 in the video range, and the file says so.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ff::color::{Primaries, Range, Space, TransferCharacteristic};
use ff::format::Pixel;
use ff::software::scaling::{Context, Flags};
use ffmpeg_next as ff;
use ndarray::{ArrayView3, ArrayView4};

use super::open::{check_size, set_up};
use super::raw::set_colours;
use super::{Format, MAX_SIDE};
use crate::error::DataError;
use crate::partial::Partial;

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
    partial: Partial,
    path: PathBuf,
    size: [usize; 2],
    frames: u64,
    kind: Kind,
}

/// What makes the bytes.
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
        let partial = Partial::create(path)?;
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
        match self.kind {
            Kind::Coded(coded) => coded.finish().map_err(|error| say(error, &self.path))?,
            Kind::Gif { encoder, .. } => {
                let io = |source| DataError::Io {
                    action: "write",
                    source,
                    path: self.path.clone(),
                };
                encoder
                    .into_inner()
                    .map_err(|error| gif_error(error, &self.path))?
                    .flush()
                    .map_err(io)?;
            }
        }
        self.partial.keep()
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

/// A rate as broadcasters write it: whole, or a thousand over a thousand and one.
fn rate(fps: f32) -> ff::Rational {
    let fps = f64::from(fps);
    let whole = fps.round();
    let drop_frame = (fps * 1.001).round();
    if (fps - whole).abs() < 1e-6 && whole >= 1.0 {
        ff::Rational::new(whole as i32, 1)
    } else if (fps - drop_frame / 1.001).abs() < 1e-3 && drop_frame >= 1.0 {
        ff::Rational::new(drop_frame as i32 * 1000, 1001)
    } else {
        ff::Rational::new(((fps * 1000.0).round() as i32).max(1), 1000).reduce()
    }
}

/// An encoder and the file it fills.
struct Coded {
    output: ff::format::context::Output,
    encoder: ff::encoder::Video,
    /// The encoder's clock: one tick a frame.
    tick: ff::Rational,
    scaler: Context,
    rgb: ff::frame::Video,
}

impl Coded {
    fn open(
        file: &Path,
        [height, width]: [usize; 2],
        rate: ff::Rational,
        format: Format,
    ) -> Result<Self, ff::Error> {
        let (muxer, coder) = if format == Format::WebM {
            ("webm", "libvpx-vp9")
        } else {
            ("mp4", "libx264")
        };
        // Colour is stored for blocks of two by two pixels.
        let [height, width] = [height, width].map(|side| side.next_multiple_of(2) as u32);
        let name = file.to_str().ok_or(ff::Error::Other {
            errno: ff::error::EINVAL,
        })?;
        let mut output = ff::format::output_as(&format!("file:{name}"), muxer)?;
        let codec = ff::encoder::find_by_name(coder).ok_or(ff::Error::EncoderNotFound)?;
        let mut flags = ff::codec::Flags::BITEXACT;
        if output
            .format()
            .flags()
            .contains(ff::format::Flags::GLOBAL_HEADER)
        {
            flags |= ff::codec::Flags::GLOBAL_HEADER;
        }

        let mut encoder = ff::codec::Context::new_with_codec(codec)
            .encoder()
            .video()?;
        encoder.set_threading(ff::codec::threading::Config::count(1));
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(Pixel::YUV420P);
        encoder.set_time_base(rate.invert());
        encoder.set_frame_rate(Some(rate));
        encoder.set_flags(flags);
        name_colours(&mut encoder);
        let mut stream = output.add_stream(codec)?;
        let encoder = encoder.open_with(coder_options(format))?;
        stream.set_parameters(&encoder);
        stream.set_avg_frame_rate(rate);
        let mut options = ff::Dictionary::new();
        options.set("fflags", "+bitexact");
        options.set("movflags", "+faststart");
        output.write_header_with(options)?;

        let quality =
            Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INP | Flags::BITEXACT;
        let mut scaler = Context::get(
            Pixel::RGB24,
            width,
            height,
            Pixel::YUV420P,
            width,
            height,
            quality,
        )?;
        set_colours(&mut scaler, ff::ffi::SWS_CS_ITU709, [true, false]);
        let rgb = ff::frame::Video::new(Pixel::RGB24, width, height);
        Ok(Self {
            output,
            encoder,
            tick: rate.invert(),
            scaler,
            rgb,
        })
    }

    fn push(&mut self, frame: ArrayView3<u8>, number: i64) -> Result<(), ff::Error> {
        let (height, width, _) = frame.dim();
        let (rows, columns, stride) = (
            self.rgb.height() as usize,
            self.rgb.width() as usize,
            self.rgb.stride(0),
        );
        let pixels = self.rgb.data_mut(0);
        for (row, line) in pixels.chunks_mut(stride).take(rows).enumerate() {
            for (column, pixel) in line.chunks_exact_mut(3).take(columns).enumerate() {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    *value = frame[[row.min(height - 1), column.min(width - 1), channel]];
                }
            }
        }
        // A new picture every time: the encoder may still look at the one before.
        let mut picture = ff::frame::Video::empty();
        self.scaler.run(&self.rgb, &mut picture)?;
        picture.set_pts(Some(number));
        picture.set_color_space(Space::BT709);
        picture.set_color_range(Range::MPEG);
        self.encoder.send_frame(&picture)?;
        self.drain()
    }

    /// Moves what the encoder has ready into the file.
    fn drain(&mut self) -> Result<(), ff::Error> {
        let clock = self
            .output
            .stream(0)
            .ok_or(ff::Error::StreamNotFound)?
            .time_base();
        let mut packet = ff::Packet::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {
                    packet.set_stream(0);
                    // Without a duration the last frame ends when it begins, and players leave it out.
                    packet.set_duration(1);
                    packet.rescale_ts(self.tick, clock);
                    packet.write_interleaved(&mut self.output)?;
                }
                Err(
                    ff::Error::Eof
                    | ff::Error::Other {
                        errno: ff::error::EAGAIN,
                    },
                ) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(mut self) -> Result<(), ff::Error> {
        self.encoder.send_eof()?;
        self.drain()?;
        self.output.write_trailer()
    }
}

/// BT.709 in the video range, so that no player has to guess.
fn name_colours(encoder: &mut ff::encoder::video::Video) {
    encoder.set_colorspace(Space::BT709);
    encoder.set_color_range(Range::MPEG);
    encoder.set_color_primaries(Primaries::BT709);
    encoder.set_color_transfer_characteristic(TransferCharacteristic::BT709);
}

/// High quality at the speed of small clips.
fn coder_options(format: Format) -> ff::Dictionary<'static> {
    let options: &[(&str, &str)] = match format {
        Format::WebM => &[
            ("crf", "24"),
            ("b", "0"),
            ("deadline", "good"),
            ("cpu-used", "4"),
            ("row-mt", "0"),
        ],
        Format::Mp4 | Format::Gif => &[("preset", "medium"), ("crf", "17")],
    };
    options.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_broadcasters_write_it() {
        assert_eq!(rate(30.0), ff::Rational::new(30, 1));
        assert_eq!(rate(29.97), ff::Rational::new(30000, 1001));
        assert_eq!(rate(12.5), ff::Rational::new(25, 2));
        assert_eq!(rate(0.5), ff::Rational::new(1, 2));
    }
}
