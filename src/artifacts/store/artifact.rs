//! What a stage leaves behind: a folder with a manifest and a file for each clip or one table, there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slotflow_datasets::checksum::{self, State};
use slotflow_datasets::{ClipId, damage, regular};

use super::clip_file::ClipFile;
use super::key::{ArtifactId, Input, Recipe};
use super::kind::{ArtifactKind, Includes, PerClip, Table};
use crate::artifacts::error::RunError;

/// The file of a folder that says what made it; written last.
pub(in crate::artifacts) const MANIFEST: &str = "manifest.json";
/// The file of a table.
pub(super) const TABLE: &str = "table.json";

/// What made an artifact, and what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The checksum of the file; an earlier version wrote none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) checksum: String,
    /// Everything that its bytes depend on.
    pub recipe: Recipe,
    /// Its clips, in the order of the source; none of a table.
    pub clips: Vec<ClipId>,
    /// Clips that could not be done, each with the reason.
    pub failures: BTreeMap<ClipId, String>,
    /// Those among them that the machine failed, not the clip: they are tried again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retried: BTreeSet<ClipId>,
    /// The program's version.
    pub code_version: String,
}

/// A finished result of a stage. Only a stage's run and an artifact's folder give one.
pub struct Artifact<K: ArtifactKind> {
    id: ArtifactId,
    dir: PathBuf,
    manifest: Manifest,
    /// See [`Artifact::planned`].
    planned: Arc<[ClipId]>,
    kind: PhantomData<fn() -> K>,
}

impl<K: ArtifactKind> Artifact<K> {
    /// The artifact in `dir`, if it is there with all of its files, and no clip is to be tried again. That of a shard may have
    /// no clips.
    pub(in crate::artifacts) fn open(dir: &Path, id: &ArtifactId, is_share: bool) -> Option<Self> {
        let manifest = read_manifest(dir)?;
        let is_there = |clip: &ClipId| clip_path(dir, clip).is_file();
        let is_whole = match manifest.clips.as_slice() {
            [] => is_share || dir.join(TABLE).is_file(),
            clips => clips.iter().all(is_there),
        };
        (is_whole && manifest.retried.is_empty()).then(|| Self::new(id.clone(), dir, manifest))
    }

    /// The artifact in `dir`, whatever made it.
    ///
    /// # Errors
    /// When there is none.
    pub fn open_any(dir: &Path) -> Result<Self, RunError> {
        let manifest = read_manifest(dir).ok_or_else(|| RunError::Damaged {
            reason: format!("no `{MANIFEST}` of an artifact"),
            path: dir.to_owned(),
        })?;
        Ok(Self::new(manifest.recipe.id(), dir, manifest))
    }

    /// A handle on an artifact that a dry run only names.
    pub(in crate::artifacts) fn named(dir: &Path, recipe: Recipe) -> Self {
        let manifest = Manifest {
            checksum: String::new(),
            recipe,
            clips: Vec::new(),
            failures: BTreeMap::new(),
            retried: BTreeSet::new(),
            code_version: String::new(),
        };
        Self::new(manifest.recipe.id(), dir, manifest)
    }

    /// A handle on the artifact that was put into `dir`.
    pub(super) fn new(id: ArtifactId, dir: &Path, manifest: Manifest) -> Self {
        Self {
            id,
            dir: dir.to_owned(),
            manifest,
            planned: Arc::default(),
            kind: PhantomData,
        }
    }

    /// The same, made of these clips of a source.
    pub(in crate::artifacts) fn of_planned(self, planned: Arc<[ClipId]>) -> Self {
        Self { planned, ..self }
    }

    /// All clips of the source that a run asks for, in their order, done or not, of this shard or of another; none where no
    /// run gave the artifact.
    pub fn planned(&self) -> &[ClipId] {
        &self.planned
    }

    /// The name of its content.
    pub fn id(&self) -> &ArtifactId {
        &self.id
    }

    /// The artifact as an input of a stage that calls it `name`.
    pub fn as_input(&self, name: &str) -> Input {
        Input::new(name, &*self.id.0)
    }

    /// Everything that its bytes depend on.
    pub fn recipe(&self) -> &Recipe {
        &self.manifest.recipe
    }

