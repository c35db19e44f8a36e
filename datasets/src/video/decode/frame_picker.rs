//! Which decoded frames are delivered, and how often.

use crate::window::FrameSampling;

/// Counts decoded frames, or instants between their presentation times, against a window.
#[derive(Debug)]
pub(crate) struct Picker {
    pace: FrameSampling,
    /// Decoded frames so far.
    seen: usize,
    /// The next instant, counted from the first frame's time; only for [`FrameSampling::Fps`].
    instant: usize,
    /// The first sampled frame of the window.
    start: usize,
    /// How far a time stamp may be off: half a tick of the file's clock.
    slack_secs: f64,
}

/// How far a time stamp of a clock may be off, seconds.
pub(crate) fn slack_secs(tick_secs: f64) -> f64 {
    // A clock of one tick a frame has exact stamps; half of such a tick would be no tolerance but another rule.
    (tick_secs / 2.0).min(0.005) + 1e-6
}

impl Picker {
    pub(crate) fn new(pace: FrameSampling, start: usize, tick_secs: f64) -> Self {
        Self {
            pace,
            seen: 0,
            instant: start,
            start,
            slack_secs: slack_secs(tick_secs),
        }
    }

    /// Goes on with a later window, from sampled frame `start` on.
    pub(crate) fn skip_to(&mut self, start: usize) {
        self.start = start;
        self.instant = self.instant.max(start);
    }

    /// Whether the next decoded frame is delivered; always `false` for [`FrameSampling::Fps`].
    pub(crate) fn takes_next(&mut self) -> bool {
        let number = self.seen;
        self.seen += 1;
        match self.pace {
            FrameSampling::Stride(stride) => {
                number >= self.start.saturating_mul(stride) && number.is_multiple_of(stride)
            }
            FrameSampling::Fps(_) => false,
        }
    }

    /// How many of the window's instants are over before `secs`, at most `limit`, since the last call; always 0 for [`FrameSampling::Stride`].
    pub(crate) fn instants_before(&mut self, secs: f64, limit: usize) -> usize {
        let FrameSampling::Fps(fps) = self.pace else {
            return 0;
        };
        let over = ((secs - self.slack_secs) * f64::from(fps)).ceil().max(0.0) as usize;
        let passed = over.saturating_sub(self.instant).min(limit);
        self.instant += passed;
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of `times` is delivered, the last one ending at `end`.
    fn copies(pace: FrameSampling, start: usize, tick: f64, times: &[f64], end: f64) -> Vec<usize> {
        let mut picker = Picker::new(pace, start, tick);
        let ends = times[1..].iter().chain([&end]);
        ends.map(|end| usize::from(picker.takes_next()) + picker.instants_before(*end, usize::MAX))
            .collect()
    }

    #[test]
    fn a_stride_counts_frames() {
        let times = [0.0, 0.1, 0.9, 1.0, 1.1, 1.2];
        assert_eq!(
            copies(FrameSampling::Stride(2), 0, 1e-3, &times, 2.0),
            [1, 0, 1, 0, 1, 0]
        );
        assert_eq!(
            copies(FrameSampling::Stride(2), 1, 1e-3, &times, 2.0),
            [0, 0, 1, 0, 1, 0]
        );
    }

    #[test]
    fn a_rate_picks_the_frame_that_is_shown() {
        // Instants 0, 0.1, 0.2, 0.3, 0.4; the second frame is shown from 0.15 to 0.35.
        assert_eq!(
            copies(FrameSampling::Fps(10.0), 0, 1e-4, &[0.0, 0.15, 0.35], 0.5),
            [2, 2, 1]
        );
        assert_eq!(
            copies(FrameSampling::Fps(10.0), 3, 1e-4, &[0.0, 0.15, 0.35], 0.5),
            [0, 1, 1]
        );
    }

    #[test]
    fn rounded_time_stamps_do_not_double_or_drop_frames() {
        let times: Vec<f64> = (0..300)
            .map(|n| (f64::from(n) / 30.0 * 1000.0).round() / 1000.0)
            .collect();
        assert!(
            copies(FrameSampling::Fps(30.0), 0, 1e-3, &times, 10.0)
                .iter()
                .all(|copies| *copies == 1)
        );
    }

    #[test]
    fn a_gap_in_the_clock_yields_no_more_than_was_asked_for() {
        let mut picker = Picker::new(FrameSampling::Fps(25.0), 0, 1e-3);
        assert_eq!(picker.instants_before(1e9, 7), 7);
        assert_eq!(picker.instants_before(f64::NAN, 7), 0);
    }
}
