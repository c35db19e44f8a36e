//! How a run is done, and what of it a stage may know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use burn::tensor::Device;

use crate::artifacts::progress::Watch;
use crate::artifacts::sharding::record::ShardOf;
use crate::artifacts::sharding::shard::Shard;
use crate::device::DeviceChoice;

/// How a run is done, beside what it computes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where finished stages are kept.
    pub cache: PathBuf,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// The seed of everything random.
    pub seed: u64,
    /// Stages that are made again, with all that depends on them.
    pub fresh: BTreeSet<String>,
    /// The stage behind which the run ends; unset = it goes to its end.
    pub until: Option<String>,
    /// Only say what would be done.
    pub dry: bool,
    /// Say nothing while working.
    pub quiet: bool,
    /// Who hears how far stages are; nobody by default.
    pub watch: Watch,
    /// The share of the clips that is done, and where; unset = all of them.
    pub shard: Option<RunShard>,
    /// The command that asked for the run; unset where a library asks.
    pub invocation: Option<Invocation>,
}

/// A share of a run's clips.
#[derive(Debug, Clone)]
pub struct RunShard {
    /// Which share, and of what.
    pub asked: ShardOf,
    /// Where its artifacts are made, in place of the cache.
    pub folder: PathBuf,
}

impl Options {
    /// Where stages are kept: the cache, or the folder of a shard.
    pub fn store(&self) -> &Path {
        let folder = self.shard.as_ref().map(|share| &share.folder);
        folder.unwrap_or(&self.cache)
    }
}

/// A command line and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The command line, as a shell reads it.
    pub command: String,
    /// Day and time, UTC.
    pub date: String,
}

impl Invocation {
    /// The command line of `arguments`, the first of which is the program, begun at `now`.
    pub fn new(arguments: impl IntoIterator<Item = String>, now: SystemTime) -> Self {
        let mut words = arguments.into_iter();
        let program = words.next().unwrap_or_default();
        let name = Path::new(&program).file_name();
        let name = name.map_or(program.clone(), |name| name.to_string_lossy().into_owned());
        let words = std::iter::once(name).chain(words).map(|word| quoted(&word));
        Self {
            command: words.collect::<Vec<_>>().join(" "),
            date: utc(now),
        }
    }
}

/// A word of a command line, in quotes where a shell would take it apart.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A time as `2026-03-01 09:05 UTC`.
fn utc(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (days, minutes) = (seconds / 86_400, seconds / 60 % 1440);
    // Years begin in March here, so that a leap day is the last (Hinnant, `civil_from_days`).
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year_of_era + era * 400 + later;
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// What a stage's work may ask for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where tensors live.
    pub device: Device,
    /// The seed of everything random.
    pub seed: u64,
    /// Say nothing while working.
    pub quiet: bool,
    /// Who hears how far it is.
    pub watch: Watch,
    /// Which share of the clips is done; unset = all of them.
    pub shard: Option<Shard>,
}

impl Context {
    /// The clips that are done, of all that are asked for.
    pub fn share<T>(&self, all: Vec<T>) -> Vec<T> {
        match self.shard {
            Some(shard) => shard.share(all),
            None => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let words = [
            "target/release/pipeline",
            "run",
            "p",
            "--set",
            "a=[1, 2]",
            "it's",
        ];
        let invocation = Invocation::new(words.map(str::to_owned), UNIX_EPOCH);
        assert_eq!(
            invocation.command,
            r"pipeline run p --set 'a=[1, 2]' 'it'\''s'"
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |seconds: u64| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_772_355_900), "2026-03-01 09:05 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
