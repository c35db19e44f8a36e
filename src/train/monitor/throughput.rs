//! How fast a training goes, and how much of it is waiting for data.

/// Share of the time spent waiting for data that is worth a warning.
const STARVING: f64 = 0.1;

/// How fast a training goes, and how much of it is waiting.
#[derive(Debug, Default)]
pub struct ThroughputMeter {
    seconds: f64,
    waited: f64,
    steps: u64,
    warned: bool,
}

/// What a [`ThroughputMeter`] measured since it was last read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throughput {
    /// Steps a second.
    pub steps: f64,
    /// Share of the time spent waiting for data, 0..1.
    pub waiting: f64,
}

impl ThroughputMeter {
    /// Notes a step that took `seconds`, of which `waited` for its data.
    pub fn step(&mut self, seconds: f64, waited: f64) {
        self.seconds += seconds;
        self.waited += waited;
        self.steps += 1;
    }

    /// Throughput since the last reading.
    pub fn read(&mut self) -> Throughput {
        let seconds = self.seconds.max(1e-9);
        let throughput = Throughput {
            steps: self.steps as f64 / seconds,
            waiting: self.waited / seconds,
        };
        *self = Self {
            warned: self.warned,
            ..Self::default()
        };
        throughput
    }

    /// Whether waiting for data is worth a warning, which is given once.
    pub fn is_news(&mut self, throughput: &Throughput) -> bool {
        let news = throughput.waiting > STARVING && !self.warned;
        self.warned |= news;
        news
    }
}

impl Throughput {
    /// The time that so many steps take, for a person.
    pub fn time_for(&self, steps: u64) -> String {
        let seconds = steps as f64 / self.steps.max(1e-9);
        let (hours, minutes) = (seconds / 3600.0, seconds / 60.0);
        if hours >= 1.5 {
            format!("{hours:.1} h")
        } else if minutes >= 1.5 {
            format!("{minutes:.0} min")
        } else {
            format!("{seconds:.0} s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_data_is_news_once() {
        let mut meter = ThroughputMeter::default();
        meter.step(1.0, 0.05);
        let calm = meter.read();
        assert!(!meter.is_news(&calm));
        meter.step(1.0, 0.5);
        let slow = meter.read();
        assert_eq!((slow.steps, slow.waiting), (1.0, 0.5));
        assert!(meter.is_news(&slow) && !meter.is_news(&slow));
        assert_eq!(
            (slow.time_for(60), slow.time_for(6000)),
            ("60 s".into(), "1.7 h".into())
        );
    }
}
