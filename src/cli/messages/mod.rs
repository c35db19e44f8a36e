//! What a command says: its result on stdout, its error with a hint.

/// Errors: message, hint, exit code.
pub mod failure;
/// Lines on stdout.
pub mod output;

/// Scores at the end of a command.
pub mod scores;
