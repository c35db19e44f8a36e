//! How far a stage is, on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a stage is.
#[derive(Debug)]
pub struct Progress {
    name: String,
    total: usize,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// A stage of `total` steps at its beginning.
    pub fn new(name: &str, total: usize, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{prefix:>10} {bar:30} {pos}/{len} {msg} {eta}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Self {
            name: name.to_owned(),
            total,
            done: AtomicUsize::new(0),
            bar,
            quiet,
        }
    }

    /// Sets the number of finished steps.
    pub fn set(&self, done: usize) {
        self.done.store(done, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        }
    }

    /// One step more.
    pub fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.bar {
            Some(bar) => bar.set_position(done as u64),
            None if !self.quiet
                && (done == self.total || done.is_multiple_of((self.total / 4).max(1))) =>
            {
                say(&format!("{:>10} {done}/{}", self.name, self.total));
            }
            None => {}
        }
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
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line on stderr. A closed stderr is no reason to stop.
pub fn say(text: &str) {
    if writeln!(std::io::stderr().lock(), "{text}").is_err() {
        // A closed stderr is no reason to stop.
    }
}
