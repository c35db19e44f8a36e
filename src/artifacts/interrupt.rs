//! Ctrl-C and requests to end: work stops at the next safe place.

use std::sync::atomic::{AtomicI32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::error::RunError;
use super::progress::say;

/// The signal that came; 0 before.
static RECEIVED: AtomicI32 = AtomicI32::new(0);
/// What a process that a signal ended adds to its number.
const ENDED_BY: i32 = 128;

/// From now on SIGINT (Ctrl-C), SIGTERM and SIGHUP are acknowledged and noted; a second one ends the process at once.
///
/// # Errors
/// When the operating system does not allow it.
pub fn watch() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if RECEIVED.swap(signal, Ordering::SeqCst) != 0 {
                    std::process::exit(i32::from(exit_code()));
                }
                say("stopping at the next safe place; a second signal stops at once");
            }
        })?;
    Ok(())
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
