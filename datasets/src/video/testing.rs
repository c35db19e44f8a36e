//! Clips for the room's tests: a scene with saturated colours, and files of kinds that the product does not write.

use std::path::Path;

use ff::color::{Range, Space};
use ff::format::Pixel;
use ff::format::context::Output;
use ff::software::scaling::{Context, Flags};
use ffmpeg_next as ff;
use ndarray::{Array4, ArrayView3, ArrayView4};

use super::decode::open::set_up;
use super::raw::set_colours;
use crate::window::{Fit, FrameSampling, Window};

/// A disc that crosses a smooth background, `[time, height, width, rgb]`: red above left, green below, blue right.
pub fn scene(time: usize, [height, width]: [usize; 2]) -> Array4<u8> {
    Array4::from_shape_fn((time, height, width, 3), |(t, y, x, channel)| {
        let (down, right) = (y as f64 / height as f64, x as f64 / width as f64);
        let centre = 0.15 + 0.7 * t as f64 / time.max(2) as f64;
        // A soft edge: colour is stored at half the resolution, and a hard one would measure nothing but that.
        let inside = 1.0 / (1.0 + (((right - centre).hypot(down - 0.5) - 0.2) * 25.0).exp());
        let behind = [200.0 * (1.0 - down), 180.0 * down, 230.0 * right][channel];
        let value = behind + inside * ([250.0, 220.0, 30.0][channel] - behind);
        value as u8
    })
}

/// Every frame, as it is.
pub fn all(size: [usize; 2]) -> Window {
    Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size,
        fit: Fit::Stretch,
    }
}

/// Peak signal to noise ratio in dB.
pub fn psnr(left: ArrayView4<u8>, right: ArrayView4<u8>) -> f64 {
    assert_eq!(left.dim(), right.dim());
    let squares = left
        .iter()
        .zip(right)
        .map(|(l, r)| (f64::from(*l) - f64::from(*r)).powi(2));
    10.0 * (255.0 * 255.0 / (squares.sum::<f64>() / left.len() as f64).max(1e-9)).log10()
}

/// A kind of file.
pub struct Recipe {
    pub encoder: &'static str,
    pub format: Pixel,
    /// `(matrix, full range)`, written into the file; nothing is written for `None`, and BT.601 in the video range used.
    pub colours: Option<(Space, bool)>,
    /// When each frame is shown, milliseconds.
    pub moments: Vec<i64>,
    pub options: Vec<(&'static str, String)>,
}

impl Recipe {
    /// Frames 40 ms apart.
    pub fn new(encoder: &'static str, format: Pixel, frames: usize) -> Self {
        let moments = (0..frames as i64).map(|frame| frame * 40).collect();
        let recipe = Self {
            encoder,
            format,
            colours: None,
            moments,
            options: Vec::new(),
        };
        recipe.tuned("")
    }

    /// The same kind, the encoder set by `name=value:…`.
    pub fn tuned(mut self, settings: &str) -> Self {
        let own = match self.encoder {
            "libx264" => vec![("x264-params", format!("log=-1:{settings}"))],
            // Without its block tree: that one writes past its tables where frames are narrow (x265 3.5).
            "libx265" => vec![(
                "x265-params",
                format!("log-level=-1:no-cutree=1:{settings}"),
            )],
            "libaom-av1" => vec![("cpu-used", "8".to_owned()), ("crf", "20".to_owned())],
            _ => Vec::new(),
        };
        let keys = settings
            .split(':')
            .find_map(|setting| setting.strip_prefix("g="));
        self.options = own
            .into_iter()
            .chain(keys.map(|keys| ("g", keys.to_owned())))
            .collect();
        self
    }

