//! Video files in and out.

/// The longest side of a frame that is read, pixels.
pub const MAX_SIDE: usize = 16_384;

/// The most pixels of a frame that is read.
pub const MAX_PIXELS: usize = 64 << 20;
