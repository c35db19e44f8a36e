//! What a stage leaves behind: a folder with a manifest and one file per clip, there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use crate::artifacts::clip_file::ClipFile;
use crate::artifacts::files::{partial_of, remove_dir, write_atomic};
use crate::artifacts::interrupt;
use crate::artifacts::key::{ArtifactId, Recipe};
use crate::artifacts::lock::FolderLock;
use crate::artifacts::progress::Progress;
use crate::artifacts::{Context, RunError};

const MANIFEST: &str = "manifest.json";
const FAILURES: &str = "failures.json";

/// What made an artifact, and what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Everything that its bytes depend on.
    pub recipe: Recipe,
    /// Its clips, in the order of the source.
    pub clips: Vec<ClipId>,
    /// Clips that could not be done, each with the reason.
    pub failures: BTreeMap<ClipId, String>,
    /// The program's version.
    pub code_version: String,
}

/// A finished result of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// The name of its content.
    pub id: ArtifactId,
    dir: PathBuf,
    manifest: Manifest,
}

impl Artifact {
    /// The artifact in `dir`, if it is there and whole.
    pub fn open(dir: &Path, id: &ArtifactId) -> Option<Self> {
        let manifest = read_manifest(dir)?;
        Some(Self {
            id: id.clone(),
            dir: dir.to_owned(),
            manifest,
        })
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
        Ok(Self {
            id: manifest.recipe.id(),
            dir: dir.to_owned(),
            manifest,
        })
    }

    /// A handle on an artifact that a dry run only names.
    pub(crate) fn named(dir: &Path, recipe: Recipe) -> Self {
        let manifest = Manifest {
            recipe,
            clips: Vec::new(),
            failures: BTreeMap::new(),
            code_version: String::new(),
        };
        Self {
            id: manifest.recipe.id(),
            dir: dir.to_owned(),
            manifest,
        }
    }

    /// Its clips, in the order of the source.
    pub fn clips(&self) -> &[ClipId] {
        &self.manifest.clips
    }

    /// Clips that could not be done, with the reason.
    pub fn failures(&self) -> &BTreeMap<ClipId, String> {
        &self.manifest.failures
    }

    /// One clip's file.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn read(&self, clip: &ClipId) -> Result<ClipFile, RunError> {
        ClipFile::read(&clip_path(&self.dir, clip))
    }
}

/// The manifest in `dir`; an unreadable one counts as none.
pub(crate) fn read_manifest(dir: &Path) -> Option<Manifest> {
    let text = std::fs::read_to_string(dir.join(MANIFEST)).ok()?;
    serde_json::from_str(&text).ok()
}

fn clip_path(dir: &Path, clip: &ClipId) -> PathBuf {
    dir.join(format!("{clip}.safetensors"))
}

/// An artifact that is being made: what was finished before a kill is still there.
#[derive(Debug)]
pub struct Partial {
    recipe: Recipe,
    target: PathBuf,
    dir: PathBuf,
    clips: Vec<ClipId>,
    failures: BTreeMap<ClipId, String>,
    /// Held as long as this process works here.
    lock: FolderLock,
}

impl Partial {
    /// Opens or goes on with the artifact that belongs at `target`.
    ///
    /// # Errors
    /// When another process makes it, or the file system says no.
    pub fn open(target: &Path, recipe: Recipe) -> Result<Self, RunError> {
        let dir = partial_of(target);
        let lock = FolderLock::take(&dir)?;
        Ok(Self {
            recipe,
            target: target.to_owned(),
            dir,
            clips: Vec::new(),
            failures: BTreeMap::new(),
            lock,
        })
    }

    /// Says which clips there will be, in the order of the source.
    pub fn expect(&mut self, clips: Vec<ClipId>) {
        self.clips = clips;
    }

    /// Carries a failure of an earlier stage on, so that the last one still names it.
    pub fn inherit(&mut self, earlier: &Artifact) {
        self.failures.extend(earlier.failures().clone());
    }

    /// The clips that are still to be done.
    pub fn missing(&self) -> Vec<ClipId> {
        self.clips
            .iter()
            .filter(|clip| !clip_path(&self.dir, clip).exists())
            .cloned()
            .collect()
    }

