//! Whether a copy of a data set is whole: every clip is read once, nothing is written.

/// What was found: counts of each split, faults, notes.
pub mod report;

/// All clips of a data set → a report.
pub mod examine;

/// One clip → its measures and its own faults.
mod clip;

/// Gaps in numbered names.
mod numbering;

/// Clips of a split against one another and against what is published.
mod compare;

/// The report as text.
pub mod table;

pub use examine::Doctor;
pub use report::{Fault, FaultKind, Report, SplitReport};

#[cfg(test)]
mod tests;