    /// Its clips, in the order of the source; none of a table.
    pub fn clips(&self) -> &[ClipId] {
        &self.manifest.clips
    }

    /// Clips that could not be done, with the reason.
    pub fn failures(&self) -> &BTreeMap<ClipId, String> {
        &self.manifest.failures
    }

    /// Those among them that the machine failed, not the clip.
    pub(in crate::artifacts) fn retried(&self) -> &BTreeSet<ClipId> {
        &self.manifest.retried
    }

    /// The same files, read as those of a kind that they include.
    #[must_use]
    pub fn read_as<L: ArtifactKind>(&self) -> Artifact<L>
    where
        K: Includes<L>,
    {
        let read = Artifact::new(self.id.clone(), &self.dir, self.manifest.clone());
        read.of_planned(self.planned.clone())
    }
}

impl<K: PerClip> Artifact<K> {
    /// One clip's file.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn read(&self, clip: &ClipId) -> Result<ClipFile, RunError> {
        noted(ClipFile::read(&clip_path(&self.dir, clip)))
    }
}

impl<T: DeserializeOwned> Artifact<Table<T>> {
    /// The table.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn table(&self) -> Result<T, RunError> {
        noted(self.read_table())
    }

    fn read_table(&self) -> Result<T, RunError> {
        let path = self.dir.join(TABLE);
        let text = regular::read(&path).map_err(|source| RunError::Io {
            action: "read",
            source,
            path: path.clone(),
        })?;
        let damaged = |reason: String| RunError::Damaged {
            reason,
            path: path.clone(),
        };
        if self.manifest.checksum.is_empty() {
            // Of an earlier version: the table alone.
            return serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()));
        }
        let found: TableFile<T> =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if checksum::state(&text) == State::Whole {
            Ok(found.table)
        } else {
            Err(damaged(
                "its bytes are not those that were written".to_owned(),
            ))
        }
    }
}

impl<K: ArtifactKind> Clone for Artifact<K> {
    fn clone(&self) -> Self {
        let same = Self::new(self.id.clone(), &self.dir, self.manifest.clone());
        same.of_planned(self.planned.clone())
    }
}

impl<K: ArtifactKind> std::fmt::Debug for Artifact<K> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Artifact")
            .field("id", &self.id)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// What was read, where its damage is noted; a file that has gone away is damaged as well.
fn noted<T>(read: Result<T, RunError>) -> Result<T, RunError> {
    let (path, reason) = match &read {
        Err(RunError::Damaged { reason, path }) => (path.clone(), reason.clone()),
        Err(RunError::Io { source, path, .. }) if source.kind() == ErrorKind::NotFound => {
            (path.clone(), "it is not there any more".to_owned())
        }
        _ => return read,
    };
    damage::note(&path, &reason);
    Err(RunError::Damaged { reason, path })
}

/// A table's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableFile<T> {
    /// The checksum of the file.
    checksum: String,
    /// The table.
    table: T,
}

/// A text of JSON with its checksum.
///
/// # Errors
/// When `value`, which is to have a place for it, is not representable as JSON.
pub(in crate::artifacts) fn sealed(value: &impl Serialize) -> Result<Vec<u8>, RunError> {
    let text = serde_json::to_vec_pretty(value);
    let mut text = text.map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    checksum::seal(&mut text);
    Ok(text)
}

impl<T> TableFile<T> {
    /// The file of a table, without its checksum.
    pub(super) fn new(table: T) -> Self {
        Self {
            checksum: checksum::PLACE.to_owned(),
            table,
        }
    }
}

/// The manifest in `dir`; a damaged or unreadable one counts as none.
pub(in crate::artifacts) fn read_manifest(dir: &Path) -> Option<Manifest> {
    let text = regular::read(dir.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    // One of an earlier version's making has none.
    let is_whole = manifest.checksum.is_empty() || checksum::state(&text) == State::Whole;
    is_whole.then_some(manifest)
}

/// The file of a clip in an artifact's folder.
pub(super) fn clip_path(dir: &Path, clip: &ClipId) -> PathBuf {
    dir.join(format!("{clip}.safetensors"))
}
