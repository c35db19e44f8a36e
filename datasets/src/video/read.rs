//! A file → frames, one at a time or a window at once.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use ff::util::frame::side_data::Type as FrameData;
use ffmpeg_next as ff;
use ndarray::{Array3, Array4};

use super::open::{Opened, check_size, open};
use super::pace::Picker;
use super::scale::Scaler;
use super::turn::Turn;
use super::{Decode, Read, VideoInfo};
use crate::clip::{Clip, ClipId};
use crate::error::DataError;
use crate::window::{Pace, Window};

/// Damaged packets in a row after which a file is given up.
const PATIENCE: usize = 4096;

/// What a file's header says.
///
/// # Errors
/// When the file is no video that FFmpeg reads, or its frames are larger than any camera's.
pub fn probe(path: &Path) -> Result<VideoInfo, DataError> {
    open(path, Decode::default()).map(|opened| opened.info)
}

/// The frames in `window`, decoded with one thread. See [`read_with`].
///
/// # Errors
/// As [`read_with`].
pub fn read(path: &Path, window: &Window) -> Result<Clip, DataError> {
    read_with(path, window, Decode::default()).map(|read| read.clip)
}

/// The frames in `window` and what was wrong with the file. The clip's name is the file's without its ending.
///
/// Fewer than `window.count` frames come back where the file is shorter; never padded. Holds the whole clip: for
/// files of any length take [`frames`].
///
/// # Errors
/// When the window is empty by itself, the file is no video that FFmpeg decodes, its frames are too large, or none
/// lies in the window.
pub fn read_with(path: &Path, window: &Window, decode: Decode) -> Result<Read, DataError> {
    let mut frames = frames(path, window, decode)?;
    let [height, width] = window.size;
    let mut pixels = Vec::new();
    let mut time = 0;
    for frame in frames.by_ref() {
        pixels.extend(frame?);
        time += 1;
    }
    let fps = frames.fps();
    let shape = (time, height, width, 3);
    let pixels = Array4::from_shape_vec(shape, pixels).map_err(|error| DataError::Video {
        reason: error.to_string(),
        path: path.to_owned(),
    })?;
    let id = ClipId::new(&path.file_stem().unwrap_or_default().to_string_lossy());
    Ok(Read {
        clip: Clip {
            id,
            frames: pixels,
            fps,
        },
        note: frames.note(),
    })
}

/// The frames in `window`, one at a time: memory does not grow with the file.
///
/// A window without a single frame ends in one error instead of in silence.
///
/// # Errors
/// When the window is empty by itself, the file is no video that FFmpeg reads, or its frames are too large.
pub fn frames(path: &Path, window: &Window, decode: Decode) -> Result<Frames, DataError> {
    window.check()?;
    let opened = open(path, decode)?;
    Ok(Frames {
        picker: Picker::new(window.pace, window.start, opened.tick_secs),
        scaler: Scaler::new(window.size, window.fit),
        pictures: Pictures::new(opened, path.to_owned()),
        window: *window,
        held: None,
        next: None,
        shown: None,
        copies: 0,
        delivered: 0,
        over: false,
    })
}

/// Frames of a file, `[height, width, rgb]` each.
pub struct Frames {
    pictures: Pictures,
    picker: Picker,
    scaler: Scaler,
    window: Window,
    /// The picture that is shown now.
    held: Option<Picture>,
    /// The picture that is shown after it.
    next: Option<Picture>,
    /// What `held` looks like, once it was asked for.
    shown: Option<Rc<Array3<u8>>>,
    /// How often `held` is still to be delivered.
    copies: usize,
    delivered: usize,
    over: bool,
}

impl Frames {
    /// What the file's header says.
    pub fn info(&self) -> &VideoInfo {
        &self.pictures.opened.info
    }

    /// Frames a second of what is delivered.
    pub fn fps(&self) -> f32 {
        match self.window.pace {
            Pace::Stride(stride) => self.info().fps / stride as f32,
            Pace::Fps(fps) => fps,
        }
    }

    /// What was wrong with the file, as far as it was read: damaged packets, an end before the header's.
    pub fn note(&self) -> Option<String> {
        self.pictures.note()
    }

