//! Video files in and out. FFmpeg stops at this room's door.
//!
//! What is read and what is not:
//! - ✅ every codec and container that the installed FFmpeg decodes, any size from 1×1 to [`MAX_SIDE`]
//! - ✅ variable frame rate, B-frames, more than eight bits, full range, BT.601, BT.709, BT.2020
//! - ✅ pictures that are turned or mirrored by a display matrix, pixels that are not square
//! - ✅ damaged packets and files that end early: what decodes is delivered and [`Frames::note`] says what is missing
//! - ❌ sound, subtitles, pictures of covers, play lists, network addresses
//! - ❌ HDR curves (shown as they are stored), interlaced fields (not woven apart), transparency (dropped)
//!
//! What is written: H.264 in MP4, VP9 in WebM, GIF, PNG; the same frames give the same bytes.
//! Without the feature `video` every function that needs FFmpeg answers [`DataError::WithoutVideo`].
//!
//! [`DataError::WithoutVideo`]: crate::DataError::WithoutVideo
//! [`MAX_SIDE`]: crate::video::MAX_SIDE
//! [`Frames::note`]: crate::video::Frames::note

/// Bounds of what is read.
pub mod limits;

/// Header, decoding options and formats of a video file.
pub mod info;

/// Play lists, which are refused.
#[cfg_attr(
    not(feature = "video"),
    expect(dead_code, reason = "only FFmpeg would follow one")
)]
pub(crate) mod playlist;

/// Still pictures: PNG and JPEG files, contact sheets, resizing.
pub mod image;

/// FFmpeg calls that `ffmpeg-next` does not wrap.
#[cfg(feature = "video")]
mod raw;

/// Files to frames.
#[cfg(feature = "video")]
mod decode;

/// Frames to files.
#[cfg(feature = "video")]
mod encode;

/// The functions that need FFmpeg, without it: each answers with an error.
#[cfg(not(feature = "video"))]
mod no_ffmpeg;

#[cfg(feature = "video")]
pub use decode::consecutive::ConsecutiveWindows;
#[cfg(feature = "video")]
pub use decode::extent::extent;
#[cfg(feature = "video")]
pub use decode::read::{Frames, frames, probe, read, read_with};
#[cfg(feature = "video")]
pub use encode::write::{Writer, write};
pub use image::picture::{PictureFormat, picture_size, read_picture};
pub use image::png::{png_bytes, read_png, write_png, write_png_ids};
pub use image::sheet::contact_sheet;
pub use image::{fit, jpeg, picture, png, sheet};
pub use info::{DecodeOptions, Extent, Format, Read, VideoInfo};
pub use limits::{MAX_PIXELS, MAX_SIDE, UNKNOWN_FPS};
#[cfg(not(feature = "video"))]
pub use no_ffmpeg::{
    ConsecutiveWindows, Frames, Writer, extent, frames, probe, read, read_with, write,
};

#[cfg(all(test, feature = "video"))]
mod testing;

#[cfg(all(test, feature = "video"))]
mod tests;
