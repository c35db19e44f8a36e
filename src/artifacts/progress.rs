//! How far a stage is, on stderr: a bar on a terminal, plain lines elsewhere; with the time that it took and will take.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Time between two lines about work that takes long, where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(15);
/// Time of work below which its line does not name it.
const NAMED_FROM: Duration = Duration::from_secs(1);
/// Positions of the bar in a step.
const FINE: f64 = 1000.0;

/// How far a stage is.
#[derive(Debug)]
pub struct Progress {
    name: String,
    total: usize,
    done: AtomicUsize,
    rate: Arc<Mutex<Rate>>,
    bar: Option<ProgressBar>,
    quiet: bool,
    watch: Watch,
}

/// Hears how far a stage is, beside what is said on stderr.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<dyn Fn(Reached) + Send + Sync>>);

/// How far a stage is.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// What is done of all, 0..1.
    pub share: f64,
    /// What is done of the step at hand, such as `12 of 24 frames`; empty where that is unknown.
    pub part: String,
}

impl Watch {
    /// Tells `hear` of every step and part, on the thread that works.
    pub fn new(hear: impl Fn(Reached) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(if self.0.is_some() { "Watch" } else { "nobody" })
    }
}

/// How fast the work goes. Steps are counted whole and in parts.
#[derive(Debug, Clone, PartialEq)]
struct Rate {
    began: Instant,
    /// Steps that were done before.
    first: f64,
    total: f64,
    /// Steps that are done, and when that was known.
    now: (f64, Duration),
    /// What is done of the step at hand, in words; empty where that is unknown.
    part: String,
    /// When the last line was written.
    said: Duration,
}

impl Rate {
    fn new(total: usize) -> Self {
        Self {
            began: Instant::now(),
            first: 0.0,
            total: total as f64,
            now: (0.0, Duration::ZERO),
            part: String::new(),
            said: Duration::ZERO,
        }
    }

    /// Time that the rest will take at the rate so far, `elapsed` after the beginning; `None` before anything is done and
    /// behind the end.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let (now, at) = self.now;
        let (done, rest) = (now - self.first, self.total - now);
        let is_known = done > 0.0 && rest > 0.0 && !at.is_zero();
        is_known.then(|| {
            at.mul_f64(rest / done)
                .saturating_sub(elapsed.saturating_sub(at))
        })
    }

    /// Time so far and time left, in words, each after a comma; empty where both are short.
    fn times(&self, elapsed: Duration) -> String {
        let so_far = if elapsed >= NAMED_FROM {
            format!(", {}", in_words(elapsed))
        } else {
            String::new()
        };
        let left = self.left(elapsed).filter(|left| *left >= NAMED_FROM);
        left.map_or(so_far.clone(), |left| {
            format!("{so_far}, about {} left", in_words(left))
        })
    }
}

/// A time as people say it.
fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

impl Progress {
    /// A stage of `total` steps at its beginning.
    pub fn new(name: &str, total: usize, quiet: bool) -> Self {
        let rate = Arc::new(Mutex::new(Rate::new(total)));
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| bar(name, total, &rate));
        Self {
            name: name.to_owned(),
            total,
            done: AtomicUsize::new(0),
            rate,
            bar,
            quiet,
            watch: Watch::default(),
        }
    }

    /// The same, told to `watch` as well.
    #[must_use]
    pub fn watched(mut self, watch: &Watch) -> Self {
        self.watch = watch.clone();
        self
    }

    /// One that says nothing, for work that nobody watches.
    pub fn silent() -> Self {
        Self::new("", 0, true)
    }

    /// Sets the number of steps that were finished before the work begins.
    pub fn set(&self, done: usize) {
        self.done.store(done, Ordering::Relaxed);
        self.change(|rate| (rate.first, rate.now.0) = (done as f64, done as f64));
    }

    /// One step more.
    pub fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.change(|rate| {
            rate.now = (rate.now.0.max(done as f64), rate.began.elapsed());
            rate.part.clear();
        });
        self.line(done == self.total || done.is_multiple_of((self.total / 4).max(1)));
    }

    /// `done` steps in all by now, for work that does several at a time.
    pub fn reach(&self, done: usize) {
        let before = self.done.swap(done, Ordering::Relaxed);
        self.change(|rate| rate.now = (done as f64, rate.began.elapsed()));
        let quarter = (self.total / 4).max(1);
        self.line(done == self.total || done / quarter > before / quarter);
    }

    /// Of the step at hand, `done` of `total` parts are done; `what` names them, such as `frames`.
    pub fn part(&self, done: usize, total: usize, what: &str) {
        let share = done as f64 / total.max(1) as f64;
        let whole = self.done.load(Ordering::Relaxed) as f64;
        self.change(|rate| {
            rate.now = (whole + share.min(1.0), rate.began.elapsed());
            rate.part = format!(", {done} of {total} {what}");
        });
        self.line(false);
    }

    /// A word beside the bar; nothing where there is no terminal.
    pub fn beside(&self, text: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text());
        }
    }

    /// A line, above the bar where there is one.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(format!("{:>10} {text}", self.name)),
            None if !self.quiet => say(&format!("{:>10} {text}", self.name)),
            None => {}
        }
    }

    fn rate(&self) -> std::sync::MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rate, and once nobody holds it draws the bar and tells who watches.
    fn change(&self, change: impl FnOnce(&mut Rate)) {
        let (done, part) = {
            let mut rate = self.rate();
            change(&mut rate);
            (rate.now.0, rate.part.clone())
        };
        if let Some(bar) = &self.bar {
            bar.set_position((done * FINE) as u64);
        }
        if let Some(hear) = &self.watch.0 {
            hear(Reached {
                share: done / self.total.max(1) as f64,
                part: part.trim_start_matches(", ").to_owned(),
            });
        }
    }

    /// Writes a line where there is no bar: where one is due, and while nothing was written for long.
    fn line(&self, is_due: bool) {
        if self.quiet || self.bar.is_some() {
            return;
        }
        let mut rate = self.rate();
        let elapsed = rate.began.elapsed();
        let is_late = elapsed.saturating_sub(rate.said) >= BETWEEN_LINES;
        // The first estimate of long work comes as soon as there is one.
        let is_first = rate.said.is_zero()
            && elapsed >= NAMED_FROM
            && rate.left(elapsed).is_some_and(|left| left >= BETWEEN_LINES);
        if is_due || is_late || is_first {
            rate.said = elapsed;
            let done = self.done.load(Ordering::Relaxed);
            let (part, times) = (&rate.part, rate.times(elapsed));
            say(&format!(
                "{:>10} {done}/{}{part}{times}",
                self.name, self.total
            ));
        }
    }
}

