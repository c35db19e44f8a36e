//! One of the equal shares of a work, as a person or a scheduler names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Share `index` of `count`, counted from 1: of items in their order, every `count`-th one from the `index`-th on.
///
/// Neighbours go to different shards, so that clips that are alike and lie together, such as windows of one long video, are
/// shared out evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: usize,
    count: usize,
}

/// Why words or variables name no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It is not of the form `i/n`.
    #[error("`{text}` is no shard")]
    Form {
        /// What was given.
        text: String,
    },
    /// There is no such shard.
    #[error("there is no shard {index} of {count}")]
    Range {
        /// Its number.
        index: String,
        /// How many there are.
        count: usize,
    },
    /// Neither a scheduler nor MPI says which of the processes this is.
    #[error("`--shard auto` finds neither a task of a Slurm array nor an MPI rank here")]
    Alone,
    /// A variable is missing beside another one, or is no number.
    #[error("`{name}` is {found}, so `--shard auto` cannot tell which share is this one's")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it says.
        found: String,
    },
    /// Tasks of a Slurm array that do not follow each other.
    #[error(
        "the tasks of the Slurm array are not numbered evenly: {count} tasks from {first} to {last}"
    )]
    Uneven {
        /// How many there are.
        count: usize,
        /// The least number.
        first: usize,
        /// The greatest number.
        last: usize,
    },
    /// The batch script of a Slurm job, which is none of its tasks.
    #[error("this is the batch script of a Slurm job of {tasks} tasks, and none of them")]
    BatchScript {
        /// Tasks of the job.
        tasks: usize,
    },
    /// A Slurm array whose tasks are several ranks each.
    #[error("this is one of {ranks} MPI ranks within one of {tasks} tasks of a Slurm array")]
    Both {
        /// Processes of a task.
        ranks: usize,
        /// Tasks of the array.
        tasks: usize,
    },
}

impl ShardError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Form { .. } => "for example `--shard 2/4`, the second of four, or `--shard auto`",
            Self::Range { .. } => {
                "shards are counted from 1: the first of four is `--shard 1/4`, the last `--shard 4/4`"
            }
            Self::Alone => {
                "say which one this is, as in `--shard 1/4`, or start it with `sbatch --array=1-4` or `mpirun`"
            }
            Self::Variable { .. } => "say which one this is, as in `--shard 1/4`",
            Self::Uneven { .. } => {
                "number the tasks without gaps, as in `sbatch --array=1-4`; of single tasks say which ones, as in `--shard 3/4`"
            }
            Self::BatchScript { .. } => {
                "start it with `srun`, which starts every task, or submit an array: `sbatch --array=1-4`"
            }
            Self::Both { .. } => {
                "start one process a task, or say which one this is, as in `--shard 1/4`"
            }
        }
    }
}

impl Shard {
    /// Share `index` of `count`, counted from 1.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(index: usize, count: usize) -> Result<Self, ShardError> {
        if (1..=count).contains(&index) {
            return Ok(Self { index, count });
        }
        Err(ShardError::Range {
            index: index.to_string(),
            count,
        })
    }

    /// Its number, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// How many shares there are.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether the item at a place, from 0, is in it.
    pub fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }

    /// Its items of all.
    pub fn share<T>(self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let items = items.into_iter().enumerate();
        let own = items.filter(|(place, _)| self.has(*place));
        own.map(|(_, item)| item).collect()
    }

    /// The name of its folder: `shard-2-of-4`.
    pub fn folder_name(self) -> String {
        format!("shard-{}-of-{}", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let form = || ShardError::Form {
            text: text.to_owned(),
        };
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(index) || !is_number(count) {
            return Err(form());
        }
        let count: usize = count.parse().map_err(|_| form())?;
        let range = || ShardError::Range {
            index: index.to_owned(),
            count,
        };
        // A number that does not fit is greater than any count.
        Self::new(index.parse().map_err(|_| range())?, count)
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;

    fn try_from(text: String) -> Result<Self, ShardError> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_one_shard_whatever_their_numbers() {
        for items in 0..20_usize {
            for count in 1..25 {
                let mut found: Vec<usize> = Vec::new();
                let mut sizes = Vec::new();
                for index in 1..=count {
                    let share = Shard::new(index, count).unwrap().share(0..items);
                    sizes.push(share.len());
                    found.extend(share);
                }
                found.sort_unstable();
                assert_eq!(found, (0..items).collect::<Vec<_>>());
                let (most, least) = (sizes.iter().max(), sizes.iter().min());
                assert!(most.unwrap() - least.unwrap() <= 1, "{sizes:?}");
            }
        }
    }

    #[test]
    fn words_that_name_no_shard_are_refused() {
        assert_eq!("2/4".parse(), Shard::new(2, 4));
        assert_eq!(
            Shard::new(2, 4).unwrap().share(0..10),
            [1, 5, 9],
            "the second of four"
        );
        for text in [
            "a/b", "1", "", "/", "1/", "/4", "-1/4", "1/4/2", "+1/4", "1 /4",
        ] {
            let refused = text.parse::<Shard>().unwrap_err();
            assert!(matches!(refused, ShardError::Form { .. }), "{text}");
        }
        for text in ["0/4", "5/4", "1/0", "99999999999999999999999/4"] {
            let refused = text.parse::<Shard>().unwrap_err();
            assert!(matches!(refused, ShardError::Range { .. }), "{text}");
        }
    }
}
