//! How much there is in a file, by its packets and not by what its header says. Nothing is decoded.

use std::path::Path;

use ffmpeg_next as ff;

use super::clock::{LONGEST_SECS, shown_secs};
use super::frame_picker::slack_secs;
use super::open::open;
use super::pictures::PATIENCE;
use crate::error::DataError;
use crate::video::info::{DecodeOptions, Extent};

/// How many frames the clock of decoding may go back before it counts as a new one.
const BACK: f64 = 2.5;
/// The same of the clock of showing, where there is no other: frames are shown in another order than they are decoded in.
const BACK_SHOWN: f64 = 20.0;

/// Frames and seconds that a file's packets hold.
///
/// # Errors
/// When the file is no video that FFmpeg reads.
pub fn extent(path: &Path) -> Result<Extent, DataError> {
    let mut opened = open(path, DecodeOptions::default())?;
    let usual = 1.0 / f64::from(opened.info.fps);
    let secs = |ticks: i64| ticks as f64 * opened.tick_secs;
    let (mut parts, mut frames, mut damaged) = (Parts::new(usual), 0, 0);
    while damaged <= PATIENCE {
        let mut packet = ff::Packet::empty();
        match packet.read(&mut opened.input) {
            Ok(()) if packet.stream() != opened.stream => continue,
            Ok(()) => damaged = 0,
            Err(ff::Error::InvalidData) => {
                damaged += 1;
                continue;
            }
            Err(_) => break,
        }
        frames += 1;
        let [shown, decoded] = [packet.pts(), packet.dts()].map(|ticks| ticks.map(secs));
        parts.add([shown.or(decoded), decoded], secs(packet.duration()));
    }
    Ok(Extent {
        frames,
        secs: parts.secs(),
        slack_secs: slack_secs(opened.tick_secs),
    })
}

/// Stretches of time between which a clock begins again.
struct Parts {
    /// Usual length of a frame, seconds.
    usual_secs: f64,
    /// Seconds of the stretches before.
    before_secs: f64,
    /// When the first frame of this stretch is shown, and when its last one no longer is.
    now: Option<[f64; 2]>,
    /// When the last frame was to be decoded.
    decoded: Option<f64>,
}

impl Parts {
    fn new(usual_secs: f64) -> Self {
        Self {
            usual_secs,
            before_secs: 0.0,
            now: None,
            decoded: None,
        }
    }

    /// Adds a frame by when it is shown and decoded, in the order of decoding.
    fn add(&mut self, [shown, decoded]: [Option<f64>; 2], duration_secs: f64) {
        let length = shown_secs(duration_secs, self.usual_secs);
        let from = shown.filter(|secs| secs.is_finite());
        let begins_again = match (self.decoded, decoded, self.now, from) {
            (Some(last), Some(decoded), ..) => decoded < last - BACK * self.usual_secs,
            (.., Some([_, end]), Some(from)) => from < end - BACK_SHOWN * self.usual_secs,
            _ => false,
        };
        let is_set = |[_, end]: [f64; 2]| from.is_some_and(|from| from > end + LONGEST_SECS);
        let begins_again = begins_again || self.now.is_some_and(is_set);
        self.decoded = decoded.or(self.decoded);
        self.now = Some(match (self.now, from) {
            (None, from) => {
                let from = from.unwrap_or(0.0);
                [from, from + length]
            }
            (Some([first, end]), None) => [first, end + length],
            (Some(_), Some(from)) if begins_again => {
                self.before_secs = self.secs();
                [from, from + length]
            }
            (Some([first, end]), Some(from)) => [first.min(from), end.max(from + length)],
        });
    }

    fn secs(&self) -> f64 {
        self.before_secs + self.now.map_or(0.0, |[first, end]| end - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(shown: &[f64]) -> f64 {
        let mut parts = Parts::new(0.1);
        for shown in shown {
            parts.add([Some(*shown), None], 0.1);
        }
        (parts.secs() * 1e6).round() / 1e6
    }

    #[test]
    fn time_is_that_from_the_first_frame_to_the_last_of_every_stretch() {
        // In the order of decoding.
        assert_eq!(secs(&[100.0, 100.3, 100.1, 100.2]), 0.4);
        // One stamp that lies: a stretch of its own, as long as its picture.
        assert_eq!(secs(&[0.0, 0.1, 1e6, 0.3, 0.4]), 0.5);
        let part: Vec<f64> = (0..30).map(|n| f64::from(n) / 10.0).collect();
        assert_eq!(secs(&part.repeat(2)), 6.0);
        let mut short = Parts::new(0.1);
        for decoded in [0.0, 0.1, 0.2, 0.3, 0.0, 0.1, 0.2, 0.3] {
            short.add([Some(decoded), Some(decoded)], 0.1);
        }
        assert!((short.secs() - 0.8).abs() < 1e-9);
        let mut parts = Parts::new(0.1);
        for _ in 0..5 {
            parts.add([None, None], 0.0);
        }
        assert!((parts.secs() - 0.5).abs() < 1e-9);
    }
}
