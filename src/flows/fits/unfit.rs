//! Why settings, weights and clips do not go together.

use crate::models::encoder::SlotEncoderConfig;
use crate::plan::PlanError;
use crate::weights::WeightsError;

/// Why settings, weights and clips do not go together.
#[derive(Debug, thiserror::Error)]
pub(in crate::flows) enum UnfitError {
    /// A setting that does not fit weights or clips.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Weights that cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

pub fn refused<T>(key: &'static str, reason: String) -> Result<T, UnfitError> {
    Err(PlanError::Value { key, reason }.into())
}

/// Refuses frames of another size than an encoder's.
pub fn resolution(
    key: &'static str,
    size: [usize; 2],
    config: &SlotEncoderConfig,
) -> Result<(), UnfitError> {
    if size == config.resolution {
        return Ok(());
    }
    let reason = format!(
        "is {size:?}, and the encoder takes frames of {:?}",
        config.resolution
    );
    refused(key, reason)
}
