//! A path → a decoder that is ready, or one clear reason why not.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Once;

use ff::codec::packet::side_data::Type as PacketData;
use ff::format::context::Input;
use ff::format::stream::Disposition;
use ffmpeg_next as ff;

use super::rotation::Turn;
use crate::error::DataError;
use crate::listing::unreadable;
use crate::regular;
use crate::video::info::{DecodeOptions, VideoInfo};
use crate::video::limits::{MAX_PIXELS, MAX_SIDE, UNKNOWN_FPS};
use crate::video::playlist;
use crate::video::raw::{limit_allocation, look_closer, open_headers, stored_size};

/// The largest piece of memory FFmpeg may ask for at once: a frame of [`MAX_PIXELS`] with eight bytes a pixel.
const MAX_ALLOCATION: usize = MAX_PIXELS * 8 + (1 << 20);

/// A file whose pictures can be decoded one after the other.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) stream: usize,
    pub(super) decoder: ff::decoder::Video,
    pub(super) info: VideoInfo,
    /// How the file says its pictures are turned; a picture may say so itself where the file does not.
    pub(super) turn: Option<Turn>,
    /// Length of a tick of the stream's clock.
    pub(super) tick_secs: f64,
}

/// Opens a file's first or best video stream.
pub(super) fn open(path: &Path, decode: DecodeOptions) -> Result<Opened, DataError> {
    set_up();
    let fail = |reason: String| DataError::Video {
        reason,
        path: path.to_owned(),
    };
    let ffmpeg = |error: ff::Error| fail(error.to_string());
    let file = open_file(path)?;

    let mut input = open_headers(file).map_err(ffmpeg)?;
    for stream in input.streams() {
        check_size(stored_size(&stream), path)?;
    }
    look_closer(&mut input).map_err(ffmpeg)?;

    let (stream, parameters, turn, tick, info) = {
        let stream = input
            .streams()
            .best(ff::media::Type::Video)
            .filter(|stream| !stream.disposition().contains(Disposition::ATTACHED_PIC))
            .ok_or_else(|| fail("it holds no moving picture".to_owned()))?;
        let mut matrices = stream
            .side_data()
            .filter(|data| data.kind() == PacketData::DisplayMatrix);
        let turn = matrices.find_map(|matrix| Turn::from_matrix(matrix.data()));
        let info = describe(&input, &stream, turn, path)?;
        (
            stream.index(),
            stream.parameters(),
            turn,
            stream.time_base(),
            info,
        )
    };

    let mut context = ff::codec::Context::from_parameters(parameters).map_err(ffmpeg)?;
    context.set_threading(ff::codec::threading::Config {
        count: decode.threads,
        ..ff::codec::threading::Config::kind(ff::codec::threading::Type::Frame)
    });
    let codec = ff::decoder::find(context.id())
        .ok_or_else(|| fail(format!("no decoder for {}", info.codec)))?;
    let mut options = ff::Dictionary::new();
    options.set("max_pixels", &MAX_PIXELS.to_string());
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(tick);
    let decoder = decoder
        .open_as_with(codec, options)
        .and_then(ff::decoder::Opened::video)
        .map_err(ffmpeg)?;
    Ok(Opened {
        input,
        stream,
        decoder,
        info,
        turn,
        tick_secs: f64::from(tick),
    })
}

/// The file, unless what stands at the path can hold no video.
fn open_file(path: &Path) -> Result<File, DataError> {
    let io = |source| unreadable(source, path);
    let fail = |reason: &str| DataError::Video {
        reason: reason.to_owned(),
        path: path.to_owned(),
    };
    let mut file = regular::open(path).map_err(io)?;
    let mut head = Vec::new();
    file.by_ref()
        .take(playlist::HEAD)
        .read_to_end(&mut head)
        .map_err(io)?;
    if head.is_empty() {
        return Err(fail("the file is empty"));
    }
    if playlist::is_playlist_name(path) || playlist::is_playlist(&head) {
        return Err(fail(playlist::REASON));
    }
    check_size(claimed_size(&head).unwrap_or_default(), path)?;
    file.rewind().map_err(io)?;
    Ok(file)
}

