//! Clips that lie as picture files: which files, and how they are read.

/// Files of a clip's frames and masks, and how they are read.
pub mod frame_files;

/// Frames and masks among the pictures of a folder.
pub mod layout;

/// Clips of a split that are one folder of pictures each.
pub mod source;

/// A video, a folder of its frames beside it, or both.
pub mod video_or_frames;
