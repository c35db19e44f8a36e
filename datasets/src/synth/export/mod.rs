//! Generated clips on disk.

/// CLEVRER's and Physion's directory layouts.
pub mod layout;
