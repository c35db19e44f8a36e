//! What a finished shard leaves beside its files: `shard.json`, written last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use slotflow_datasets::checksum::{self, State};
use slotflow_datasets::regular;

use super::shard::Shard;
use super::stage_share::StageShare;
use crate::artifacts::error::RunError;
use crate::artifacts::files::{content_hash, write_atomic};
use crate::artifacts::store::artifact::sealed;

/// The file of a finished shard.
pub const RECORD: &str = "shard.json";
/// The file that says what a shard is a share of, from its beginning on.
pub const SETTINGS: &str = "shard.toml";

/// What is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// The per-clip stages of a run.
    Run,
    /// Clips to generate.
    Generate,
    /// Pairs to evaluate.
    Eval,
}

impl Work {
    /// The command that does it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Run => "pipeline run",
            Self::Generate => "pipeline generate",
            Self::Eval => "pipeline eval",
        }
    }
}

/// A share as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardOf {
    /// Which one.
    pub shard: Shard,
    /// What of.
    pub work: Work,
    /// All settings of the work as TOML, the same in every shard.
    pub settings: String,
    /// The stage behind which a run ends.
    pub until: Option<String>,
}

/// What a finished shard says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// The checksum of this file.
    checksum: String,
    /// The program's version.
    pub code_version: String,
    /// Which one it is.
    pub shard: Shard,
    /// What it is a share of.
    pub work: Work,
    /// All settings of the work as TOML, the same in every shard.
    pub settings: String,
    /// The stage behind which a run ends.
    pub until: Option<String>,
    /// What it made in each per-clip stage of a run, in their order.
    pub stages: Vec<StageShare>,
    /// The hash of every file by its path below the shard's folder.
    pub files: BTreeMap<String, String>,
}

impl ShardRecord {
    /// The record of a shard whose files lie in `folder`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn new(
        asked: &ShardOf,
        folder: &Path,
        stages: Vec<StageShare>,
        files: Vec<String>,
    ) -> Result<Self, RunError> {
        let hashed = |path: String| Ok((path.clone(), content_hash(&folder.join(path))?));
        let files = files.into_par_iter().map(hashed);
        Ok(Self {
            checksum: checksum::PLACE.to_owned(),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            shard: asked.shard,
            work: asked.work,
            settings: asked.settings.clone(),
            until: asked.until.clone(),
            stages,
            files: files.collect::<Result<_, RunError>>()?,
        })
    }

    /// Writes it into the shard's folder; its path.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, RunError> {
        let path = folder.join(RECORD);
        write_atomic(&path, &sealed(self)?)?;
        Ok(path)
    }

    /// The record in a shard's folder.
    ///
    /// # Errors
    /// When it is not there or not whole.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(RECORD);
        let text = regular::read(&path).map_err(|source| RunError::Io {
            action: "read",
            source,
            path: path.clone(),
        })?;
        let damaged = |reason: String| RunError::Damaged {
            reason,
            path: path.clone(),
        };
        if checksum::state(&text) != State::Whole {
            return Err(damaged(
                "its bytes are not those that were written".to_owned(),
            ));
        }
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))
    }

    /// Clips that could not be done, with the reason.
    pub fn failures(&self) -> BTreeMap<String, String> {
        let clips = self.stages.iter().flat_map(|stage| &stage.clips);
        clips
            .filter_map(|clip| Some((clip.clip.to_string(), clip.failure.clone()?)))
            .collect()
    }
}
