//! Processes that train one model together, on one machine or many.

/// The processes, what they do together, and one alone.
pub mod group;

/// The processes that a launcher started this one among.
pub mod launcher;

/// Ranks joined by MPI.
#[cfg(feature = "mpi")]
mod mpi;

/// Why ranks cannot train together.
mod error;

pub use error::RanksError;
