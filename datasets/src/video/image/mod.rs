//! Still pictures.

/// Resizing of pictures and masks: crop, pad, stretch.
pub mod fit;

/// JPEG files.
pub mod jpeg;

/// Pictures of either kind, by their first bytes.
pub mod picture;

/// PNG files.
pub mod png;

/// Many frames on one picture.
pub mod sheet;
