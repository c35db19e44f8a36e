//! Ctrl-C and requests to end: work stops at the next safe place, or where it is when that takes long.
//!
//! Everything that is kept is written under another name and renamed when it is whole, so that a process may end at any time.
//! A training alone has more to lose: it finishes its step (`Unfinished`) and writes a checkpoint.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::error::RunError;
use super::progress::say;

/// The signal that came; 0 before.
static RECEIVED: AtomicI32 = AtomicI32::new(0);
/// Pieces of work that are to be finished before the process ends.
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);
/// What is said beside when a signal comes.
static NOTE: Mutex<String> = Mutex::new(String::new());
/// What a process that a signal ended adds to its number.
const ENDED_BY: i32 = 128;
/// Time in which work may come to a safe place by itself.
const GRACE: Duration = Duration::from_millis(1500);

/// From now on SIGINT (Ctrl-C), SIGTERM and SIGHUP are acknowledged and noted; a second one ends the process at once, and so
/// does the first where nothing has stopped in a second and a half.
///
/// # Errors
/// When the operating system does not allow it.
pub fn watch() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let thread = || thread::Builder::new().name("signals".to_owned());
    thread().spawn(move || {
        for signal in signals.forever() {
            if RECEIVED.swap(signal, Ordering::SeqCst) != 0 {
                std::process::exit(i32::from(exit_code()));
            }
            let note = NOTE.lock().map(|note| note.clone()).unwrap_or_default();
            say(&format!(
                "stopping at the next safe place; a second signal stops at once{note}"
            ));
            if thread().spawn(end_late).is_err() {
                // The work itself looks at the signal as well.
            }
        }
    })?;
    Ok(())
}

/// Ends the process once the time for that is over and nothing is [unfinished](Unfinished).
fn end_late() {
    thread::sleep(GRACE);
    while UNFINISHED.load(Ordering::SeqCst) > 0 {
        thread::sleep(GRACE / 30);
    }
    let interrupted = RunError::Interrupted;
    say(&format!(
        "error: {interrupted}\n\nhint: {}",
        interrupted.hint()
    ));
    std::process::exit(i32::from(exit_code()));
}

/// What a person is told beside, when a signal comes: work that waits for other processes may not come to say it later.
pub fn note(text: &str) {
    if let Ok(mut note) = NOTE.lock() {
        *note = format!("; {text}");
    }
}

/// Work that a signal must not cut off, as long as this is held: it looks at [`pressed`] itself.
#[derive(Debug)]
pub struct Unfinished;

impl Unfinished {
    /// Begins such work.
    pub fn begin() -> Self {
        UNFINISHED.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether a signal came.
pub fn pressed() -> bool {
    RECEIVED.load(Ordering::SeqCst) != 0
}

/// An error once a signal came.
///
/// # Errors
/// [`RunError::Interrupted`].
pub fn check() -> Result<(), RunError> {
    if pressed() {
        Err(RunError::Interrupted)
    } else {
        Ok(())
    }
}

/// The exit code of a process that a signal ended: 130 after Ctrl-C, 143 after SIGTERM and SIGHUP.
pub fn exit_code() -> u8 {
    let signal = match RECEIVED.load(Ordering::SeqCst) {
        0 | SIGINT => SIGINT,
        _ => SIGTERM,
    };
    u8::try_from(ENDED_BY + signal).unwrap_or(u8::MAX)
}
