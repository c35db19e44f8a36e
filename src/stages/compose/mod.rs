//! New scenes from slots of different clips: composed, drawn by several decoders, scored, shown with their parents.

/// Which slots come together.
pub mod protocol;

/// Slots of clips → slots of scenes.
pub mod scenes;

/// Slots of scenes → frames.
pub mod render;

/// Scenes against real clips and against reconstructions → scores.
pub mod evaluate;

/// Pictures of scenes beside the frames that their slots came from.
mod pictures;

/// The run folder.
pub mod report;
