//! Why shards could not be put together.

use std::path::PathBuf;

use super::record::Work;
use super::shard::Shard;
use crate::artifacts::error::RunError;

/// Why shards could not be put together. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder that is no shard and has none in it.
    #[error("no shard lies here: `{}`", path.display())]
    NoShard {
        /// The folder.
        path: PathBuf,
    },
    /// A shard that was begun and not finished.
    #[error("this shard is not finished: `{}`", path.display())]
    Unfinished {
        /// Its folder.
        path: PathBuf,
    },
    /// Shards that are not there.
    #[error("{} of {count} shards missing: {}", missing.len(), listed(missing))]
    Missing {
        /// Which ones.
        missing: Vec<Shard>,
        /// How many there are to be.
        count: usize,
    },
    /// Two folders of one shard.
    #[error("shard {shard} is there twice: `{}` and `{}`", first.display(), path.display())]
    Doubled {
        /// Which one.
        shard: Shard,
        /// A folder of it.
        first: PathBuf,
        /// The other one.
        path: PathBuf,
    },
    /// A shard of something else than the others.
    #[error("this shard is of another work than the others, {what}: `{}`", path.display())]
    Foreign {
        /// What differs, in words.
        what: String,
        /// Its folder.
        path: PathBuf,
    },
    /// A file of a shard that is not there or not as it was written.
    #[error("a file of shard {shard} is damaged ({reason}): `{}`", path.display())]
    Damaged {
        /// The shard.
        shard: Shard,
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// Weights, clips, version or device here are not those of the shards.
    #[error("the shards were made with other things than are here: {what}")]
    Elsewhere {
        /// What differs, in words.
        what: String,
    },
    /// Shards of a work that writes a folder, and none was named.
    #[error("shards of `{}` are put together in a folder, and none is named", work.command())]
    NoOut {
        /// What they are shares of.
        work: Work,
    },
    /// The file system said no.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Shards in a list, the first few of many.
fn listed(shards: &[Shard]) -> String {
    const NAMED: usize = 8;
    let named: Vec<String> = shards.iter().take(NAMED).map(Shard::to_string).collect();
    let more = match shards.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.join(", ") + &more
}

impl MergeError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoShard { .. } => {
                "name the folders that commands with `--shard` wrote, or the folder that they lie in"
            }
            Self::Unfinished { .. } => "run its command again; it goes on where it was stopped",
            Self::Missing { .. } => {
                "run the same command with `--shard` and these numbers, or name their folders too"
            }
            Self::Doubled { .. } => "name only one of them",
            Self::Foreign { .. } => {
                "leave it out, and run the command of the others with its number"
            }
            Self::Damaged { .. } => {
                "remove the file and run the shard's command again; only that file is made again"
            }
            Self::Elsewhere { .. } => {
                "merge where the shards were made: with the same program, kind of device, weights and files, from the same folder"
            }
            Self::NoOut { .. } => "name it with `--out`",
            Self::Run(error) => error.hint(),
        }
    }
}
