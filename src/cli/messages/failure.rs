//! Errors as the command line reports them: message, hint and exit code.

use slotflow_datasets::DataError;

use crate::artifacts::{RunError, interrupt};
use crate::device::DeviceError;
use crate::plan::PlanError;
use crate::plan::edit::EditError;
use crate::stages::slot_files::SlotFileError;
use crate::train::TrainError;
use crate::weights::WeightsError;

/// Exit code of work that began and failed.
const FAILED: u8 = 1;
/// Exit code of a command that was refused before work began.
const REFUSED: u8 = 2;
/// Exit code of a fault of this program, as `sysexits.h` has it.
const INTERNAL: u8 = 70;

/// Error of a command.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong, path last.
    pub message: String,
    /// What can be done about it.
    pub hint: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// Error of work that began, exit code 1.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            code: FAILED,
        }
    }

    /// Fault of this program, exit code 70.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: "this is a fault of slotflow; please report it with the command. `RUST_BACKTRACE=1` says where it was"
                .to_owned(),
            code: INTERNAL,
        }
    }

    /// Refusal before work began, exit code 2.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            code: REFUSED,
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}

impl From<SlotFileError> for Failure {
    fn from(error: SlotFileError) -> Self {
        match error {
            SlotFileError::Weights(error) => error.into(),
            SlotFileError::Run(error) => error.into(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let code = match error {
            RunError::Interrupted => interrupt::exit_code(),
            RunError::Busy { .. } | RunError::Taken { .. } | RunError::Foreign { .. } => REFUSED,
            _ => FAILED,
        };
        Self {
            code,
            ..Self::failed(error.to_string(), error.hint())
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Run(error) => error.into(),
            TrainError::Source(
                error @ (DataError::NotGenerated { .. }
                | DataError::NoRoot { .. }
                | DataError::NoVideos { .. }
                | DataError::Missing { .. }),
            ) => Self::refused(error.to_string(), error.hint()),
            TrainError::Weights(error @ WeightsError::NoSlots { .. }) => error.into(),
            TrainError::Changed { .. } | TrainError::Ranks(_) => {
                Self::refused(error.to_string(), error.hint())
            }
            other => Self::failed(other.to_string(), other.hint()),
        }
    }
}
