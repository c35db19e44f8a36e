//! One step each: settings, inputs, work.

/// Slots and questions → answers.
pub mod answer;

/// Slots → will two objects touch?
pub mod contact;

/// Clips → frames, masks and questions.
pub mod decode;

/// Frames → slots and masks.
pub mod encode;

/// Truth against what was made → scores.
pub mod evaluate;

/// A run's folder, whole or not at all.
pub mod folder;

/// Slots → frames.
pub mod render;

/// Answers → a folder and a page.
pub mod answer_report;

/// Everything → a folder and a page.
pub mod report;

/// Answers → scores.
pub mod grade;

/// What would be, read off imagined slots.
pub mod imagine;

/// The truth, for sources that know.
pub mod know;

/// Slots → events → answers.
pub mod reason;

/// Slots seen → slots imagined.
pub mod rollout;

mod shared;

pub use shared::{Loaded, load};
