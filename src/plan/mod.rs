//! What a person asks for, as typed and checked settings.

/// Everything that can be refused before work starts.
pub mod check;

/// The tables of a training.
pub mod training;

/// The tables of a prediction.
pub mod video_predict;

mod builtin;
mod error;
mod set;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use error::PlanError;
pub use training::TrainPlan;
pub use video_predict::VideoPredictPlan;

/// A plan of any flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Decode, perceive, imagine, draw, answer, judge, tell.
    VideoPredict(Box<VideoPredictPlan>),
    /// Train one model.
    Train(Box<TrainPlan>),
}

impl Plan {
    /// The plan of that name, else the one in that file, with changes of the form `table.key=value`.
    ///
    /// # Errors
    /// When there is none, it does not parse, or it has a key that nobody knows.
    pub fn load(name: &str, changes: &[String]) -> Result<Self, PlanError> {
        let (text, origin) = builtin::text(name)?;
        Self::parse(&text, &origin, changes)
    }

    /// The plan written in `text`; `origin` is named in messages.
    ///
    /// # Errors
    /// When it does not parse or has a key that nobody knows.
    pub fn parse(text: &str, origin: &Path, changes: &[String]) -> Result<Self, PlanError> {
        let bad = |reason: String| PlanError::Parse {
            reason,
            path: origin.to_owned(),
        };
        let mut table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| bad(error.message().to_owned()))?;
        for change in changes {
            set::apply(&mut table, change)?;
        }
        let flow = table
            .get("flow")
            .and_then(toml::Value::as_str)
            .unwrap_or("video-predict")
            .to_owned();
        let plan = match flow.as_str() {
            "video-predict" => Self::VideoPredict(Box::new(typed(table, origin)?)),
            "train" => Self::Train(Box::new(typed(table, origin)?)),
            _ => return Err(bad(format!("no flow is called `{flow}`"))),
        };
        check::plan(&plan)?;
        Ok(plan)
    }

    /// The plan as TOML, every value resolved.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        let text = match self {
            Self::VideoPredict(plan) => toml::to_string(plan),
            Self::Train(plan) => toml::to_string(plan),
        };
        text.map_err(|error| PlanError::Parse {
            reason: error.to_string(),
            path: "plan".into(),
        })
    }
}

/// The names of all built-in plans.
pub fn names() -> Vec<&'static str> {
    builtin::names()
}

fn typed<T: DeserializeOwned>(table: toml::Table, origin: &Path) -> Result<T, PlanError> {
    T::deserialize(table).map_err(|error| PlanError::Parse {
        reason: error.message().to_owned(),
        path: origin.to_owned(),
    })
}
