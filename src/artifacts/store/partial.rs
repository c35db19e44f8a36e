//! An artifact that is being made.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rayon::prelude::*;
use serde::Serialize;
use slotflow_datasets::damage::Damage;
use slotflow_datasets::{ClipId, checksum, damage};

use super::artifact::{Artifact, MANIFEST, Manifest, TABLE, TableFile, clip_path, sealed};
use super::clip_file::ClipFile;
use super::key::Recipe;
use super::kind::{ArtifactKind, PerClip, Table};
use crate::artifacts::error::{ClipFault, RunError};
use crate::artifacts::execution::options::Context;
use crate::artifacts::files::{link_or_copy, partial_of, remove_dir, write_atomic};
use crate::artifacts::lock::FolderLock;
use crate::artifacts::progress::Progress;
use crate::artifacts::{fault, interrupt};

/// The file of a folder that names the clips that could not be done.
const FAILURES: &str = "failures.json";

/// An artifact that is being made: what was finished before a kill is still there.
#[derive(Debug)]
pub struct Partial<K: ArtifactKind> {
    recipe: Recipe,
    target: PathBuf,
    dir: PathBuf,
    clips: Vec<ClipId>,
    failures: BTreeMap<ClipId, String>,
    /// Those among them that the machine failed.
    retried: BTreeSet<ClipId>,
    /// Whether it is the share of a shard, which may have no clips.
    is_share: bool,
    /// Held as long as this process works here.
    lock: FolderLock,
    kind: PhantomData<fn() -> K>,
}

impl<K: ArtifactKind> Partial<K> {
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
            retried: BTreeSet::new(),
            is_share: false,
            lock,
            kind: PhantomData,
        })
    }

    /// The same, the share of a shard or not: a share may have no clips.
    #[must_use]
    pub fn of_share(self, is_share: bool) -> Self {
        Self { is_share, ..self }
    }

    /// Carries failures of an earlier stage on, so that the last one still names them.
    pub fn inherit<E: ArtifactKind>(&mut self, earlier: &Artifact<E>) {
        self.failures.extend(earlier.failures().clone());
        self.retried.extend(earlier.retried().clone());
    }

    /// Puts the finished artifact in its place by one rename.
    ///
    /// # Errors
    /// When nothing was done, a file of the cache was found damaged meanwhile, or the file system says no.
    pub fn commit(self) -> Result<Artifact<K>, RunError> {
        self.check_undamaged()?;
        let clips = self.finished();
        if clips.is_empty() && !self.is_share && !self.dir.join(TABLE).is_file() {
            return Err(self.nothing_done());
        }
        let manifest = Manifest {
            checksum: checksum::PLACE.to_owned(),
            recipe: self.recipe.clone(),
            clips,
            failures: self.failures.clone(),
            retried: self.retried.clone(),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let failed = serde_json::to_string_pretty(&manifest.failures).map_err(internal)?;
        write_atomic(&self.dir.join(FAILURES), failed.as_bytes())?;
        write_atomic(&self.dir.join(MANIFEST), &sealed(&manifest)?)?;
        remove_dir(&self.target)?;
        let io = |source| RunError::Io {
            action: "rename",
            source,
            path: self.target.clone(),
        };
        std::fs::rename(&self.dir, &self.target).map_err(io)?;
        drop(self.lock);
        Ok(Artifact::new(manifest.recipe.id(), &self.target, manifest))
    }

    /// Refuses what was made while a file of the cache was found damaged, whatever became of the error.
    fn check_undamaged(&self) -> Result<(), RunError> {
        let cache = self.target.parent().and_then(Path::parent);
        match cache.and_then(damage::first_below) {
            Some(Damage { path, reason }) => Err(RunError::Damaged { reason, path }),
            None => Ok(()),
        }
    }

    /// The expected clips whose files are there.
    fn finished(&self) -> Vec<ClipId> {
        let is_there = |clip: &&ClipId| clip_path(&self.dir, clip).exists();
        self.clips.iter().filter(is_there).cloned().collect()
    }

    fn nothing_done(&self) -> RunError {
        let stage = self.recipe.stage.clone();
        match self.failures.first_key_value() {
            Some((clip, reason)) => RunError::AllFailed {
                stage,
                count: self.failures.len(),
                reason: format!("{clip}: {reason}"),
            },
            None => RunError::Empty { stage },
        }
    }
}

