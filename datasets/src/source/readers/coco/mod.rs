//! COCO 2017: photographs with instances and classes.
//!
//! ```text
//! images/{train,val}2017/000000000009.jpg      or {train,val}2017/…
//! annotations/instances_{train,val}2017.json
//! ```
//!
//! The test split has no published annotations: papers report on `val2017`, and so `test` reads it too.
//!
//! # Source
//! SlotDiffusion `img_based/datasets/coco.py`: training leaves out pictures without annotations; crowds and ignored
//! annotations are no instances; a later instance lies over an earlier one; pixels of several instances are void.

/// Pictures of an annotation file, and where their annotations stand.
mod index;

/// Polygons as masks.
mod polygon;

/// The pictures with their labels.
mod reader;

/// A walk over a large JSON file.
mod scan;

pub use reader::open;

#[cfg(test)]
mod tests;
