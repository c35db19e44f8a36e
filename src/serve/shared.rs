//! What all requests share: the run, who is answered, clips that were read, and the edit that is being made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::Value;
use slotflow_datasets::ClipId;

use super::gate::Gate;
use super::job::{Done, Job};
use super::problem::Problem;
use crate::artifacts::progress::{Reached, Watch};
use crate::flows::edit::OpenRun;
use crate::flows::edit::clip::RunClip;
use crate::flows::edit::step::EditStep;
use crate::plan::edit::EditPlan;

/// Clips that are kept in memory.
const KEPT: usize = 16;

/// How far the step at hand is; the run's stages tell.
#[derive(Debug, Default)]
pub(super) struct StepReached(Mutex<Option<Reached>>);

impl StepReached {
    /// What the run's options are watched by.
    pub(super) fn watch(self: &Arc<Self>) -> Watch {
        let own = Arc::clone(self);
        Watch::new(move |reached| own.set(Some(reached)))
    }

    fn set(&self, reached: Option<Reached>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reached;
    }

    fn now(&self) -> Option<Reached> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What all requests share.
pub(super) struct Shared {
    /// The run.
    pub(super) run: OpenRun,
    /// Folder of the first edit.
    out: PathBuf,
    /// Who is answered.
    pub(super) gate: Gate,
    job: Mutex<Job>,
    reached: Arc<StepReached>,
    clips: Mutex<BTreeMap<ClipId, Arc<RunClip>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// A run of which nothing was asked yet.
    pub(super) fn new(run: OpenRun, out: PathBuf, gate: Gate, reached: Arc<StepReached>) -> Self {
        Self {
            reached,
            run,
            out,
            gate,
            job: Mutex::default(),
            clips: Mutex::default(),
        }
    }

    /// What is being done.
    pub(super) fn job(&self) -> MutexGuard<'_, Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is being done, and how far it is, as the page reads it.
    pub(super) fn told(&self) -> Value {
        self.job().told(self.reached.now().as_ref())
    }

    /// A clip's pixels and slots.
    pub(super) fn clip(&self, clip: &ClipId) -> Result<Arc<RunClip>, Problem> {
        self.run.check_folder()?;
        // Held while a clip is read: the page asks for its arrays all at once.
        let mut kept = self.clips.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(clip) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(self.run.clip(clip)?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(clip.clone(), Arc::clone(&read));
        Ok(read)
    }

    /// Begins to make an edit; its end shows in the job.
    ///
    /// # Errors
    /// When the edit is refused, or one is being made.
    pub(super) fn begin(self: &Arc<Self>, edit: EditPlan) -> Result<(), Problem> {
        self.run.check(&edit)?;
        {
            let mut job = self.job();
            if matches!(*job, Job::Working(_)) {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "an edit is being made",
                    "wait until it is done",
                ));
            }
            *job = Job::Working(EditStep::Edit);
        }
        let (worker, shared) = (Arc::clone(self), Arc::clone(self));
        tokio::spawn(async move {
            let made = tokio::task::spawn_blocking(move || worker.make(edit)).await;
            *shared.job() = match made {
                Ok(Ok(done)) => Job::Done(Arc::new(done)),
                Ok(Err(problem)) => Job::Failed(problem),
                Err(error) => Job::Failed(Problem::fault(&error)),
            };
        });
        Ok(())
    }

    fn make(&self, edit: EditPlan) -> Result<Done, Problem> {
        self.run.check_folder()?;
        let out = free_folder(&self.out);
        let tell = |step: EditStep| {
            self.reached.set(None);
            *self.job() = Job::Working(step);
        };
        let outcome = self.run.edit(&edit, &out, &tell)?;
        Ok(Done { edit, outcome })
    }
}

/// The first of DIR, DIR-2, DIR-3, … that is not there or is empty: no edit of the page takes the place of another.
fn free_folder(base: &Path) -> PathBuf {
    let is_free = |path: &Path| {
        !path.exists()
            || path
                .read_dir()
                .is_ok_and(|mut files| files.next().is_none())
    };
    let numbered = |number: usize| {
        let name = base.file_name().unwrap_or_default().to_string_lossy();
        base.with_file_name(format!("{name}-{number}"))
    };
    let later = (2..).map(numbered);
    let mut all = std::iter::once(base.to_owned()).chain(later);
    all.find(|path| is_free(path))
        .unwrap_or_else(|| base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::progress::Progress;

    #[test]
    fn the_stages_of_a_run_tell_how_far_the_step_is() {
        let reached = Arc::new(StepReached::default());
        assert_eq!(reached.now(), None);
        let progress = Progress::new("render", 1, true).watched(&reached.watch());
        progress.part(6, 24, "frames");
        let part = reached.now().map(|reached| (reached.share, reached.part));
        assert_eq!(part, Some((0.25, "6 of 24 frames".to_owned())));
        reached.set(None);
        assert_eq!(reached.now(), None, "the next step is yet to begin");
    }

    #[test]
    fn each_edit_of_the_page_gets_a_folder_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("run-edit");
        assert_eq!(free_folder(&base), base);
        std::fs::create_dir(&base).unwrap();
        assert_eq!(free_folder(&base), base, "an empty folder is free");
        std::fs::write(base.join("edit.toml"), "").unwrap();
        let second = home.path().join("run-edit-2");
        assert_eq!(free_folder(&base), second);
        std::fs::write(&second, "a file").unwrap();
        assert_eq!(free_folder(&base), home.path().join("run-edit-3"));
    }
}
