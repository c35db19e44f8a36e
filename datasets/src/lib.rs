//! What there is to see: videos, generated scenes, and questions about them.
//! FFmpeg stops at this crate's door; nothing here knows a tensor.
#![expect(
    clippy::needless_pass_by_value,
    reason = "an array view is a borrow already"
)]

/// Why data could not be read or written.
pub mod error;

/// Which frames of a clip, at what size.
pub mod window;

/// Questions, their programs and their words.
pub mod question;

/// Masks in COCO's compressed form.
pub mod rle;

/// What a camera saw.
pub mod clip;

/// Files and folders that appear whole or not at all.
pub mod partial;

/// What lies in a folder.
pub mod listing;

/// Video files in and out.
pub mod video;

/// The built-in generator.
pub mod synth;

/// Where clips come from.
pub mod source;

pub use clip::{Clip, ClipId, Sample};
pub use error::DataError;
pub use question::{Ask, Choice, Question, QuestionKind};
pub use source::{Dataset, GroundTruth, Source, SourceConfig, Split};
pub use window::{Fit, FrameSampling, Window};
