//! All shards of one work, each once, alike and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::MergeError;
use super::record::{RECORD, SETTINGS, ShardRecord};
use super::shard::Shard;
use super::stage_share::StageShare;
use crate::artifacts::error::RunError;
use crate::artifacts::files::{content_hash, entries};
use crate::artifacts::run_folder::settings;

/// Settings that a message names.
const NAMED: usize = 3;

/// All shards of one work, in their order.
#[derive(Debug)]
pub struct ShardSet {
    shards: Vec<FoundShard>,
}

/// A shard and where it lies.
#[derive(Debug)]
pub struct FoundShard {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub record: ShardRecord,
}

impl ShardSet {
    /// The shards in these folders, each of which is one or holds some.
    ///
    /// # Errors
    /// When one is missing, not finished, there twice, damaged, or of another work than most of them.
    pub fn open(folders: &[PathBuf]) -> Result<Self, MergeError> {
        let mut shards = Vec::new();
        for folder in folders {
            for folder in shards_in(folder)? {
                let record = ShardRecord::read(&folder)?;
                shards.push(FoundShard { folder, record });
            }
        }
        check_alike(&shards)?;
        let shards = each_once(shards)?;
        for index in 0..shards.first().map_or(0, |first| first.record.stages.len()) {
            check_places(&shards, index)?;
        }
        let set = Self { shards };
        set.check_files()?;
        Ok(set)
    }

    /// The shards, in their order; there is at least one.
    pub fn shards(&self) -> &[FoundShard] {
        &self.shards
    }

    /// What all shards say alike.
    pub fn first(&self) -> &ShardRecord {
        &self.shards[0].record
    }

    /// The stages of all shards together.
    pub fn stages(&self) -> impl Iterator<Item = WholeStage<'_>> {
        let count = self.first().stages.len();
        (0..count).map(|index| WholeStage {
            shards: &self.shards,
            index,
        })
    }

    /// Refuses files that are not those that were written.
    fn check_files(&self) -> Result<(), MergeError> {
        let all = self.shards.iter();
        let all = all.flat_map(|found| {
            let files = found.record.files.iter();
            files.map(move |(path, hash)| (found, path, hash))
        });
        let all: Vec<_> = all.collect();
        all.into_par_iter().try_for_each(|(found, path, hash)| {
            let path = found.folder.join(path);
            let reason = match content_hash(&path) {
                Ok(there) if there == *hash => return Ok(()),
                Ok(_) => "its bytes are not those that were written".to_owned(),
                Err(RunError::Io { source, .. }) => source.to_string(),
                Err(error) => error.to_string(),
            };
            Err(MergeError::Damaged {
                shard: found.record.shard,
                reason,
                path,
            })
        })
    }
}

/// One stage over all shards.
#[derive(Debug, Clone, Copy)]
pub struct WholeStage<'a> {
    shards: &'a [FoundShard],
    index: usize,
}

impl<'a> WholeStage<'a> {
    /// What each shard made in it, with the shard's folder.
    pub fn shares(self) -> impl Iterator<Item = (&'a Path, &'a StageShare)> {
        let shards = self.shards.iter();
        shards.map(move |found| (&*found.folder, &found.record.stages[self.index]))
    }

    /// What the first shard made in it, whose recipe is that of all.
    pub fn first(self) -> &'a StageShare {
        &self.shards[0].record.stages[self.index]
    }
}

/// The folder itself where it is a shard, else the shards right below it.
fn shards_in(folder: &Path) -> Result<Vec<PathBuf>, MergeError> {
    let is_shard = |path: &PathBuf| path.join(SETTINGS).is_file() || path.join(RECORD).is_file();
    let none = || MergeError::NoShard {
        path: folder.to_owned(),
    };
    if !folder.is_dir() {
        return Err(none());
    }
    let found = if is_shard(&folder.to_owned()) {
        vec![folder.to_owned()]
    } else {
        entries(folder)?.into_iter().filter(is_shard).collect()
    };
    if found.is_empty() {
        return Err(none());
    }
    match found.iter().find(|path| !path.join(RECORD).is_file()) {
        Some(path) => Err(MergeError::Unfinished { path: path.clone() }),
        None => Ok(found),
    }
}

