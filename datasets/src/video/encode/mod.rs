//! Frames to files.

/// FFmpeg's encoders and containers: H.264 in MP4, VP9 in WebM.
pub mod coded;

/// Video files of every format that is written.
pub mod write;