    fn wanted(&self) -> usize {
        self.window
            .count
            .map_or(usize::MAX, |count| count - self.delivered)
    }

    /// Takes the next picture and decides how often the one that is held then is delivered.
    fn advance(&mut self) -> Result<(), DataError> {
        if let Some(next) = self.next.take() {
            (self.held, self.shown) = (Some(next), None);
        }
        let Some(picture) = self.pictures.next()? else {
            self.over = true;
            let end = self.pictures.end_secs();
            self.copies = if self.held.is_some() {
                self.picker.instants_before(end, self.wanted())
            } else {
                0
            };
            return Ok(());
        };
        if let Pace::Stride(_) = self.window.pace {
            self.copies = usize::from(self.picker.takes_next());
            (self.held, self.shown) = (Some(picture), None);
        } else {
            let before = self.picker.instants_before(picture.secs, self.wanted());
            self.copies = if self.held.is_some() { before } else { 0 };
            self.next = Some(picture);
        }
        Ok(())
    }

    /// The held picture as it is shown.
    fn show(&mut self) -> Result<Array3<u8>, DataError> {
        if let (None, Some(picture)) = (&self.shown, &mut self.held) {
            let turn = self
                .pictures
                .opened
                .turn
                .or(picture.turn)
                .unwrap_or_default();
            let shown = self.scaler.run(&mut picture.frame, turn);
            let shown = shown.map_err(|error| self.pictures.fail(error.to_string()))?;
            self.shown = Some(Rc::new(shown));
        }
        let last = self.copies == 0;
        let shown = if last {
            self.shown.take()
        } else {
            self.shown.clone()
        };
        shown
            .map(Rc::unwrap_or_clone)
            .ok_or_else(|| self.pictures.fail("no picture is held".to_owned()))
    }

    /// Why nothing was delivered.
    fn nothing(&self) -> DataError {
        let seen = self.pictures.decoded;
        if seen == 0 {
            let reason = self.note().unwrap_or_else(|| "it holds none".to_owned());
            return self
                .pictures
                .fail(format!("not one frame could be decoded: {reason}"));
        }
        let start = self.window.start;
        let asked = match self.window.pace {
            Pace::Stride(stride) => format!("frame {start} of every {stride}-th"),
            Pace::Fps(fps) => format!("frame {start} at {fps} a second"),
        };
        let secs = self.pictures.end_secs();
        let reason =
            format!("asked to start at {asked}; the file has {seen} frames in {secs:.2} s");
        DataError::NoFrames {
            reason,
            path: self.pictures.path.clone(),
        }
    }
}

impl Iterator for Frames {
    type Item = Result<Array3<u8>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.copies == 0 {
            if self.wanted() == 0 {
                return None;
            }
            if self.over {
                let nothing = self.delivered == 0;
                self.window.count = Some(self.delivered);
                return nothing.then(|| Err(self.nothing()));
            }
            if let Err(error) = self.advance() {
                self.window.count = Some(self.delivered);
                return Some(Err(error));
            }
        }
        self.copies -= 1;
        self.delivered += 1;
        Some(self.show())
    }
}

/// A decoded picture and when it is shown.
struct Picture {
    frame: ff::frame::Video,
    /// Seconds after the first picture.
    secs: f64,
    /// How the picture itself says it is turned.
    turn: Option<Turn>,
}

/// Every picture of a file in the order in which they are shown.
struct Pictures {
    opened: Opened,
    path: PathBuf,
    packets: usize,
    decoded: usize,
    damaged: usize,
    /// Damaged packets since the last good one.
    damaged_in_a_row: usize,
    drained: bool,
    ended: bool,
    first_secs: Option<f64>,
    last_secs: f64,
    last_duration_secs: f64,
}

impl Pictures {
    fn new(opened: Opened, path: PathBuf) -> Self {
        Self {
            opened,
            path,
            packets: 0,
            decoded: 0,
            damaged: 0,
            damaged_in_a_row: 0,
            drained: false,
            ended: false,
            first_secs: None,
            last_secs: 0.0,
            last_duration_secs: 0.0,
        }
    }

