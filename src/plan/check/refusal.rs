//! How a value is refused.

use slotflow_datasets::Dataset;

use crate::plan::PlanError;

/// Refuses the value of a key.
pub(super) fn value(key: &'static str, reason: impl Into<String>) -> Result<(), PlanError> {
    Err(PlanError::Value {
        key,
        reason: reason.into(),
    })
}

/// Why a folder has no place beside a data set that is generated.
pub(super) fn generated_root(dataset: Dataset) -> String {
    format!(
        "names a folder, and the clips of `{dataset}` are generated; say which data set lies there with `--dataset NAME`"
    )
}
