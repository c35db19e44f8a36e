//! Ctrl-C: work stops at the next safe place.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RunError;

static PRESSED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM are noted; a second one ends the process at once.
///
/// # Errors
/// When the operating system does not allow it.
pub fn watch() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if PRESSED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
}

/// Whether Ctrl-C was pressed.
pub fn pressed() -> bool {
    PRESSED.load(Ordering::SeqCst)
}

/// An error once Ctrl-C was pressed.
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
