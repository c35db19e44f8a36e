//! A run: which artifacts are there, which are to be made, and why.

/// Named arrays of one clip.
pub mod clip_file;

/// Files that are there whole or not at all.
pub mod files;

/// Ctrl-C.
pub mod interrupt;

/// What an artifact is the result of.
pub mod key;

/// A folder that one process works in.
pub mod lock;

/// How far a stage is.
pub mod progress;

/// Slots of clips on disk.
pub mod slots;

/// A finished artifact: its folder and manifest.
mod artifact;
/// Reasons why a run stops.
mod error;
/// What an artifact holds, as a type.
mod kind;
/// Options of a run, and what a stage knows of them.
mod options;
/// An artifact that is being made.
mod partial;
/// Stages in order, each done once and then found in the cache.
mod run;
/// One step of a run.
mod stage;

pub use artifact::{Artifact, Manifest};
pub use clip_file::ClipFile;
pub use error::RunError;
pub use key::{ArtifactId, Input, Recipe};
pub use kind::{ArtifactKind, Includes, PerClip, Table};
pub use options::{Context, Options};
pub use partial::Partial;
pub use run::{Record, Run};
pub use slots::{ClipSlots, Slots};
pub use stage::Stage;

#[cfg(test)]
mod tests;
