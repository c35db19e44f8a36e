//! Lines on stdout.

use super::failure::Failure;
use crate::artifacts::progress::printable;

/// Prints a line to stdout; a closed pipe is no error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let written = writeln!(std::io::stdout().lock(), "{}", printable(text));
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot print: {error}"),
            "check where the output goes",
        )),
        _ => Ok(()),
    }
}