    /// Writes `frames`; `Ok(false)` where this FFmpeg lacks the encoder.
    pub fn write(&self, path: &Path, frames: ArrayView4<u8>) -> Result<bool, ff::Error> {
        set_up();
        let Some(codec) = ff::encoder::find_by_name(self.encoder) else {
            return Ok(false);
        };
        let (time, height, width, _) = frames.dim();
        assert_eq!(time, self.moments.len());
        let size = [height as u32, width as u32];
        let mut output = ff::format::output(path)?;
        let header = output
            .format()
            .flags()
            .contains(ff::format::Flags::GLOBAL_HEADER);
        let options = self
            .options
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut encoder = self.configure(codec, size, header)?.open_with(options)?;
        let mut stream = output.add_stream(codec)?;
        stream.set_parameters(&encoder);
        stream.set_time_base(self.tick());
        output.write_header()?;

        let mut scaler = self.scaler(size)?;
        for (frame, moment) in frames.outer_iter().zip(&self.moments) {
            let mut picture = ff::frame::Video::empty();
            scaler.run(&fill(frame), &mut picture)?;
            picture.set_pts(Some(moment / self.unit()));
            if let Some((space, full)) = self.colours {
                picture.set_color_space(space);
                picture.set_color_range(range(full));
            }
            encoder.send_frame(&picture)?;
            self.drain(&mut encoder, &mut output)?;
        }
        encoder.send_eof()?;
        self.drain(&mut encoder, &mut output)?;
        output.write_trailer()?;
        Ok(true)
    }

    /// Milliseconds in a tick: MPEG-4 and AVI count frames.
    fn unit(&self) -> i64 {
        if self.moments.iter().all(|moment| moment % 40 == 0) {
            40
        } else {
            1
        }
    }

    fn tick(&self) -> ff::Rational {
        ff::Rational::new(self.unit() as i32, 1000).reduce()
    }

    fn configure(
        &self,
        codec: ff::Codec,
        [height, width]: [u32; 2],
        header: bool,
    ) -> Result<ff::encoder::video::Video, ff::Error> {
        let mut encoder = ff::codec::Context::new_with_codec(codec)
            .encoder()
            .video()?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(self.format);
        encoder.set_time_base(self.tick());
        encoder.set_frame_rate(Some(ff::Rational::new(25, 1)));
        if let Some((space, full)) = self.colours {
            encoder.set_colorspace(space);
            encoder.set_color_range(range(full));
        }
        if header {
            encoder.set_flags(ff::codec::Flags::GLOBAL_HEADER);
        }
        Ok(encoder)
    }

    fn scaler(&self, [height, width]: [u32; 2]) -> Result<Context, ff::Error> {
        let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INP;
        let mut scaler = Context::get(
            Pixel::RGB24,
            width,
            height,
            self.format,
            width,
            height,
            flags,
        )?;
        let (high, full) = self.colours.map_or((false, false), |(space, full)| {
            (space == Space::BT709, full)
        });
        let matrix = if high {
            ff::ffi::SWS_CS_ITU709
        } else {
            ff::ffi::SWS_CS_ITU601
        };
        set_colours(&mut scaler, matrix, [true, full]);
        Ok(scaler)
    }

    fn drain(
        &self,
        encoder: &mut ff::encoder::Video,
        output: &mut Output,
    ) -> Result<(), ff::Error> {
        let clock = output
            .stream(0)
            .ok_or(ff::Error::StreamNotFound)?
            .time_base();
        let mut packet = ff::Packet::empty();
        while encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            if packet.duration() == 0 {
                packet.set_duration(40 / self.unit());
            }
            packet.rescale_ts(self.tick(), clock);
            packet.write_interleaved(output)?;
        }
        Ok(())
    }
}

fn range(full: bool) -> Range {
    if full { Range::JPEG } else { Range::MPEG }
}

/// A frame as FFmpeg holds it.
fn fill(frame: ArrayView3<u8>) -> ff::frame::Video {
    let (height, width, _) = frame.dim();
    let mut rgb = ff::frame::Video::new(Pixel::RGB24, width as u32, height as u32);
    let stride = rgb.stride(0);
    for (line, row) in rgb.data_mut(0).chunks_mut(stride).zip(frame.outer_iter()) {
        line.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
    }
    rgb
}
