//! Why a request could not be answered, with the words of the command line.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::artifacts::RunError;
use crate::flows::video_predict::FlowError;
use crate::plan::edit::EditError;

/// Why a request could not be answered.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    hint: String,
}

impl Problem {
    /// A problem in these words.
    pub(super) fn new(status: StatusCode, message: &str, hint: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// A fault of ours.
    pub(super) fn fault(error: &dyn std::fmt::Display) -> Self {
        let error = RunError::Internal {
            reason: error.to_string(),
        };
        FlowError::Run(error).into()
    }

    /// The problem as the page reads it.
    pub(super) fn told(&self) -> Value {
        json!({ "message": self.message, "hint": self.hint })
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        let status = match &error {
            FlowError::Edit(EditError::RunGone { .. }) => StatusCode::GONE,
            FlowError::Edit(EditError::NoClip { .. }) => StatusCode::NOT_FOUND,
            FlowError::Edit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, &error.to_string(), &error.hint())
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        FlowError::Edit(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, json_response(&self.told())).into_response()
    }
}

/// An answer in JSON.
pub(super) fn json_response(value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, value.to_string()).into_response()
}