/// Refuses shards of another work than most of them.
fn check_alike(shards: &[FoundShard]) -> Result<(), MergeError> {
    let kinds: Vec<String> = shards.iter().map(|found| kind(&found.record)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in &kinds {
        *counts.entry(kind).or_default() += 1;
    }
    // Of as many of one kind as of the other, the first are taken for what was meant.
    let most = counts.values().max();
    let mut all = shards.iter().zip(&kinds);
    let usual = all.find(|(_, kind)| counts.get(kind.as_str()) == most);
    let Some((usual, _)) = usual else {
        return Ok(());
    };
    for found in shards {
        if let Some(what) = difference(&usual.record, &found.record) {
            return Err(MergeError::Foreign {
                what,
                path: found.folder.clone(),
            });
        }
    }
    Ok(())
}

/// All in which the shards of one work are alike.
fn kind(record: &ShardRecord) -> String {
    let ids = record.stages.iter().map(|stage| stage.recipe.id().0);
    let ids: Vec<String> = ids.collect();
    format!(
        "{}\t{:?}\t{}\t{}\t{:?}\t{ids:?}",
        record.code_version,
        record.work,
        record.shard.count(),
        record.settings,
        record.until
    )
}

/// In what a record is of another work, in words.
fn difference(usual: &ShardRecord, other: &ShardRecord) -> Option<String> {
    let differs = |what: &str, usual: &dyn std::fmt::Display, other: &dyn std::fmt::Display| {
        Some(format!("{what} {other}, not {usual}"))
    };
    if usual.code_version != other.code_version {
        return differs("of version", &usual.code_version, &other.code_version);
    }
    if usual.work != other.work {
        let [usual, other] = [usual, other].map(|record| format!("`{}`", record.work.command()));
        return differs("of", &usual, &other);
    }
    if usual.shard.count() != other.shard.count() {
        let [usual, other] = [usual, other].map(|record| record.shard.count());
        return differs("number of shards", &usual, &other);
    }
    if usual.settings != other.settings {
        return Some(format!(
            "with {}",
            other_settings(&usual.settings, &other.settings)
        ));
    }
    if usual.until != other.until {
        let word = |record: &ShardRecord| match &record.until {
            Some(stage) => format!("`--until {stage}`"),
            None => "no `--until`".to_owned(),
        };
        return differs("with", &word(usual), &word(other));
    }
    recipes_differ(&usual.stages, &other.stages)
}

/// Settings of the other that differ, with both values.
fn other_settings(usual: &str, other: &str) -> String {
    let values = |text: &str| settings(&text.parse().unwrap_or_default());
    let (usual, other) = (values(usual), values(other));
    let none = || "none".to_owned();
    let keys: BTreeSet<&String> = usual.keys().chain(other.keys()).collect();
    let apart = keys
        .into_iter()
        .filter(|key| usual.get(*key) != other.get(*key));
    let apart: Vec<String> = apart
        .map(|key| {
            let [usual, other] =
                [&usual, &other].map(|of| of.get(key).cloned().unwrap_or_else(none));
            format!("`{key}` {other}, not {usual}")
        })
        .collect();
    let more = match apart.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<&str> = apart.iter().take(NAMED).map(String::as_str).collect();
    named.join("; ") + &more
}

/// The first stage whose result depends on something else, in words: other weights, files, device.
fn recipes_differ(usual: &[StageShare], other: &[StageShare]) -> Option<String> {
    if usual.len() != other.len() {
        return Some(format!("of {} stages, not {}", other.len(), usual.len()));
    }
    let both = usual.iter().zip(other);
    let mut differing = both.filter(|(usual, other)| usual.recipe.id() != other.recipe.id());
    let (usual, other) = differing.next()?;
    let stage = &other.recipe.stage;
    if *stage != usual.recipe.stage || usual.recipe.version != other.recipe.version {
        return Some(format!("with the stage `{stage}` of another program"));
    }
    let what = other.recipe.differences(&usual.recipe);
    Some(format!("in the stage `{stage}`: {}", what.join(", ")))
}

/// The shards in their order, each of which is there once.
fn each_once(shards: Vec<FoundShard>) -> Result<Vec<FoundShard>, MergeError> {
    let count = shards.first().map_or(1, |found| found.record.shard.count());
    let mut found: BTreeMap<Shard, FoundShard> = BTreeMap::new();
    for one in shards {
        let shard = one.record.shard;
        if let Some(first) = found.get(&shard) {
            return Err(MergeError::Doubled {
                shard,
                first: first.folder.clone(),
                path: one.folder,
            });
        }
        found.insert(shard, one);
    }
    let all = (1..=count).filter_map(|index| Shard::new(index, count).ok());
    let missing: Vec<Shard> = all.filter(|shard| !found.contains_key(shard)).collect();
    if missing.is_empty() {
        Ok(found.into_values().collect())
    } else {
        Err(MergeError::Missing { missing, count })
    }
}

/// Refuses shards of a stage that do not have every clip once.
fn check_places(shards: &[FoundShard], index: usize) -> Result<(), MergeError> {
    let total = shards[0].record.stages[index].total;
    for found in shards {
        let share = &found.record.stages[index];
        let places: Vec<usize> = share.clips.iter().map(|clip| clip.place).collect();
        if share.total != total || places != found.record.shard.share(0..total) {
            return Err(MergeError::Foreign {
                what: format!("other clips in the stage `{}`", share.recipe.stage),
                path: found.folder.clone(),
            });
        }
    }
    Ok(())
}
