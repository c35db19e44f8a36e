//! The clock of a stream: stamps that begin anywhere, and may begin again in the middle of a file.
//!
//! Files that were joined end to end (`cat a.ts b.ts`) carry the clock of each part. Time goes on where it was then.

/// How many frames a stamp may go back before the clock counts as a new one.
const BACK: f64 = 2.5;

/// The longest that a picture is shown, seconds: a stamp later than that is wrong, or the clock was set. At a given rate a
/// picture is delivered as long as it is shown, and one stamp of a small file could ask for all memory.
pub(crate) const LONGEST_SECS: f64 = 3600.0;

/// How long a picture is shown: as it says, or as usual where it says nothing or too much.
pub(crate) fn shown_secs(duration_secs: f64, usual_secs: f64) -> f64 {
    if duration_secs > 0.0 && duration_secs <= LONGEST_SECS {
        duration_secs
    } else {
        usual_secs.min(LONGEST_SECS)
    }
}

/// Seconds since the first stamp, never going back.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Usual length of a frame, seconds.
    usual_secs: f64,
    first: Option<f64>,
    /// What is added to a stamp since the clock began again.
    offset_secs: f64,
    /// What was added before, while the next stamp may still show that one was wrong.
    before: Option<f64>,
    /// Whether the next stamp may lie anywhere: the file was sought.
    jumped: bool,
    /// Whether a stamp was not taken as it is.
    began_again: bool,
    last_secs: f64,
    last_duration_secs: f64,
}

impl Clock {
    /// A clock for frames of a usual length.
    pub(crate) fn new(usual_secs: f64) -> Self {
        Self {
            usual_secs: usual_secs.min(LONGEST_SECS),
            first: None,
            offset_secs: 0.0,
            before: None,
            jumped: false,
            began_again: false,
            last_secs: 0.0,
            last_duration_secs: usual_secs.min(LONGEST_SECS),
        }
    }

    /// Seconds after the first stamp; without a stamp, a frame after the one before.
    pub(crate) fn at(&mut self, stamp: Option<f64>, duration_secs: f64) -> f64 {
        let stamp = stamp.filter(|secs| secs.is_finite());
        let secs = match (stamp, self.first) {
            (stamp, None) => {
                self.first = Some(stamp.unwrap_or(0.0));
                0.0
            }
            (Some(stamp), Some(first)) => self.since(stamp - first).max(self.last_secs),
            (None, Some(_)) => self.last_secs + self.usual_secs,
        };
        self.last_duration_secs = shown_secs(duration_secs, self.usual_secs);
        self.last_secs = secs;
        secs
    }

    /// The next stamp may lie anywhere after the first.
    pub(crate) fn jump(&mut self) {
        self.jumped = true;
    }

    /// Whether a clock began again, or a stamp was wrong.
    pub(crate) fn began_again(&self) -> bool {
        self.began_again
    }

    /// Time of a stamp by the clock that it belongs to.
    fn since(&mut self, stamp: f64) -> f64 {
        if std::mem::take(&mut self.jumped) && stamp >= self.last_secs {
            return stamp;
        }
        // One stamp far behind and the next in its place: that one was wrong, and no clock began.
        if let Some(before) = self.before.take()
            && (self.last_secs..=self.end_secs() + LONGEST_SECS).contains(&(stamp + before))
        {
            self.offset_secs = before;
        }
        let secs = stamp + self.offset_secs;
        let first = self.last_secs - BACK * self.usual_secs;
        if (first..=self.end_secs() + LONGEST_SECS).contains(&secs) {
            return secs;
        }
        self.began_again = true;
        self.before = Some(self.offset_secs);
        self.offset_secs += self.end_secs() - secs;
        self.end_secs()
    }

    /// The first stamp, seconds.
    pub(crate) fn first(&self) -> Option<f64> {
        self.first
    }

    /// Length of the last frame.
    pub(crate) fn last_duration_secs(&self) -> f64 {
        self.last_duration_secs
    }

    /// When the last frame is no longer shown, seconds after the first stamp.
    pub(crate) fn end_secs(&self) -> f64 {
        self.last_secs + self.last_duration_secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(stamps: &[f64]) -> Vec<f64> {
        let mut clock = Clock::new(0.1);
        let times = stamps.iter().map(|stamp| clock.at(Some(*stamp), 0.1));
        times.map(|secs| (secs * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn time_goes_on_where_a_clock_begins_again() {
        assert_eq!(times(&[5.0, 5.1, 5.2, 0.0, 0.1]), [0.0, 0.1, 0.2, 0.3, 0.4]);
        let thrice: Vec<f64> = [1.4, 1.5, 1.6, 1.7].repeat(3);
        let expected: Vec<f64> = (0..12).map(|n| f64::from(n) / 10.0).collect();
        assert_eq!(times(&thrice), expected);
    }

    #[test]
    fn one_wrong_stamp_is_no_new_clock_and_time_never_goes_back() {
        assert_eq!(
            times(&[0.0, 0.1, 0.2, 0.3, -7.0, 0.5, 0.6]),
            [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
        );
        assert_eq!(times(&[0.0, 0.2, 0.1, 0.3]), [0.0, 0.2, 0.2, 0.3]);
        assert_eq!(times(&[0.0, 9e99, 0.2, 0.3]), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(times(&[0.0, 1e9, 1e9 + 0.1]), [0.0, 0.1, 0.2]);
        assert_eq!(times(&[0.0, 3600.0]), [0.0, 3600.0]);
        let mut clock = Clock::new(0.1);
        assert_eq!(clock.at(None, 0.0), 0.0);
        assert_eq!(clock.at(Some(f64::NAN), 0.0), 0.1);
    }
}