impl<K: PerClip> Partial<K> {
    /// Says which clips there will be, in the order of the source.
    pub fn expect(&mut self, clips: Vec<ClipId>) {
        self.clips = clips;
    }

    /// The clips that are still to be done.
    pub fn missing(&self) -> Vec<ClipId> {
        self.clips
            .iter()
            .filter(|clip| !clip_path(&self.dir, clip).exists())
            .cloned()
            .collect()
    }

    /// Does every clip that is still to be done, one after the other. `work` may say which
    /// [part](Progress::part) of its clip is done.
    ///
    /// A clip that fails is noted and left out, whatever the fault; the rest goes on.
    ///
    /// # Errors
    /// When the disk says no, a file of the cache is damaged, or the person pressed Ctrl-C.
    pub fn each<E: Into<ClipFault>>(
        &mut self,
        context: &Context,
        mut work: impl FnMut(&ClipId, &Progress) -> Result<ClipFile, E>,
    ) -> Result<(), RunError> {
        let missing = self.missing();
        let progress = self.progress(missing.len(), context);
        for clip in missing {
            interrupt::check()?;
            let done = fault::guarded(|| work(&clip, &progress));
            self.keep(&clip, done)?;
            progress.advance();
        }
        Ok(())
    }

    /// The same on all cores: for work that is not itself parallel, such as decoding.
    ///
    /// # Errors
    /// As [`Partial::each`].
    pub fn each_parallel<E: Into<ClipFault> + Send>(
        &mut self,
        context: &Context,
        work: impl Fn(&ClipId) -> Result<ClipFile, E> + Sync,
    ) -> Result<(), RunError> {
        self.each_of_videos(context, |_| None, || (), |(), clip| work(clip))
    }

