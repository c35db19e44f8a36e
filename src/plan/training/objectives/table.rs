//! What every objective's table says of itself, and refusals that several have.

use std::path::Path;

use crate::models::WeightsKind;
use crate::plan::error::PlanError;
use crate::plan::video_predict::WeightsName;
use crate::train::data::config::{ClipNeeds, TrainData};

/// A weights file that a training starts from.
#[derive(Debug, Clone, Copy)]
pub struct StartWeights<'a> {
    /// The key that names it.
    pub key: &'static str,
    /// The file.
    pub name: &'a WeightsName,
    /// The model that it must hold; unset = a decoder of any kind.
    pub kind: Option<WeightsKind>,
}

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

    /// Weights files that the training starts from.
    fn starts_from(&self) -> Vec<StartWeights<'_>> {
        Vec::new()
    }

    /// Refuses weights that exclude one another and windows that are longer than the clips.
    ///
    /// # Errors
    /// The first value that makes no sense, by its key.
    fn check(&self, _data: &TrainData) -> Result<(), PlanError> {
        Ok(())
    }
}

/// The files that are named.
pub(super) fn named<'a>(
    all: impl IntoIterator<Item = (&'static str, Option<&'a WeightsName>, Option<WeightsKind>)>,
) -> Vec<StartWeights<'a>> {
    all.into_iter()
        .filter_map(|(key, name, kind)| {
            Some(StartWeights {
                key,
                name: name?,
                kind,
            })
        })
        .collect()
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

/// Refuses a factor of the learning rate that is none.
pub(super) fn check_rate(key: &'static str, rate: f64) -> Result<(), PlanError> {
    if rate.is_finite() && rate >= 0.0 {
        return Ok(());
    }
    refused(key, format!("is {rate}; it is a factor, 0 or above"))
}
