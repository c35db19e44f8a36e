//! How stages are run: each once, then found in the cache.

/// How a run is done.
pub mod options;

/// Stages in order, and what became of them.
pub mod run;

/// One step of a pipeline.
pub mod stage;

/// Damaged files are made again.
pub mod healing;
