//! Still pictures.

/// Resizing of pictures and masks: crop, pad, stretch.
pub mod fit;

/// PNG files.
pub mod png;

/// Many frames on one picture.
pub mod sheet;
