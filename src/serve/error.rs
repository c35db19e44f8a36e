//! Why an editor cannot be opened.

use std::path::PathBuf;

use crate::artifacts::RunError;
use crate::flows::video_predict::FlowError;

/// Why an editor cannot be opened, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error("port {port} of 127.0.0.1 is taken")]
    PortTaken {
        /// The port that was asked for.
        port: u16,
    },
    /// A second editor on a run.
    #[error("another editor{} has this run open: `{}`", process.map_or_else(String::new, |id| format!(" (process {id})")), path.display())]
    SecondEditor {
        /// Number of the other editor's process, where it is known.
        process: Option<u32>,
        /// The run's folder.
        path: PathBuf,
    },
    /// The system does not let us listen.
    #[error("cannot serve a page on 127.0.0.1: {reason}")]
    Listen {
        /// The system's answer.
        reason: String,
    },
    /// The run cannot be opened.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The lock cannot be taken.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ServeError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::PortTaken { .. } => {
                "give another `--port`, or none: a free one is taken then".to_owned()
            }
            Self::SecondEditor { .. } => {
                "use the other editor's page, or end it with Ctrl-C in its terminal".to_owned()
            }
            Self::Listen { .. } => {
                "check that this process may open a port; `pipeline edit RUN --clip CLIP --remove 3` edits without a page"
                    .to_owned()
            }
            Self::Flow(error) => error.hint(),
            Self::Run(error) => error.hint().to_owned(),
        }
    }
}
