//! What a stage leaves behind: a folder with a manifest and a file for each clip or one table, there whole or not at all.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use super::clip_file::ClipFile;
use super::key::{ArtifactId, Input, Recipe};
use super::kind::{ArtifactKind, Includes, PerClip, Table};
use crate::artifacts::error::RunError;

/// The file of a folder that says what made it; written last.
pub(super) const MANIFEST: &str = "manifest.json";
/// The file of a table.
pub(super) const TABLE: &str = "table.json";

/// What made an artifact, and what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Everything that its bytes depend on.
    pub recipe: Recipe,
    /// Its clips, in the order of the source; none of a table.
    pub clips: Vec<ClipId>,
    /// Clips that could not be done, each with the reason.
    pub failures: BTreeMap<ClipId, String>,
    /// The program's version.
    pub code_version: String,
}

/// A finished result of a stage. Only a stage's run and an artifact's folder give one.
pub struct Artifact<K: ArtifactKind> {
    id: ArtifactId,
    dir: PathBuf,
    manifest: Manifest,
    kind: PhantomData<fn() -> K>,
}

impl<K: ArtifactKind> Artifact<K> {
    /// The artifact in `dir`, if it is there and whole.
    pub(in crate::artifacts) fn open(dir: &Path, id: &ArtifactId) -> Option<Self> {
        let manifest = read_manifest(dir)?;
        Some(Self::new(id.clone(), dir, manifest))
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
            recipe,
            clips: Vec::new(),
            failures: BTreeMap::new(),
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
            kind: PhantomData,
        }
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

    /// The same files, read as those of a kind that they include.
    #[must_use]
    pub fn read_as<L: ArtifactKind>(&self) -> Artifact<L>
    where
        K: Includes<L>,
    {
        Artifact::new(self.id.clone(), &self.dir, self.manifest.clone())
    }
}

impl<K: PerClip> Artifact<K> {
    /// One clip's file.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn read(&self, clip: &ClipId) -> Result<ClipFile, RunError> {
        ClipFile::read(&clip_path(&self.dir, clip))
    }
}

impl<T: DeserializeOwned> Artifact<Table<T>> {
    /// The table.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn table(&self) -> Result<T, RunError> {
        let path = self.dir.join(TABLE);
        let text = std::fs::read_to_string(&path).map_err(|source| RunError::Io {
            action: "read",
            source,
            path: path.clone(),
        })?;
        serde_json::from_str(&text).map_err(|error| RunError::Damaged {
            reason: error.to_string(),
            path,
        })
    }
}

impl<K: ArtifactKind> Clone for Artifact<K> {
    fn clone(&self) -> Self {
        Self::new(self.id.clone(), &self.dir, self.manifest.clone())
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

/// The manifest in `dir`; an unreadable one counts as none.
pub(in crate::artifacts) fn read_manifest(dir: &Path) -> Option<Manifest> {
    let text = std::fs::read_to_string(dir.join(MANIFEST)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The file of a clip in an artifact's folder.
pub(super) fn clip_path(dir: &Path, clip: &ClipId) -> PathBuf {
    dir.join(format!("{clip}.safetensors"))
}