    /// The next picture; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Picture>, DataError> {
        let mut frame = ff::frame::Video::empty();
        loop {
            match self.opened.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    self.damaged_in_a_row = 0;
                    check_size(
                        [frame.height() as usize, frame.width() as usize],
                        &self.path,
                    )?;
                    return Ok(Some(self.time(frame)));
                }
                Err(ff::Error::Eof) => {
                    self.ended = true;
                    return Ok(None);
                }
                Err(ff::Error::Other {
                    errno: ff::error::EAGAIN,
                }) => {}
                Err(_) => self.note_damage(),
            }
            if self.drained || self.damaged_in_a_row > PATIENCE {
                self.ended = true;
                return Ok(None);
            }
            self.feed();
        }
    }

    /// Hands the decoder the next packet of the stream, or the news that there is none.
    fn feed(&mut self) {
        let mut packet = ff::Packet::empty();
        let sent = match packet.read(&mut self.opened.input) {
            Ok(()) if packet.stream() != self.opened.stream => return,
            Ok(()) => {
                self.packets += 1;
                self.opened.decoder.send_packet(&packet)
            }
            // A demuxer finds its way again after a broken packet; nothing else gets better by trying.
            Err(error @ ff::Error::InvalidData) => Err(error),
            Err(error) => {
                if error != ff::Error::Eof {
                    self.note_damage();
                }
                self.drained = true;
                self.opened.decoder.send_eof()
            }
        };
        if sent.is_err() {
            self.note_damage();
        }
    }

    fn note_damage(&mut self) {
        self.damaged += 1;
        self.damaged_in_a_row += 1;
    }

    /// A picture with its time: never before the one ahead of it.
    fn time(&mut self, frame: ff::frame::Video) -> Picture {
        let stamp = frame
            .timestamp()
            .map(|ticks| ticks as f64 * self.opened.tick_secs);
        let stamp = stamp.filter(|secs| secs.is_finite());
        let usual = 1.0 / f64::from(self.opened.info.fps);
        let secs = match (stamp, self.first_secs) {
            (stamp, None) => {
                self.first_secs = Some(stamp.unwrap_or(0.0));
                0.0
            }
            (Some(stamp), Some(first)) => (stamp - first).max(self.last_secs),
            (None, Some(_)) => self.last_secs + usual,
        };
        let duration = frame.packet().duration as f64 * self.opened.tick_secs;
        self.last_duration_secs = if duration > 0.0 { duration } else { usual };
        self.last_secs = secs;
        self.decoded += 1;
        let turn = frame
            .side_data(FrameData::DisplayMatrix)
            .and_then(|matrix| Turn::from_matrix(matrix.data()));
        Picture { frame, secs, turn }
    }

    /// When the last picture so far is no longer shown, seconds after the first.
    fn end_secs(&self) -> f64 {
        self.last_secs + self.last_duration_secs
    }

    fn fail(&self, reason: String) -> DataError {
        DataError::Video {
            reason,
            path: self.path.clone(),
        }
    }

    fn note(&self) -> Option<String> {
        let damaged = (self.damaged > 0).then(|| format!("{} damaged packets", self.damaged));
        let notes: Vec<String> = damaged.into_iter().chain(self.early_end()).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// What the header promised and the file did not hold.
    fn early_end(&self) -> Option<String> {
        if !self.ended {
            return None;
        }
        let info = &self.opened.info;
        let usual = 1.0 / f64::from(info.fps);
        // An edit list may leave frames out, so a missing frame must also be missed by the clock, and sound may outlast the picture.
        // Some containers count their length from zero and not from the first frame.
        let end = self.first_secs.unwrap_or(0.0).max(0.0) + self.end_secs();
        let late = info
            .secs
            .is_some_and(|secs| end + 1.5 * usual.max(self.last_duration_secs) < secs);
        match info.frames {
            Some(frames) if self.packets < frames && late => Some(format!(
                "the file ends early: {} of {frames} frames",
                self.decoded
            )),
            None if late => {
                let secs = info.secs.unwrap_or_default();
                Some(format!(
                    "the file ends early: {:.2} of {secs:.2} s",
                    self.end_secs()
                ))
            }
            _ => None,
        }
    }
}
