//! What every objective's table says of itself, and refusals that several have.

use std::path::Path;

use crate::plan::error::PlanError;
use crate::train::data::config::{ClipNeeds, TrainData};

/// What every objective's table says of itself.
pub trait ObjectiveTable {
    /// What the training reads of every clip of `[data]`: frames alone by default, nothing where it trains on imported
    /// slots.
    fn needs(&self) -> ClipNeeds {
        ClipNeeds::FRAMES
    }

    /// Folder of imported slots with the splits `train` and `val` that takes the place of `[data]`.
    fn imported_slots(&self) -> Option<&Path> {
        None
    }

    /// Refuses weights that exclude one another and windows that are longer than the clips.
    ///
    /// # Errors
    /// The first value that makes no sense, by its key.
    fn check(&self, _data: &TrainData) -> Result<(), PlanError> {
        Ok(())
    }
}

pub(super) fn refused(key: &'static str, reason: impl Into<String>) -> Result<(), PlanError> {
    Err(PlanError::Value {
        key,
        reason: reason.into(),
    })
}

/// Refuses windows that are empty or longer than the clips.
pub(super) fn check_window(
    key: &'static str,
    window: usize,
    data: &TrainData,
) -> Result<(), PlanError> {
    let frames = data.frames;
    if window == 0 {
        return refused(key, "is 0; the least is 1");
    }
    if window > frames {
        let reason =
            format!("asks for windows of {window} frames from clips of {frames} (`data.frames`)");
        return refused(key, reason);
    }
    Ok(())
}
