//! A file → frames, one at a time or a window at once.

use std::path::Path;
use std::rc::Rc;

use ndarray::{Array3, Array4};

use super::frame_picker::Picker;
use super::open::open;
use super::pictures::{Picture, Pictures};
use super::scale::Scaler;
use crate::clip::{Clip, ClipId};
use crate::error::DataError;
use crate::video::info::{DecodeOptions, Read, VideoInfo};
use crate::window::{FrameSampling, Window};

/// A start later than this is sought and not decoded up to.
const SEEK_BEYOND_SECS: f64 = 4.0;

/// What a file's header says.
///
/// # Errors
/// When the file is no video that FFmpeg reads, or its frames are larger than any camera's.
pub fn probe(path: &Path) -> Result<VideoInfo, DataError> {
    open(path, DecodeOptions::default()).map(|opened| opened.info)
}

/// The frames in `window`, decoded with one thread. See [`read_with`].
///
/// # Errors
/// As [`read_with`].
pub fn read(path: &Path, window: &Window) -> Result<Clip, DataError> {
    read_with(path, window, DecodeOptions::default()).map(|read| read.clip)
}

/// The frames in `window` and what was wrong with the file. The clip's name is the file's without its ending.
///
/// Fewer than `window.count` frames come back where the file is shorter; never padded. Holds the whole clip: for
/// files of any length take [`frames`].
///
/// # Errors
/// When the window is empty by itself, the file is no video that FFmpeg decodes, its frames are too large, or none
/// lies in the window.
pub fn read_with(path: &Path, window: &Window, decode: DecodeOptions) -> Result<Read, DataError> {
    let mut frames = frames(path, window, decode)?;
    let mut pixels = Vec::new();
    for frame in frames.by_ref() {
        pixels.extend(frame?);
    }
    frames.read(pixels)
}

/// The frames in `window`, one at a time: memory does not grow with the file.
///
/// A window without a single frame ends in one error instead of in silence.
///
/// # Errors
/// When the window is empty by itself, the file is no video that FFmpeg reads, or its frames are too large.
pub fn frames(path: &Path, window: &Window, decode: DecodeOptions) -> Result<Frames, DataError> {
    window.check()?;
    let mut pictures = Pictures::new(open(path, decode)?, path.to_owned());
    if let Some(secs) = sought_secs(window)
        && !pictures.seek(secs)?
    {
        pictures = Pictures::new(open(path, decode)?, path.to_owned());
    }
    Ok(Frames {
        picker: Picker::new(window.pace, window.start, pictures.opened.tick_secs),
        scaler: Scaler::new(window.size, window.fit),
        pictures,
        window: *window,
        held: None,
        next: None,
        shown: None,
        copies: 0,
        delivered: 0,
        over: false,
    })
}

/// Where the window begins, if that is so late that a fresh start jumps there.
fn sought_secs(window: &Window) -> Option<f64> {
    let FrameSampling::Fps(fps) = window.pace else {
        return None;
    };
    let secs = window.start as f64 / f64::from(fps);
    (secs > SEEK_BEYOND_SECS).then_some(secs)
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
            FrameSampling::Stride(stride) => self.info().fps / stride as f32,
            FrameSampling::Fps(fps) => fps,
        }
    }

    /// What was wrong with the file, as far as it was read: damaged packets, an end before the header's.
    pub fn note(&self) -> Option<String> {
        self.pictures.note()
    }

    /// The first sampled frame that was not delivered.
    pub(super) fn place(&self) -> usize {
        self.window.start + self.delivered
    }

    /// Goes on with a later window, of which the frames before [`Self::place`] count as delivered. `false` where a fresh
    /// start might give other frames or another note; nothing may be read then.
    pub(super) fn go_on(&mut self, window: &Window) -> bool {
        let place = self.place();
        let kind = |window: &Window| (window.pace, window.size, window.fit);
        let goes_back = window
            .count
            .is_some_and(|count| window.start + count < place);
        let can = !self.over && !goes_back && kind(window) == kind(&self.window);
        if !can || !self.pictures.stand_for(sought_secs(window).is_some()) {
            return false;
        }
        self.window = *window;
        self.delivered = place.saturating_sub(window.start);
        self.picker.skip_to(window.start.max(place));
        if let (Some(_), Some(next)) = (&self.held, &self.next) {
            self.copies = self.picker.instants_before(next.secs, self.wanted());
        }
        true
    }

    /// The clip of `pixels`, which are this window's, with its note.
    pub(super) fn read(&self, pixels: Vec<u8>) -> Result<Read, DataError> {
        let [height, width] = self.window.size;
        let shape = (self.delivered, height, width, 3);
        let frames = Array4::from_shape_vec(shape, pixels);
        let name = self.pictures.path.file_stem().unwrap_or_default();
        Ok(Read {
            clip: Clip {
                id: ClipId::new(&name.to_string_lossy()),
                frames: frames.map_err(|error| self.pictures.fail(error.to_string()))?,
                fps: self.fps(),
            },
            note: self.note(),
        })
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
        if let FrameSampling::Stride(_) = self.window.pace {
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
        // The next window may begin with the picture that this one ends with.
        let last = self.copies == 0 && self.wanted() > 0;
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
        if self.pictures.decoded == 0 {
            let reason = self.note().unwrap_or_else(|| "it holds none".to_owned());
            return self
                .pictures
                .fail(format!("not one frame could be decoded: {reason}"));
        }
        let start = self.window.start;
        let asked = match self.window.pace {
            FrameSampling::Stride(stride) => format!("frame {start} of every {stride}-th"),
            FrameSampling::Fps(fps) => format!("frame {start} at {fps} a second"),
        };
        let secs = self.pictures.end_secs();
        let reason = format!("asked to start at {asked}; the file ends after {secs:.2} s");
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
