//! What stages leave behind: folders with a manifest and a file for each clip or one table.

/// Finished artifacts.
pub mod artifact;

/// Named arrays of one clip.
pub mod clip_file;

/// What an artifact is the result of.
pub mod key;

/// What an artifact holds, as a type.
pub mod kind;

/// An artifact that is being made.
pub mod partial;

/// Slots of clips on disk.
pub mod slots;
