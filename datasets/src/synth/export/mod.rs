//! Generated clips and pictures on disk.

/// CLEVRER's directory layout.
pub mod layout;

/// COCO's and `CelebA`'s directory layouts.
pub mod pictures;
