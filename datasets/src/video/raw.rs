//! The few calls into FFmpeg that `ffmpeg-next` does not wrap. No other file of this crate is unsafe.
#![expect(unsafe_code, reason = "calls into FFmpeg")]

use std::fs::File;
use std::ptr;

use ff::format::context::{Input, StreamIo};
use ff::software::scaling::Context;
use ffmpeg_next as ff;

use super::image::fit::Rect;

/// A demuxer over a file, its headers read and no picture decoded yet.
///
/// Over a file and not a path: FFmpeg then neither guesses by name nor opens what a play list points to. No protocol is
/// allowed besides: the file is open already.
pub(super) fn open_headers(file: File) -> Result<Input, ff::Error> {
    let mut source = StreamIo::from_read_seek(file)?;
    let mut options = ff::Dictionary::new();
    options.set("protocol_whitelist", "none");
    // SAFETY: the context is ours until it is handed over; on failure FFmpeg frees it and sets it to null.
    unsafe {
        let mut context = ff::ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(ff::Error::Other {
                errno: ff::error::ENOMEM,
            });
        }
        (*context).pb = source.as_mut_ptr();
        (*context).flags |= ff::ffi::AVFMT_FLAG_CUSTOM_IO;
        let mut options = options.disown();
        let answer = ff::ffi::avformat_open_input(
            &raw mut context,
            ptr::null(),
            ptr::null_mut(),
            &raw mut options,
        );
        drop(ff::Dictionary::own(options));
        checked(answer)?;
        Ok(Input::wrap_with_custom_io(context, source))
    }
}

/// Fills in what only the first packets hold: pixel format, rate, size.
pub(super) fn look_closer(input: &mut Input) -> Result<(), ff::Error> {
    // SAFETY: the context is alive.
    checked(unsafe { ff::ffi::avformat_find_stream_info(input.as_mut_ptr(), ptr::null_mut()) })
}

/// Height and width of a stream's stored pictures; 0 where the header does not say.
pub(super) fn stored_size(stream: &ff::Stream) -> [usize; 2] {
    let parameters = stream.parameters();
    // SAFETY: the parameters are alive as long as their stream.
    let (height, width) = unsafe { ((*parameters.as_ptr()).height, (*parameters.as_ptr()).width) };
    [height, width].map(|side| usize::try_from(side).unwrap_or(0))
}

/// Moves a picture's edges; no pixel is touched.
pub(super) fn crop(picture: &mut ff::frame::Video, part: Rect) -> Result<(), ff::Error> {
    let [height, width] = [picture.height() as usize, picture.width() as usize];
    if [part.height, part.width] == [height, width] {
        return Ok(());
    }
    // SAFETY: the picture is alive and ours alone; FFmpeg checks the edges against its size.
    checked(unsafe {
        let picture = picture.as_mut_ptr();
        (*picture).crop_top = part.top;
        (*picture).crop_left = part.left;
        (*picture).crop_bottom = height - part.top - part.height;
        (*picture).crop_right = width - part.left - part.width;
        ff::ffi::av_frame_apply_cropping(picture, ff::ffi::AV_FRAME_CROP_UNALIGNED as i32)
    })
}

/// Whether the decoder made up parts of a picture that did not arrive whole.
pub(super) fn is_flawed(picture: &ff::frame::Video) -> bool {
    // SAFETY: the picture is alive.
    picture.is_corrupt() || unsafe { (*picture.as_ptr()).decode_error_flags != 0 }
}

/// Sets swscale's YUV matrix, and whether source and target use the full range.
/// It refuses where neither is YUV, and nothing is to be set then.
pub(super) fn set_colours(context: &mut Context, matrix: i32, full_range: [bool; 2]) {
    const ONE: i32 = 1 << 16;
    // SAFETY: the context is alive; the coefficient tables are static.
    unsafe {
        let table = ff::ffi::sws_getCoefficients(matrix);
        let [from, to] = full_range.map(i32::from);
        ff::ffi::sws_setColorspaceDetails(
            context.as_mut_ptr(),
            table,
            from,
            table,
            to,
            0,
            ONE,
            ONE,
        );
    }
}

/// Limits every single allocation of FFmpeg.
pub(super) fn limit_allocation(bytes: usize) {
    // SAFETY: only stores the number.
    unsafe { ff::ffi::av_max_alloc(bytes) };
}

fn checked(answer: i32) -> Result<(), ff::Error> {
    if answer < 0 {
        Err(ff::Error::from(answer))
    } else {
        Ok(())
    }
}
