//! The order of stages, one function a flow.

/// Flows that run other plans.
pub mod several;

/// Decode, encode, answer, score, report.
pub mod clevrer_vqa;

/// Decode, encode, roll out, read out, score, report.
pub mod physion_vqa;

/// Decode, encode, compose, render, evaluate, report.
pub mod compose;

/// Train one model.
pub mod train;

/// Decode, encode, roll out, render, answer, evaluate, report.
pub mod video_predict;

/// Decode, encode, segment, score, report.
pub mod segment;

/// Change the slots of a finished run's clip.
pub mod edit;

/// Edits of generated clips against the truth.
pub mod edit_benchmark;

/// Runs side by side.
pub mod compare;

/// Finished runs in a folder.
pub mod runs;

/// Predictions in folders → scores and a page.
pub mod eval;

/// Whether weights, frames and clips go together.
mod fits;
