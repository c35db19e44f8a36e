//! `--shard`: a command does one of several equal shares, into a folder of its own.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::artifacts::files::{entries, make_dir, remove_dir, write_atomic};
use crate::artifacts::run_folder::{FolderKind, RunFolder, WantedFolder};
use crate::artifacts::sharding::MergeError;
use crate::artifacts::sharding::environment::shard_of;
use crate::artifacts::sharding::record::{RECORD, SETTINGS, ShardOf, ShardRecord, Work};
use crate::artifacts::sharding::shard::{Shard, ShardError};
use crate::cli::messages::failure::Failure;

/// The value of `--shard` that leaves it to the environment.
const AUTO: &str = "auto";

/// Which share of a command's work is done.
#[derive(Debug, Clone, Args)]
pub struct ShardArg {
    /// Do the I-th of N equal shares, counted from 1, in a folder shard-I-of-N; `auto` takes both from Slurm or MPI
    #[arg(long = "shard", value_name = "I/N")]
    shard: Option<String>,
}

impl ShardArg {
    /// The share that is asked for; none where all is to be done, whatever the environment says.
    ///
    /// # Errors
    /// When there is no such share, or the environment names none.
    pub fn shard(&self) -> Result<Option<Shard>, Failure> {
        let shard = self.shard.as_deref().map(|text| match text {
            AUTO => shard_of(|name| std::env::var(name).ok()),
            text => text.parse(),
        });
        Ok(shard.transpose()?)
    }
}

/// What the file of a begun shard says beside the settings.
#[derive(Serialize)]
struct Header<'a> {
    work: Work,
    index: usize,
    count: usize,
    until: Option<&'a str>,
}

/// The shard's folder below `base`, which stays this process's; what an earlier shard of other settings left there is removed.
///
/// # Errors
/// When it holds a shard of other settings that may not be replaced, or something else; when the file system says no.
pub fn claim(base: &Path, asked: &ShardOf, overwrite: bool) -> Result<RunFolder, Failure> {
    let text = header(asked)?;
    let folder = RunFolder::claim(&WantedFolder {
        kind: FolderKind::Shard,
        path: &base.join(asked.shard.folder_name()),
        is_named: true,
        overwrite,
        plan: &text,
    })?;
    let path = folder.path();
    make_dir(path)?;
    let earlier = regular::read_to_string(path.join(SETTINGS));
    if earlier.as_ref().is_ok_and(|earlier| *earlier != text) {
        for inside in entries(path)? {
            remove(&inside)?;
        }
    }
    // A shard that is made again is not finished meanwhile.
    remove(&path.join(RECORD))?;
    write_atomic(&path.join(SETTINGS), text.as_bytes())?;
    Ok(folder)
}

/// Tells in a shard's folder that it is finished, and what is in it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn finish(asked: &ShardOf, folder: &RunFolder) -> Result<(), Failure> {
    let files = files_below(folder.path())?;
    ShardRecord::new(asked, folder.path(), Vec::new(), files)?.write(folder.path())?;
    Ok(())
}

/// The files of a shard by their paths below its folder.
fn files_below(folder: &Path) -> Result<Vec<String>, RunError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for path in entries(&at)? {
            if path.is_dir() {
                open.push(path);
            } else if let Ok(short) = path.strip_prefix(folder) {
                found.push(short.to_string_lossy().into_owned());
            }
        }
    }
    // A hidden file is one that a killed process was writing.
    let is_hidden = |path: &str| {
        path.rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with('.'))
    };
    found.retain(|path| path != SETTINGS && path != RECORD && !is_hidden(path));
    Ok(found)
}

fn remove(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(remove_dir(path)?);
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::failed(
            format!("cannot remove ({error}): `{}`", path.display()),
            "check that the folder may be written",
        )),
        _ => Ok(()),
    }
}

/// The settings, and which share of the work this is.
fn header(asked: &ShardOf) -> Result<String, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::internal(error.to_string());
    let parsed = asked.settings.parse::<toml::Table>();
    let mut table = parsed.map_err(|error| internal(&error))?;
    let header = toml::Value::try_from(Header {
        work: asked.work,
        index: asked.shard.index(),
        count: asked.shard.count(),
        until: asked.until.as_deref(),
    });
    table.insert(
        "shard".to_owned(),
        header.map_err(|error| internal(&error))?,
    );
    toml::to_string(&table).map_err(|error| internal(&error))
}

impl From<ShardError> for Failure {
    fn from(error: ShardError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        Self::refused(error.to_string(), error.hint())
    }
}
