//! Physion on disk: will the red object touch the yellow one? The official trees, or what our generator writes.
//!
//! ```text
//! PhysionTrainMP4s/<Scenario>_training_MP4s/NAME_img.mp4     no labels
//! PhysionTrainMP4s/<Scenario>_readout_MP4s/NAME_img.mp4      labels: PhysionTrainMP4s/readout_labels.csv
//! PhysionTestMP4s/<Scenario>/mp4s-redyellow/NAME-redyellow_img.mp4      labels: PhysionTestMP4s/labels.csv
//! NAME_img/000000.jpg, … beside NAME_img.mp4 or instead of it      frames, at any of the three places
//! splits/Physion/{training,readout}_{train,val}.json         SlotFormer's lists; without them names decide
//! ```
//!
//! A label file is a table of names and of `True` or `False` under `ground truth outcome` or `label`.

/// Label files.
pub mod labels;

/// Which clips are for training and which for validation.
mod lists;

/// The three parts, and where their videos lie.
pub mod part;

/// The clips of a part or split.
mod reader;

pub use labels::{name_of, read_labels};
pub use lists::part_to_train_on;
pub use part::Part;
pub use reader::{PhysionSource, open};

#[cfg(test)]
mod tests;