    /// Does every clip that is still to be done, one after the other.
    ///
    /// A clip that fails is noted and left out; the rest goes on.
    ///
    /// # Errors
    /// When the disk says no or the person pressed Ctrl-C.
    pub fn each<E: std::fmt::Display>(
        &mut self,
        context: &Context,
        mut work: impl FnMut(&ClipId) -> Result<ClipFile, E>,
    ) -> Result<(), RunError> {
        let missing = self.missing();
        let progress = Progress::new(&self.recipe.stage, self.clips.len(), context.quiet);
        progress.set(self.clips.len() - missing.len());
        for clip in missing {
            interrupt::check()?;
            self.keep(&clip, work(&clip))?;
            progress.advance();
        }
        Ok(())
    }

    /// The same on all cores: for work that is not itself parallel, such as decoding.
    ///
    /// # Errors
    /// When the disk says no or the person pressed Ctrl-C.
    pub fn each_parallel<E: std::fmt::Display + Send>(
        &mut self,
        context: &Context,
        work: impl Fn(&ClipId) -> Result<ClipFile, E> + Sync,
    ) -> Result<(), RunError> {
        use rayon::prelude::*;
        let missing = self.missing();
        let progress = Progress::new(&self.recipe.stage, self.clips.len(), context.quiet);
        progress.set(self.clips.len() - missing.len());
        // A few clips at a time: memory stays bounded and a kill loses little.
        for some in missing.chunks(2 * rayon::current_num_threads()) {
            interrupt::check()?;
            let done: Vec<_> = some.par_iter().map(|clip| (clip, work(clip))).collect();
            for (clip, result) in done {
                self.keep(clip, result)?;
                progress.advance();
            }
        }
        Ok(())
    }

    /// Does one clip.
    ///
    /// # Errors
    /// When the disk says no or the person pressed Ctrl-C.
    pub fn each_one<E: std::fmt::Display>(
        &mut self,
        clip: &ClipId,
        work: impl FnOnce() -> Result<ClipFile, E>,
    ) -> Result<(), RunError> {
        interrupt::check()?;
        self.keep(clip, work())
    }

    fn keep<E: std::fmt::Display>(
        &mut self,
        clip: &ClipId,
        result: Result<ClipFile, E>,
    ) -> Result<(), RunError> {
        match result {
            Ok(file) => file.write(&clip_path(&self.dir, clip)),
            Err(error) => {
                self.failures.insert(clip.clone(), error.to_string());
                Ok(())
            }
        }
    }

    /// Writes a clip's file that is not one of the expected clips: a table over all of them.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn put(&mut self, clip: &ClipId, file: &ClipFile) -> Result<(), RunError> {
        if !self.clips.contains(clip) {
            self.clips.push(clip.clone());
        }
        file.write(&clip_path(&self.dir, clip))
    }

    /// Puts the finished artifact in its place by one rename.
    ///
    /// # Errors
    /// When nothing was done, or the file system says no.
    pub fn commit(self) -> Result<Artifact, RunError> {
        let (clips, failures) = self.sorted_out();
        if clips.is_empty() {
            return Err(self.nothing_done(&failures));
        }
        let manifest = Manifest {
            recipe: self.recipe.clone(),
            clips,
            failures,
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let internal = |error: serde_json::Error| RunError::Internal {
            reason: error.to_string(),
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(internal)?;
        let failed = serde_json::to_string_pretty(&manifest.failures).map_err(internal)?;
        write_atomic(&self.dir.join(FAILURES), failed.as_bytes())?;
        write_atomic(&self.dir.join(MANIFEST), text.as_bytes())?;
        remove_dir(&self.target)?;
        let io = |source| RunError::Io {
            action: "rename",
            source,
            path: self.target.clone(),
        };
        std::fs::rename(&self.dir, &self.target).map_err(io)?;
        drop(self.lock);
        Ok(Artifact {
            id: manifest.recipe.id(),
            dir: self.target,
            manifest,
        })
    }

    /// Which clips are there, and which are not and why.
    fn sorted_out(&self) -> (Vec<ClipId>, BTreeMap<ClipId, String>) {
        let missing: BTreeSet<ClipId> = self.missing().into_iter().collect();
        let clips = self
            .clips
            .iter()
            .filter(|clip| !missing.contains(*clip))
            .cloned()
            .collect();
        (clips, self.failures.clone())
    }

    fn nothing_done(&self, failures: &BTreeMap<ClipId, String>) -> RunError {
        let stage = self.recipe.stage.clone();
        match failures.first_key_value() {
            Some((clip, reason)) => RunError::AllFailed {
                stage,
                count: failures.len(),
                reason: format!("{clip}: {reason}"),
            },
            None => RunError::Empty { stage },
        }
    }
}
