//! A file → every decoded picture with its time, in the order in which they are shown.

use std::path::PathBuf;

use ff::util::frame::side_data::Type as FrameData;
use ffmpeg_next as ff;

use super::clock::Clock;
use super::open::{Opened, check_size};
use super::rotation::Turn;
use crate::error::DataError;
use crate::video::raw::is_flawed;

/// Damaged packets in a row after which a file is given up.
pub(super) const PATIENCE: usize = 4096;

/// How far before the start a key picture is looked for: pictures that are shown before it may be decoded after it.
const SEEK_MARGIN_SECS: f64 = 1.0;

#[cfg(test)]
thread_local! {
    /// Pictures decoded on this thread.
    pub(in crate::video) static DECODED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A decoded picture and when it is shown.
pub(super) struct Picture {
    pub(super) frame: ff::frame::Video,
    /// Seconds after the first picture.
    pub(super) secs: f64,
    /// Whether it needs no other picture.
    is_key: bool,
    /// How the picture itself says it is turned.
    pub(super) turn: Option<Turn>,
}

/// Every picture of a file in the order in which they are shown.
pub(super) struct Pictures {
    pub(super) opened: Opened,
    pub(super) path: PathBuf,
    /// A picture that was decoded and not yet asked for.
    ahead: Option<Picture>,
    /// Packets since the start; `None` after a jump.
    packets: Option<usize>,
    pub(super) decoded: usize,
    damaged: usize,
    /// Whether all packets and pictures came undamaged, from the start or from the key picture of a jump.
    sound: bool,
    /// Pictures that need no other.
    keys: usize,
    /// Damaged packets since the last good one.
    damaged_in_a_row: usize,
    drained: bool,
    ended: bool,
    clock: Clock,
}

impl Pictures {
    pub(super) fn new(opened: Opened, path: PathBuf) -> Self {
        let clock = Clock::new(1.0 / f64::from(opened.info.fps));
        Self {
            opened,
            path,
            ahead: None,
            packets: Some(0),
            decoded: 0,
            damaged: 0,
            sound: true,
            keys: 0,
            damaged_in_a_row: 0,
            drained: false,
            ended: false,
            clock,
        }
    }

    /// The next picture; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Picture>, DataError> {
        if let Some(picture) = self.ahead.take() {
            return Ok(Some(picture));
        }
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

    /// Whether the container's clock survives a jump.
    fn can_seek(&self) -> bool {
        let container = self.opened.input.format().name().to_owned();
        container.contains("mp4") || container.contains("matroska")
    }

    /// Whether the pictures from here on are those of a fresh start, one that would `jump` or begin at the file's first
    /// picture; notes are those of such a start from then on.
    pub(super) fn stand_for(&mut self, jump: bool) -> bool {
        if !jump || !self.can_seek() {
            // The same packets went through the decoder.
            return self.packets.is_some();
        }
        // Damage is passed over by a jump behind it, and only by that.
        let same = self.sound && self.keys > 0 && !self.clock.began_again();
        if same {
            self.packets = None;
        }
        same
    }

    /// Jumps to a key picture before `secs`, in containers whose clocks survive a jump. After `false` only a fresh start
    /// gives the right pictures.
    pub(super) fn seek(&mut self, secs: f64) -> Result<bool, DataError> {
        if !self.can_seek() {
            return Ok(true);
        }
        // The clock's zero is the first picture, whatever the header says.
        let (Some(_), Some(first)) = (self.next()?, self.clock.first()) else {
            return Ok(false);
        };
        let stamp = (first + secs - SEEK_MARGIN_SECS) * f64::from(ff::ffi::AV_TIME_BASE);
        if self
            .opened
            .input
            .seek(stamp as i64, ..stamp as i64)
            .is_err()
        {
            return Ok(false);
        }
        self.opened.decoder.flush();
        self.clock.jump();
        (self.packets, self.drained) = (None, false);
        while let Some(picture) = self.next()? {
            if picture.is_key {
                (self.damaged, self.sound) = (0, true);
                let early = picture.secs <= secs;
                self.ahead = Some(picture);
                return Ok(early);
            }
        }
        Ok(false)
    }

    /// Hands the decoder the next packet of the stream, or the news that there is none.
    fn feed(&mut self) {
        let mut packet = ff::Packet::empty();
        let sent = match packet.read(&mut self.opened.input) {
            Ok(()) if packet.stream() != self.opened.stream => return,
            Ok(()) => {
                self.packets = self.packets.map(|packets| packets + 1);
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
        self.sound = false;
        self.damaged_in_a_row += 1;
    }

    /// A picture with its time: never before the one ahead of it.
    fn time(&mut self, frame: ff::frame::Video) -> Picture {
        let stamp = frame
            .timestamp()
            .map(|ticks| ticks as f64 * self.opened.tick_secs);
        let duration = frame.packet().duration as f64 * self.opened.tick_secs;
        let secs = self.clock.at(stamp, duration);
        self.decoded += 1;
        #[cfg(test)]
        DECODED.with(|decoded| decoded.set(decoded.get() + 1));
        self.sound &= !is_flawed(&frame);
        let turn = frame
            .side_data(FrameData::DisplayMatrix)
            .and_then(|matrix| Turn::from_matrix(matrix.data()));
        let is_key = frame.is_key();
        self.keys += usize::from(is_key);
        Picture {
            frame,
            secs,
            is_key,
            turn,
        }
    }

    /// When the last picture so far is no longer shown, seconds after the first.
    pub(super) fn end_secs(&self) -> f64 {
        self.clock.end_secs()
    }

    pub(super) fn fail(&self, reason: String) -> DataError {
        DataError::Video {
            reason,
            path: self.path.clone(),
        }
    }

    pub(super) fn note(&self) -> Option<String> {
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
        // Some containers count their length from zero and not from the first frame.
        let end = self.clock.first().unwrap_or(0.0).max(0.0) + self.end_secs();
        let late = info
            .secs
            .is_some_and(|secs| end + 1.5 * usual.max(self.clock.last_duration_secs()) < secs);
        // Sound may outlast the pictures, and an edit list may leave some out: both the clock and the count must miss them.
        let all_came = info
            .frames
            .is_some_and(|frames| self.packets.is_some_and(|packets| packets >= frames));
        (late && !all_came).then(|| {
            format!(
                "the file ends early: {:.2} of {:.2} s",
                self.end_secs(),
                info.secs.unwrap_or_default()
            )
        })
    }
}
