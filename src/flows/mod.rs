//! The order of steps, one function a flow.

/// Train every model, then predict.
pub mod speedrun;

/// Decode, perceive, answer, judge, tell.
pub mod clevrer_vqa;

/// Decode, perceive, imagine, read out, judge, tell.
pub mod physion_vqa;

/// Train one model.
pub mod train;

/// Decode, perceive, imagine, draw, answer, judge, tell.
pub mod video_predict;

/// Runs side by side.
pub mod compare;

/// The page about two folders that were judged.
pub mod judged;
