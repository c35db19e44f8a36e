//! A decoded picture → pixels of the window's size, in swscale.
//!
//! Pictures that shrink are averaged over the area of each new pixel; pictures that grow, and the colours of pictures that
//! keep their size, are bicubic. The matrix and
//! range that the file names are honoured; where it names none, BT.601 holds below 720 lines and BT.709 from there, as
//! players do. HDR curves are not mapped, fields are not woven apart, alpha is dropped.

use ff::color::{Range, Space};
use ff::format::Pixel;
use ff::software::scaling::{Context, Flags};
use ffmpeg_next as ff;
use ndarray::{Array3, s};

use super::rotation::Turn;
use crate::video::image::fit::{Placement, place};
use crate::video::raw::{crop, set_colours};
use crate::window::Fit;

/// From this height on, a file that names no colour matrix is taken for BT.709.
const HIGH_DEFINITION: usize = 720;

/// What a scaler was made for; another kind of picture needs another one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    format: Pixel,
    size: [usize; 2],
    pixel_aspect: f64,
    matrix: i32,
    full_range: bool,
}

impl Kind {
    fn of(picture: &ff::frame::Video) -> Self {
        let size = [picture.height() as usize, picture.width() as usize];
        let aspect = f64::from(picture.aspect_ratio());
        let known = aspect.is_finite() && (0.1..=10.0).contains(&aspect);
        let jpeg = matches!(
            picture.format(),
            Pixel::YUVJ411P | Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ440P | Pixel::YUVJ444P
        );
        Self {
            format: picture.format(),
            size,
            pixel_aspect: if known { aspect } else { 1.0 },
            matrix: matrix(picture.color_space(), size[0]),
            full_range: jpeg || picture.color_range() == Range::JPEG,
        }
    }
}

/// The number by which swscale knows a colour matrix.
fn matrix(space: Space, height: usize) -> i32 {
    match space {
        Space::BT709 => ff::ffi::SWS_CS_ITU709,
        Space::FCC => ff::ffi::SWS_CS_FCC,
        Space::BT470BG | Space::SMPTE170M => ff::ffi::SWS_CS_ITU601,
        Space::SMPTE240M => ff::ffi::SWS_CS_SMPTE240M,
        Space::BT2020NCL | Space::BT2020CL => ff::ffi::SWS_CS_BT2020,
        _ if height >= HIGH_DEFINITION => ff::ffi::SWS_CS_ITU709,
        _ => ff::ffi::SWS_CS_ITU601,
    }
}

/// Makes pictures fit.
pub(super) struct Scaler {
    size: [usize; 2],
    fit: Fit,
    ready: Option<Ready>,
}

/// swscale's state for one kind of picture.
struct Ready {
    kind: Kind,
    placement: Placement,
    /// For formats of less than a byte a pixel, which cannot be cut: grey of the same size.
    whole: Option<(Context, ff::frame::Video)>,
    context: Context,
    rgb: ff::frame::Video,
}

impl Scaler {
    /// A scaler to `[height, width]`.
    pub(super) fn new(size: [usize; 2], fit: Fit) -> Self {
        Self {
            size,
            fit,
            ready: None,
        }
    }

    /// The picture as it is shown, `[height, width, rgb]`. The picture's own edges may move.
    pub(super) fn run(
        &mut self,
        picture: &mut ff::frame::Video,
        turn: Turn,
    ) -> Result<Array3<u8>, ff::Error> {
        let kind = Kind::of(picture);
        let target = turn.size(self.size);
        let ready = match &mut self.ready {
            Some(ready) if ready.kind == kind => ready,
            other => other.insert(Ready::new(kind, target, self.fit)?),
        };
        if let Some((context, grey)) = &mut ready.whole {
            context.run(picture, grey)?;
            let mut cut = grey.clone();
            crop(&mut cut, ready.placement.source)?;
            ready.context.run(&cut, &mut ready.rgb)?;
        } else {
            crop(picture, ready.placement.source)?;
            ready.context.run(picture, &mut ready.rgb)?;
        }
        Ok(turn.apply(paste(&ready.rgb, ready.placement, target)?))
    }
}

impl Ready {
    fn new(kind: Kind, target: [usize; 2], fit: Fit) -> Result<Self, ff::Error> {
        let mut placement = place(kind.size, kind.pixel_aspect, target, fit);
        let [height, width] = kind.size.map(|side| side as u32);
        let packed = matches!(
            kind.format,
            Pixel::MonoBlack | Pixel::MonoWhite | Pixel::RGB4 | Pixel::BGR4
        );
        let whole = packed
            .then(|| {
                Context::get(
                    kind.format,
                    width,
                    height,
                    Pixel::GRAY8,
                    width,
                    height,
                    Flags::POINT,
                )
            })
            .transpose()?
            .map(|context| (context, ff::frame::Video::empty()));
        let format = if packed { Pixel::GRAY8 } else { kind.format };

        // Colour is stored for blocks of pixels: a cut between two of them would shift it.
        let (across, down) = format.descriptor().map_or((0, 0), |layout| {
            (layout.log2_chroma_w(), layout.log2_chroma_h())
        });
        placement.source.left = (placement.source.left >> across) << across;
        placement.source.top = (placement.source.top >> down) << down;

        let (from, to) = (placement.source, placement.target);
        // At their own size only colour is enlarged, which is stored for blocks of pixels.
        let same = [to.height, to.width] == [from.height, from.width];
        let shrinks = to.height <= from.height && to.width <= from.width && !same;
        let quality = Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::BITEXACT;
        let flags = quality | if shrinks { Flags::AREA } else { Flags::BICUBIC };
        let [height, width] = [from.height as u32, from.width as u32];
        let mut context = Context::get(
            format,
            width,
            height,
            Pixel::RGB24,
            to.width as u32,
            to.height as u32,
            flags,
        )?;
        set_colours(&mut context, kind.matrix, [kind.full_range || packed, true]);
        Ok(Self {
            kind,
            placement,
            whole,
            context,
            rgb: ff::frame::Video::empty(),
        })
    }
}

/// The scaled rows in a frame of the whole target, black around them.
fn paste(
    rgb: &ff::frame::Video,
    placement: Placement,
    target: [usize; 2],
) -> Result<Array3<u8>, ff::Error> {
    let to = placement.target;
    let mut frame = Array3::zeros((target[0], target[1], 3));
    let mut part = frame.slice_mut(s![
        to.top..to.top + to.height,
        to.left..to.left + to.width,
        ..
    ]);
    for (mut row, pixels) in part
        .outer_iter_mut()
        .zip(rgb.data(0).chunks_exact(rgb.stride(0)))
    {
        let pixels = pixels.get(..3 * to.width).ok_or(ff::Error::Bug)?;
        let row = row.as_slice_mut().ok_or(ff::Error::Bug)?;
        row.copy_from_slice(pixels);
    }
    Ok(frame)
}
