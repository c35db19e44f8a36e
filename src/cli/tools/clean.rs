//! `pipeline clean`: what the cache holds, and its removal by age.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::artifacts::inventory::{Entry, contents};
use crate::artifacts::progress::say;
use crate::cli::common::CacheArg;
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// `pipeline clean`
#[derive(Debug, Args)]
#[command(after_help = "\
Without an option it prints what the cache holds and removes nothing. Downloaded networks are never removed, and nothing that \
a living process writes. What is removed is made again when it is needed.

Examples:
  pipeline clean
  pipeline clean --older-than 30 --dry-run
  pipeline clean --all")]
pub struct CleanArgs {
    /// Remove what was last written more than this many days ago
    #[arg(long, value_name = "DAYS", conflicts_with = "all")]
    older_than: Option<u64>,
    /// Remove everything that can be made again
    #[arg(long)]
    all: bool,
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cache: CacheArg,
}

/// Prints what the cache holds, or removes part of it.
pub fn clean(args: &CleanArgs) -> Result<ExitCode, Failure> {
    let cache = args.cache.folder();
    let all = contents(&cache)?;
    let now = SystemTime::now();
    let least = match (args.older_than, args.all) {
        (Some(days), _) => Duration::from_secs(days.saturating_mul(DAY)),
        (None, true) => Duration::ZERO,
        (None, false) => {
            print(&format!("{}\n{}", cache.display(), table(&all, now)))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let chosen: Vec<Entry> = all
        .into_iter()
        .filter(|one| one.age(now) >= least)
        .collect();
    if args.dry_run {
        print(&format!(
            "would be removed from {}\n{}",
            cache.display(),
            table(&chosen, now)
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut removed, mut bytes) = (0, 0);
    for entry in &chosen {
        if entry.remove()? {
            removed += 1;
            bytes += entry.bytes;
        } else {
            say(&format!("in use, and kept: `{}`", entry.path.display()));
        }
    }
    print(&format!("removed {removed} entries, {}", megabytes(bytes)))?;
    Ok(ExitCode::SUCCESS)
}

/// One line a folder of the cache, and their sum.
fn table(entries: &[Entry], now: SystemTime) -> String {
    let mut groups: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(&entry.group).or_default().push(entry);
    }
    let line = |name: &str, group: &[&Entry]| {
        let days = group.iter().map(|one| one.age(now).as_secs() / DAY);
        let (newest, oldest) = (days.clone().min().unwrap_or(0), days.max().unwrap_or(0));
        let bytes = group.iter().map(|one| one.bytes).sum();
        format!(
            "{name:<20} {:>6} {:>12}   {newest} to {oldest} days old",
            group.len(),
            megabytes(bytes)
        )
    };
    let mut lines: Vec<String> = groups
        .iter()
        .map(|(name, group)| line(name, group))
        .collect();
    lines.push(line("all", &entries.iter().collect::<Vec<_>>()));
    lines.join("\n")
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
