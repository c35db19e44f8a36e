//! Data sets: their readers, the built-in generator, video files, and questions about clips.
//! FFmpeg stops at this crate's door; nothing here knows a tensor.
#![expect(
    clippy::needless_pass_by_value,
    reason = "an array view is a borrow already"
)]

/// Errors of reading and writing data.
pub mod error;

/// Which frames of a clip are sampled, and their size.
pub mod window;

/// Questions, their programs and their words.
pub mod question;

/// A clip: frames, masks and questions.
pub mod clip;

/// Files of any content: folders, arrays, records, masks; and how they are written.
pub mod files;

/// Video files in and out.
pub mod video;

/// The built-in generator.
pub mod synth;

/// Data sets and their readers.
pub mod source;

/// Frames of many clips, decoded once.
pub mod frame_cache;

/// Whether a copy of a data set is whole.
pub mod doctor;

pub use clip::{Clip, ClipId, Sample, VideoWindow};
pub use error::DataError;
pub use files::{checksum, damage, listing, memory, numpy, partial, regular, rle, tfrecord};
pub use frame_cache::FrameCache;
pub use question::{Ask, Choice, Question, QuestionKind};
pub use source::{ClipReader, Dataset, GroundTruth, Source, SourceConfig, Split};
pub use window::{Fit, FrameSampling, Window};
