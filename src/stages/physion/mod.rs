//! Contact prediction on Physion: readouts learn from slots of other clips, and are scored as Physion's papers do and by
//! checkpoints chosen on held-out clips.

/// The stage: slots observed and rolled out → will two objects touch?
pub mod contact_prediction;

/// What is read from how many frames: scores and answers.
mod column;

/// Slots of all clips of one part, and their outcomes.
pub mod labelled_slots;

/// Readouts and logistic regressions.
pub(crate) mod learned;

/// How readouts are trained and scored.
mod protocol;

/// Tables of contact prediction.
pub mod tables;
