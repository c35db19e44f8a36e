//! What a person asks for, as typed and checked settings.

/// Everything that can be refused before work starts.
pub mod check;

/// Plans in a row: train, then predict.
pub mod speedrun;

/// The tables of question answering.
pub mod clevrer_vqa;

/// The tables of contact prediction.
pub mod physion_vqa;

/// The tables of a training.
pub mod training;

/// The tables of a prediction.
pub mod video_predict;

mod builtin;
mod earlier;
mod error;
mod set;

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::artifacts::progress::say;

pub use clevrer_vqa::ClevrerVqaPlan;
pub use error::PlanError;
pub use physion_vqa::PhysionVqaPlan;
pub use speedrun::SpeedrunPlan;
pub use training::TrainPlan;
pub use video_predict::VideoPredictPlan;

/// A plan of any flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Decode, perceive, imagine, draw, answer, judge, tell.
    VideoPredict(Box<VideoPredictPlan>),
    /// Decode, perceive, answer, judge, tell.
    ClevrerVqa(Box<ClevrerVqaPlan>),
    /// Decode, perceive, imagine, read out, judge, tell.
    PhysionVqa(Box<PhysionVqaPlan>),
    /// Train one model.
    Train(Box<TrainPlan>),
    /// Train several, then predict with them.
    Speedrun(Box<SpeedrunPlan>),
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

    /// The same, with `folder` in place of the folder `runs`.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub fn load_inside(name: &str, changes: &[String], folder: &Path) -> Result<Self, PlanError> {
        let (text, origin) = builtin::text(name)?;
        let mut table = changed(&text, &origin, changes)?;
        table.iter_mut().for_each(|(_, value)| moved(value, folder));
        Self::typed(table, &origin)
    }

    /// The plan written in `text`; `origin` is named in messages.
    ///
    /// # Errors
    /// When it does not parse or has a key that nobody knows.
    pub fn parse(text: &str, origin: &Path, changes: &[String]) -> Result<Self, PlanError> {
        Self::typed(changed(text, origin, changes)?, origin)
    }

    fn typed(mut table: toml::Table, origin: &Path) -> Result<Self, PlanError> {
        let flow = table
            .get("flow")
            .and_then(toml::Value::as_str)
            .unwrap_or("video-predict")
            .to_owned();
        let plan = match flow.as_str() {
            "video-predict" => Self::VideoPredict(Box::new(typed(table, origin)?)),
            "clevrer-vqa" => {
                ClevrerVqaPlan::rooted(&mut table);
                Self::ClevrerVqa(Box::new(typed(table, origin)?))
            }
            "physion-vqa" => {
                let plan: PhysionVqaPlan = typed(table, origin)?;
                Self::PhysionVqa(Box::new(plan.rooted()))
            }
            "train" => Self::Train(Box::new(typed(table, origin)?)),
            "speedrun" => Self::Speedrun(Box::new(typed(table, origin)?)),
            _ => {
                return Err(PlanError::Parse {
                    reason: format!("no flow is called `{flow}`"),
                    path: origin.to_owned(),
                });
            }
        };
        check::plan(&plan)?;
        Ok(plan)
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        match self {
            Self::VideoPredict(plan) => plan.seed,
            Self::ClevrerVqa(plan) => plan.seed,
            Self::PhysionVqa(plan) => plan.seed,
            Self::Train(plan) => plan.seed,
            Self::Speedrun(plan) => plan.seed,
        }
    }

    /// The plan as TOML, every value resolved.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        let text = match self {
            Self::VideoPredict(plan) => toml::to_string(plan),
            Self::ClevrerVqa(plan) => toml::to_string(plan),
            Self::PhysionVqa(plan) => toml::to_string(plan),
            Self::Train(plan) => toml::to_string(plan),
            Self::Speedrun(plan) => toml::to_string(plan),
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

/// The table of a plan with changes.
fn changed(text: &str, origin: &Path, changes: &[String]) -> Result<toml::Table, PlanError> {
    let parsed = text.parse();
    let fault = |reason: String| PlanError::Parse {
        reason,
        path: origin.to_owned(),
    };
    let mut table: toml::Table =
        parsed.map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    earlier::rename(&mut table).map_err(fault)?;
    for change in changes {
        set::apply(&mut table, change)?;
    }
    for note in earlier::drop_unread(&mut table) {
        say(&note);
    }
    Ok(table)
}

/// Puts `folder` in the place of `runs` wherever a value begins with it.
fn moved(value: &mut toml::Value, folder: &Path) {
    match value {
        toml::Value::String(text) => {
            if let Some(rest) = text.strip_prefix("runs/") {
                *text = folder.join(rest).display().to_string();
            }
        }
        toml::Value::Array(values) => values.iter_mut().for_each(|value| moved(value, folder)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| moved(value, folder)),
        _ => {}
    }
}

fn typed<T: DeserializeOwned>(table: toml::Table, origin: &Path) -> Result<T, PlanError> {
    T::deserialize(table).map_err(|error| PlanError::Parse {
        reason: error.message().to_owned(),
        path: origin.to_owned(),
    })
}
