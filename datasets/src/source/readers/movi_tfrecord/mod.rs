//! MOVi-A to MOVi-E in the TFRecords of TensorFlow Datasets, as they lie in Kubric's bucket.
//!
//! ```text
//! movi_e/128x128/1.0.0/movi_e-train.tfrecord-00000-of-01024
//! movi_e/128x128/1.0.0/dataset_info.json      where it lies there, shards are compared with it
//! ```
//!
//! # Source
//! google-research/kubric `challenges/movi/movi_e.py`: features `video` and `segmentations` (lists of PNG files),
//! `metadata/num_frames`. Names of clips are the `tfds_id` of TensorFlow Datasets. Other features (depth, flow,
//! normals) are not decoded.

/// The clips, record by record.
mod reader;

/// The files: their folder, their names, and what is missing.
mod shards;

pub use reader::{FPS, open};
pub use shards::folder;

#[cfg(test)]
mod tests;
