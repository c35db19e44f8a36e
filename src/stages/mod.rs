//! One step each: settings, inputs, work.

/// Slots and questions → answers.
pub mod answer;

/// Clips → frames, masks and questions.
pub mod decode;

/// Frames → slots and masks.
pub mod encode;

/// Truth against what was made → scores.
pub mod evaluate;

/// Slots → frames.
pub mod render;

/// Everything → a folder and a page.
pub mod report;

/// Slots seen → slots imagined.
pub mod rollout;

mod shared;

pub use shared::{Loaded, load};