    /// The same where clips are cut from videos: neighbours of one `video` are done one after another by one worker of
    /// `start`, which may keep what serves the next.
    ///
    /// # Errors
    /// As [`Partial::each`].
    pub fn each_of_videos<E: Into<ClipFault> + Send, W>(
        &mut self,
        context: &Context,
        video: impl Fn(&ClipId) -> Option<ClipId>,
        start: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, &ClipId) -> Result<ClipFile, E> + Sync,
    ) -> Result<(), RunError> {
        let missing = self.missing();
        let progress = self.progress(missing.len(), context);
        let threads = rayon::current_num_threads();
        let runs = runs(&missing, video, threads);
        // Clips are kept as they come, a few wait: memory stays bounded and a kill loses little.
        let (send, done) = mpsc::sync_channel(threads);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let send = send;
                runs.into_iter().par_bridge().for_each(|run| {
                    let mut worker = start();
                    for clip in run {
                        if interrupt::check().is_err() {
                            return;
                        }
                        let result = fault::guarded(|| work(&mut worker, clip));
                        if result.is_err() {
                            worker = start();
                        }
                        progress.advance();
                        if send.send((clip, result)).is_err() {
                            return;
                        }
                    }
                });
            });
            done.into_iter()
                .try_for_each(|(clip, result)| self.keep(clip, result))
        })?;
        interrupt::check()
    }

    /// How far the stage is at its beginning, `missing` clips before its end.
    fn progress(&self, missing: usize, context: &Context) -> Progress {
        let count = self.clips.len();
        let progress = Progress::new(&self.recipe.stage, count, context.quiet);
        let progress = progress.watched(&context.watch);
        progress.set(count - missing);
        progress
    }

    fn keep<E: Into<ClipFault>>(
        &mut self,
        clip: &ClipId,
        result: Result<Result<ClipFile, E>, String>,
    ) -> Result<(), RunError> {
        let fault = match result {
            Ok(Ok(file)) => match file.not_finite() {
                None => return file.write(&clip_path(&self.dir, clip)),
                Some(array) => ClipFault::Clip(format!("its {array} are not numbers")),
            },
            Ok(Err(error)) => error.into(),
            Err(panic) => ClipFault::Clip(panic),
        };
        // A clip that was stopped has not failed.
        interrupt::check()?;
        let reason = match fault {
            ClipFault::Clip(reason) => reason,
            ClipFault::Machine(reason) => {
                self.retried.insert(clip.clone());
                reason
            }
            ClipFault::Cache(error) => return Err(error),
        };
        self.failures.insert(clip.clone(), reason);
        Ok(())
    }

    /// Adds a clip and writes its file: for clips whose number shows only while they are read.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn add(&mut self, clip: &ClipId, file: &ClipFile) -> Result<(), RunError> {
        self.clips.push(clip.clone());
        file.write(&clip_path(&self.dir, clip))
    }

    /// Adds a clip whose file lies elsewhere: by a link where the file system has them, else by a copy.
    ///
    /// # Errors
    /// When the file system says no.
    pub(in crate::artifacts) fn take(
        &mut self,
        clip: &ClipId,
        from: &Path,
    ) -> Result<(), RunError> {
        self.clips.push(clip.clone());
        link_or_copy(from, &clip_path(&self.dir, clip))
    }

    /// Adds a clip that could not be done; `is_retried` where the machine failed it.
    pub(in crate::artifacts) fn fail(&mut self, clip: &ClipId, reason: &str, is_retried: bool) {
        self.clips.push(clip.clone());
        self.failures.insert(clip.clone(), reason.to_owned());
        if is_retried {
            self.retried.insert(clip.clone());
        }
    }
}

impl<T: Serialize> Partial<Table<T>> {
    /// Writes the table.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn write(&mut self, table: &T) -> Result<(), RunError> {
        write_atomic(&self.dir.join(TABLE), &sealed(&TableFile::new(table))?)
    }
}

fn internal(error: serde_json::Error) -> RunError {
    RunError::Internal {
        reason: error.to_string(),
    }
}

/// Clips that are done one after another: neighbours of one video, in parts where there are more threads than videos. A part
/// begins with what the parts before it decode as well, which takes no longer than to wait for them.
fn runs(
    clips: &[ClipId],
    video: impl Fn(&ClipId) -> Option<ClipId>,
    threads: usize,
) -> Vec<&[ClipId]> {
    let same = |left: &ClipId, right: &ClipId| {
        let left = video(left);
        left.is_some() && left == video(right)
    };
    let videos: Vec<&[ClipId]> = clips.chunk_by(same).collect();
    let parts = (threads / videos.len().max(1)).max(1);
    videos
        .into_iter()
        .flat_map(|run| run.chunks(run.len().div_ceil(parts)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_video_are_one_run_unless_threads_would_be_idle() {
        let names = ["a-0", "a-1", "a-2", "a-3", "b-0", "c", "d"];
        let clips = names.map(ClipId::new);
        let video = |clip: &ClipId| Some(ClipId::new(clip.as_str().split_once('-')?.0));
        let lengths = |threads| -> Vec<usize> {
            let runs = runs(&clips, video, threads);
            assert_eq!(runs.concat(), clips);
            runs.iter().map(|run| run.len()).collect()
        };
        assert_eq!(lengths(1), [4, 1, 1, 1]);
        assert_eq!(lengths(7), [4, 1, 1, 1]);
        assert_eq!(lengths(8), [2, 2, 1, 1, 1]);
        assert_eq!(lengths(64), [1; 7]);
        assert!(runs(&[], video, 4).is_empty());
    }
}
