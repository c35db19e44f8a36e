//! Files to frames.

/// The first video stream of a file and its decoder.
pub mod open;

/// Decoded pictures of a file, in the order in which they are shown.
pub mod pictures;

/// Clocks that begin again.
mod clock;

/// Frames and seconds of a file, by its packets.
pub mod extent;

/// Which decoded pictures are sampled.
pub mod frame_picker;

/// Turns and mirrorings that a file's display matrix asks for.
pub mod rotation;

/// Decoded pictures to RGB pixels of the asked size.
pub mod scale;

/// Sampled frames of a file.
pub mod read;

/// Windows of a file in one pass.
pub mod consecutive;
