//! Generated clips on disk.

/// CLEVRER's and Physion's directory layouts.
pub mod layout;

/// Frames and masks of a training's clips, in two files.
pub mod frame_cache;
