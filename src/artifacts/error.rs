//! Why a run could not go on.

use std::path::PathBuf;

use slotflow_datasets::regular;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file system said no.
    #[error("cannot {action} ({source}): `{}`", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file system's answer.
        source: std::io::Error,
        /// Where.
        path: PathBuf,
    },
    /// A file of the cache or of a run folder is not whole.
    #[error("damaged file ({reason}): `{}`", path.display())]
    Damaged {
        /// What was wrong with it.
        reason: String,
        /// Where.
        path: PathBuf,
    },
    /// Another process makes the same thing.
    #[error("another process{} is working here: `{}`", process.map_or_else(String::new, |id| format!(" ({id})")), path.display())]
    Busy {
        /// Its number, where it is known.
        process: Option<u32>,
        /// The folder that it holds.
        path: PathBuf,
    },
    /// A run folder that something else owns.
    #[error("not empty and not a run folder: `{}`", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that a person named and that holds another plan's run.
    #[error("the folder holds {what}: `{}`", path.display())]
    Taken {
        /// What it holds, in words.
        what: String,
        /// The folder.
        path: PathBuf,
    },
    /// Not one clip could be done.
    #[error("{stage}: none of {count} clips could be done; the first: {reason}")]
    AllFailed {
        /// The stage.
        stage: String,
        /// How many were tried.
        count: usize,
        /// Why the first failed.
        reason: String,
    },
    /// A stage has nothing to work on.
    #[error("{stage}: no clips")]
    Empty {
        /// The stage.
        stage: String,
    },
    /// Settings, weights and clips do not go together.
    #[error("{reason}")]
    Unfit {
        /// What does not fit what.
        reason: String,
    },
    /// What was asked for cannot be done with what is there.
    #[error("{reason}")]
    Refused {
        /// What is missing, or what contradicts what.
        reason: String,
        /// What the person can do about it.
        hint: &'static str,
    },
    /// Weights that cannot be used.
    #[error(transparent)]
    Weights(Box<crate::weights::WeightsError>),
    /// The run was asked to end behind this stage, and did.
    #[error("ended behind {stage}: `{}`", path.display())]
    Until {
        /// The stage.
        stage: &'static str,
        /// The folder of what it made.
        path: PathBuf,
    },
    /// The run is a shard, and its share of the clips is done.
    #[error("ended behind the stages of single clips: `{}`", path.display())]
    Share {
        /// What it says of itself.
        path: PathBuf,
    },
    /// The person pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A fault of ours.
    #[error("internal: {reason}")]
    Internal {
        /// What did not hold.
        reason: String,
    },
}

/// Why a clip could not be done.
#[derive(Debug)]
pub enum ClipFault {
    /// The clip itself is to blame: it fails again next time.
    Clip(String),
    /// The machine is to blame (a file that went away, a full disk): the clip is tried again by the next run.
    Machine(String),
    /// A file of the cache is damaged: nothing goes on before it is made again.
    Cache(RunError),
}

impl From<RunError> for ClipFault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Damaged { .. } => Self::Cache(error),
            RunError::Io { .. } => Self::Machine(error.to_string()),
            error => Self::Clip(error.to_string()),
        }
    }
}

impl From<String> for ClipFault {
    fn from(reason: String) -> Self {
        Self::Clip(reason)
    }
}

impl From<&str> for ClipFault {
    fn from(reason: &str) -> Self {
        Self::Clip(reason.to_owned())
    }
}

impl RunError {
    /// Weights that cannot be used.
    pub fn weights(error: crate::weights::WeightsError) -> Self {
        Self::Weights(Box::new(error))
    }

    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => regular::hint(source).unwrap_or(
                "check that the path may be written and that the disk has room; what was finished is kept",
            ),
            Self::Damaged { .. } => "remove the file; it is made again",
            Self::Busy { .. } => {
                "wait for the other process, or give this one another `--out` and `--cache`"
            }
            Self::Taken { .. } => {
                "give another folder with `--out`, or `--overwrite` to replace a finished run"
            }
            Self::Foreign { .. } => "give an empty or a new folder with `--out`",
            Self::AllFailed { .. } => {
                "look at the first reason; `--dry-run` shows what would be done"
            }
            Self::Empty { .. } => "ask for at least one clip",
            Self::Unfit { .. } => "`pipeline show PLAN` prints every key of a plan",
            Self::Refused { hint, .. } => hint,
            Self::Weights(error) => error.hint(),
            Self::Until { .. } => "the same command without `--until` goes on from here",
            Self::Share { .. } => "`pipeline merge` puts all shards together",
            Self::Interrupted => "the same command goes on where this one stopped",
            Self::Internal { .. } => {
                "this is a fault of slotflow; please report it with the command"
            }
        }
    }
}
