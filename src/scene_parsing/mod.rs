//! What a head predicts from slots → what is in a clip and what happens there, as programs read it.

/// What the object and event head predicts, and how it is read.
pub mod head_output;

/// How probable each word for an object's appearance is.
pub mod appearance;

/// Objects, and the slots that hold them frame by frame.
pub mod tracking;

/// Collisions, entrances, exits and motion.
pub mod events;

/// Objects and events together.
pub mod scene;

/// How often all that differs from the truth.
pub mod misreadings;

/// True events with as many errors.
mod noise;

pub use events::{PossibleEvent, collision_candidates, collision_steps, video_frame_of};
pub use head_output::{HeadOutput, ParseSettings};
pub use misreadings::Misreadings;
pub use scene::{ParsedScene, drawn_events};
