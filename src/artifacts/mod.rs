//! A run: which artifacts are there, which are to be made, and why.

/// Why a run could not go on.
mod error;

/// How stages are run.
mod execution;

/// Panics.
pub mod fault;

/// Files that are there whole or not at all.
pub mod files;

/// What a cache holds.
pub mod inventory;

/// Ctrl-C and requests to end.
pub mod interrupt;

/// Places that one process works in.
pub mod lock;

/// How far a stage is.
pub mod progress;

/// The folder of a run.
pub mod run_folder;

/// Work in equal shares on many machines.
pub mod sharding;

/// What stages leave behind.
mod store;

pub use error::{ClipFault, RunError};
pub use execution::healing::healed;
pub use execution::options::{Context, Invocation, Options, RunShard};
pub use execution::run::{Record, Run};
pub use execution::stage::Stage;
pub use store::artifact::{Artifact, Manifest};
pub use store::clip_file::ClipFile;
pub use store::key::{self, ArtifactId, Input, Recipe};
pub use store::kind::{ArtifactKind, Includes, PerClip, Table};
pub use store::partial::Partial;
pub use store::slots::{self, ClipSlots, Slots};

#[cfg(test)]
mod tests;
