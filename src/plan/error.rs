//! Why a plan was refused before any work.

use std::path::PathBuf;

use slotflow_datasets::regular;

/// Why a plan was refused before any work.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Neither a built-in plan nor a file.
    #[error("no plan is called `{name}` and no such file exists")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The closest names that exist.
        close: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the plan ({source}): `{}`", path.display())]
    Io {
        /// The file system's answer.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// Not a plan.
    #[error("{reason}: `{}`", path.display())]
    Parse {
        /// What was wrong.
        reason: String,
        /// The file, or the name of the built-in plan.
        path: PathBuf,
    },
    /// A change on the command line that is none.
    #[error("not a change of the form table.key=value: `{change}`")]
    Change {
        /// What was typed.
        change: String,
    },
    /// A sweep on the command line that is none.
    #[error("{reason}: `{sweep}`")]
    Sweep {
        /// What is wrong with it.
        reason: String,
        /// What was typed.
        sweep: String,
    },
    /// A value that makes no sense.
    #[error("`{key}` {reason}")]
    Value {
        /// The key in the plan.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
}

impl PlanError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { close, .. } if close.is_empty() => {
                "`pipeline show` lists the built-in plans".to_owned()
            }
            Self::Unknown { close, .. } => {
                format!("did you mean {close}? `pipeline show` lists the built-in plans")
            }
            Self::Io { source, .. } => regular::hint(source).unwrap_or("check the path").to_owned(),
            Self::Parse { path, .. } => {
                // A built-in plan is named without an ending.
                let built_in = path.extension().is_none().then(|| path.display().to_string());
                let shown = built_in.unwrap_or_else(|| "video-predict".to_owned());
                format!("`pipeline show {shown}` prints a whole plan with every key")
            }
            Self::Change { .. } => "for example `--set rollout.burn-in=8`".to_owned(),
            Self::Sweep { .. } => {
                "name each key once, with the values that it takes: `--sweep rollout.burn-in=6,8,10`"
                    .to_owned()
            }
            Self::Value { key, .. } => {
                format!("change `{key}` in the plan, or with `--set {key}=…`")
            }
        }
    }
}