/// Height and width that the first bytes claim, where FFmpeg forgets them as soon as it finds them too large.
fn claimed_size(head: &[u8]) -> Option<[usize; 2]> {
    if head.starts_with(b"\x89PNG") {
        let side =
            |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?) as usize);
        return Some([side(20)?, side(16)?]);
    }
    let text = String::from_utf8_lossy(head.strip_prefix(b"YUV4MPEG2 ")?).into_owned();
    let side = |name: char| {
        text.split(' ')
            .find_map(|word| word.strip_prefix(name)?.parse().ok())
    };
    Some([side('H')?, side('W')?])
}

/// What the header says.
fn describe(
    input: &Input,
    stream: &ff::Stream,
    turn: Option<Turn>,
    path: &Path,
) -> Result<VideoInfo, DataError> {
    let parameters = stream.parameters();
    let stored = stored_size(stream);
    check_size(stored, path)?;
    let [height, width] = turn.unwrap_or_default().size(stored);
    let rates = [stream.avg_frame_rate(), stream.rate()].map(f64::from);
    let fps = rates
        .into_iter()
        .find(|rate| rate.is_finite() && *rate > 0.0);
    Ok(VideoInfo {
        codec: format!("{:?}", parameters.id()).to_lowercase(),
        width,
        height,
        fps: fps.map_or(UNKNOWN_FPS, |fps| fps as f32),
        frames: usize::try_from(stream.frames())
            .ok()
            .filter(|frames| *frames > 0),
        secs: duration_secs(input, stream),
    })
}

/// The longest length that a header is believed, seconds: a hundred days. A file of a longer one is not damaged where its
/// packets end.
const LONGEST_BELIEVED_SECS: f64 = 8_640_000.0;

/// How long the video stream says it is; what the container says counts where it holds nothing else.
fn duration_secs(input: &Input, stream: &ff::Stream) -> Option<f64> {
    let own =
        (stream.duration() > 0).then(|| stream.duration() as f64 * f64::from(stream.time_base()));
    let tagged = || stream.metadata().get("DURATION").and_then(seconds);
    let whole = || {
        let alone = input.nb_streams() == 1 && input.duration() > 0;
        alone.then(|| input.duration() as f64 / f64::from(ff::ffi::AV_TIME_BASE))
    };
    let believed = |secs: &f64| (0.0..LONGEST_BELIEVED_SECS).contains(secs);
    let mut said = [own, tagged(), whole()].into_iter().flatten();
    said.find(believed)
}

/// The seconds of `hours:minutes:seconds`.
fn seconds(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| {
        part.trim()
            .parse::<f64>()
            .ok()
            .map(|part| sum * 60.0 + part)
    })
}

/// Refuses frames that no camera makes.
pub(in crate::video) fn check_size(
    [height, width]: [usize; 2],
    path: &Path,
) -> Result<(), DataError> {
    if height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS {
        return Err(DataError::TooLarge {
            width,
            height,
            path: PathBuf::from(path),
        });
    }
    Ok(())
}

/// Starts FFmpeg once: silent, and without room for frames that are refused anyway.
pub(in crate::video) fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ff::log::set_level(ff::log::Level::Quiet);
        ff::util::error::register_all();
        limit_allocation(MAX_ALLOCATION);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_tag_counts_in_sixties() {
        assert_eq!(seconds("00:01:02.500000000"), Some(62.5));
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn a_frame_is_too_large_by_its_side_or_by_its_area() {
        let check = |size| check_size(size, Path::new("a.mp4"));
        assert!(check([MAX_SIDE, 4096]).is_ok());
        assert!(check([MAX_SIDE + 1, 1]).is_err());
        assert!(check([MAX_SIDE, MAX_SIDE]).is_err());
    }
}
