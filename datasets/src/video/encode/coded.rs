//! Frames → packets → a container, by FFmpeg's encoders.

use std::path::Path;

use ff::color::{Primaries, Range, Space, TransferCharacteristic};
use ff::format::Pixel;
use ff::software::scaling::{Context, Flags};
use ffmpeg_next as ff;
use ndarray::ArrayView3;

use crate::video::info::Format;
use crate::video::raw::set_colours;

/// A rate as broadcasters write it: whole, or a thousand over a thousand and one.
pub(super) fn rate(fps: f32) -> ff::Rational {
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
pub(super) struct Coded {
    output: ff::format::context::Output,
    encoder: ff::encoder::Video,
    /// The encoder's clock: one tick a frame.
    tick: ff::Rational,
    scaler: Context,
    rgb: ff::frame::Video,
}

impl Coded {
    pub(super) fn open(
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

    pub(super) fn push(&mut self, frame: ArrayView3<u8>, number: i64) -> Result<(), ff::Error> {
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

    pub(super) fn finish(mut self) -> Result<(), ff::Error> {
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
        Format::Mp4 | Format::Gif => &[
            ("preset", "medium"),
            ("crf", "17"),
            // With AVX-512 it reads past its tables unless frames are 128·n pixels wide: other bytes every time.
            ("x264-params", "mbtree=0"),
        ],
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