/// A bar that says what is done, also of the step at hand, and the times; it moves although nothing is done.
fn bar(name: &str, total: usize, rate: &Arc<Mutex<Rate>>) -> ProgressBar {
    let length = (total as f64 * FINE) as u64;
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let rate = Arc::clone(rate);
    let count = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
        let rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, total) = (rate.now.0 + 1e-9, rate.total);
        let written = write!(
            to,
            "{done:.0}/{total:.0}{}{}",
            rate.part,
            rate.times(rate.began.elapsed()),
            done = done.floor()
        );
        if written.is_err() {
            // A bar without its text is no reason to stop.
        }
    };
    let style = ProgressStyle::with_template("{prefix:>10} {spinner} {bar:24} {count} {msg}");
    if let Ok(style) = style {
        bar.set_style(style.with_key("count", count));
    }
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A text without what a terminal would obey: control characters, which names of files may hold, are spelt out.
pub fn printable(text: &str) -> Cow<'_, str> {
    // Direction marks turn the text around them.
    let obeyed = |letter: char| {
        (letter.is_control() && !matches!(letter, '\n' | '\t'))
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(obeyed) {
        return Cow::Borrowed(text);
    }
    let spelt = |letter: char| {
        if obeyed(letter) {
            letter.escape_default().to_string()
        } else {
            letter.to_string()
        }
    };
    Cow::Owned(text.chars().map(spelt).collect())
}

/// A line on stderr. A closed stderr is no reason to stop.
pub fn say(text: &str) {
    let text = printable(text);
    if writeln!(std::io::stderr().lock(), "{text}").is_err() {
        // A closed stderr is no reason to stop.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(first: f64, now: f64, seconds: u64) -> Rate {
        Rate {
            first,
            now: (now, Duration::from_secs(seconds)),
            ..Rate::new(6)
        }
    }

    #[test]
    fn the_time_left_follows_the_pace_of_what_was_done_here() {
        let at = Duration::from_secs;
        assert_eq!(rate(0.0, 0.0, 5).left(at(5)), None, "nothing is done");
        assert_eq!(rate(0.0, 0.5, 5).left(at(5)), Some(at(55)), "half a step");
        assert_eq!(
            rate(3.0, 4.5, 6).left(at(6)),
            Some(at(6)),
            "three were done before"
        );
        assert_eq!(
            rate(0.0, 3.0, 30).left(at(40)),
            Some(at(20)),
            "it counts down between parts"
        );
        assert_eq!(rate(0.0, 6.0, 30).left(at(30)), None, "all is done");
    }

    #[test]
    fn a_terminal_is_told_nothing_to_obey() {
        assert_eq!(printable("a\tb\nü"), "a\tb\nü");
        assert_eq!(
            printable("\u{1b}[31m\u{7}\u{202e}"),
            "\\u{1b}[31m\\u{7}\\u{202e}"
        );
    }

    #[test]
    fn times_are_named_where_they_are_worth_it() {
        let at = Duration::from_secs;
        assert_eq!(rate(0.0, 3.0, 0).times(Duration::ZERO), "");
        assert_eq!(
            rate(0.0, 2.0, 50).times(at(50)),
            ", 50 s, about 1 min 40 s left"
        );
        assert_eq!(rate(0.0, 6.0, 7260).times(at(7260)), ", 2 h 1 min");
    }

    #[test]
    fn who_watches_hears_of_steps_and_parts() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        let watch = Watch::new(move |reached| hear.lock().unwrap().push(reached));
        let progress = Progress::new("render", 2, true).watched(&watch);
        progress.part(6, 24, "frames");
        progress.advance();
        let heard = heard.lock().unwrap();
        let told: Vec<_> = heard.iter().map(|one| (one.share, &*one.part)).collect();
        assert_eq!(told, [(0.125, "6 of 24 frames"), (0.5, "")]);
    }

    #[test]
    fn parts_count_within_their_step_and_end_with_it() {
        let progress = Progress::new("render", 3, true);
        progress.set(1);
        progress.part(21, 42, "frames");
        let half = progress.rate().clone();
        assert_eq!((half.first, half.now.0), (1.0, 1.5));
        assert_eq!(half.part, ", 21 of 42 frames");
        progress.advance();
        let next = progress.rate().clone();
        assert_eq!((next.now.0, next.part.as_str()), (2.0, ""));
    }
}
