//! Bounds of what is read, and the rate of what names none.

/// The longest side of a frame that is read, pixels.
pub const MAX_SIDE: usize = 16_384;

/// The most pixels of a frame that is read.
pub const MAX_PIXELS: usize = 64 << 20;

/// Frames a second of what names no rate: frame folders, single pictures.
pub const UNKNOWN_FPS: f32 = 12.0;
