//! Own material: what lies in a folder, and which split each clip belongs to.

/// Clips below a folder.
pub mod discover;

/// Splits of own clips.
pub mod partition;

/// Own pictures.
pub mod pictures;

/// Own videos: files, folders of them, folders of numbered pictures.
pub mod folder;

/// Own videos, cut into clips of equal length.
pub mod windowed;
