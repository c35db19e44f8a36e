//! One step of a pipeline each: settings, input artifacts, work, output artifact.

/// Reads a weights file, and builds its model on a device.
mod model_loading;

/// Videos → frames → slots and attention masks.
pub mod perceive;

/// Slots → predicted slots → frames → scores.
pub mod predict;

/// New scenes from slots of different clips.
pub mod compose;

/// Attention → masks → scores.
pub mod segment;

/// Question answering on CLEVRER.
pub mod clevrer;

/// Contact prediction on Physion.
pub mod physion;

/// Run folders and their pages.
pub mod report;

/// Slots of the official code → artifacts → `NumPy` archives.
pub mod slot_files;

pub use model_loading::{Loaded, load, open_stored};
