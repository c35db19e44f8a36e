//! TFRecord files and the `tf.train.Example` messages in them, read without TensorFlow.

/// Length and checksum around every record.
pub mod framing;

/// The features of an example.
pub mod example;

pub use example::{Example, ExampleError};
pub use framing::{Shard, append};
