//! A run: stages in order, each done once and then found in the cache.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;
use slotflow_datasets::ClipId;

use super::options::{Context, Options, RunShard};
use super::stage::Stage;
use crate::artifacts::error::RunError;
use crate::artifacts::files::partial_of;
use crate::artifacts::progress;
use crate::artifacts::sharding::record::ShardRecord;
use crate::artifacts::sharding::stage_share::StageShare;
use crate::artifacts::store::artifact::{Artifact, MANIFEST, Manifest, read_manifest};
use crate::artifacts::store::key::{ArtifactId, Recipe};
use crate::artifacts::store::partial::Partial;
use crate::kernels::memory;

/// What became of one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The stage.
    pub stage: String,
    /// The artifact.
    pub id: ArtifactId,
    /// Everything that the artifact's bytes depend on.
    #[serde(skip)]
    pub recipe: Recipe,
    /// Whether it was made now.
    pub made: bool,
    /// Why it was made, or "unchanged".
    pub why: String,
    /// Time of the work, seconds.
    pub seconds: f64,
}

/// A run: stages in order, each cached by the content that it depends on.
#[derive(Debug)]
pub struct Run {
    options: Options,
    context: Context,
    records: Mutex<Vec<Record>>,
    /// Whether a stage was asked for with `--fresh`: all after it are made again.
    is_fresh: AtomicBool,
    /// The clips of the last stage that read a source.
    planned: Mutex<Arc<[ClipId]>>,
    /// What a shard made so far.
    shares: Mutex<Vec<StageShare>>,
}

impl Run {
    /// A run on a device that is there.
    ///
    /// # Errors
    /// When the device cannot be used.
    pub fn open(options: Options) -> Result<Self, crate::device::DeviceError> {
        let device = options.device.open()?;
        let context = Context {
            device,
            seed: options.seed,
            quiet: options.quiet,
            watch: options.watch.clone(),
            shard: options.shard.as_ref().map(|share| share.asked.shard),
        };
        Ok(Self {
            options,
            context,
            records: Mutex::new(Vec::new()),
            is_fresh: AtomicBool::new(false),
            planned: Mutex::default(),
            shares: Mutex::default(),
        })
    }

    /// A run that goes on from here by itself: it knows what became of the stages so far, and this one learns nothing of what it
    /// does.
    #[must_use]
    pub fn branch(&self) -> Self {
        Self {
            options: self.options.clone(),
            context: self.context.clone(),
            records: Mutex::new(self.records()),
            is_fresh: AtomicBool::new(self.is_fresh.load(Ordering::Relaxed)),
            planned: Mutex::new(self.planned.lock().map(|of| of.clone()).unwrap_or_default()),
            shares: Mutex::default(),
        }
    }

    /// How the run is done.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What stages may ask for.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What became of the stages so far.
    pub fn records(&self) -> Vec<Record> {
        self.records
            .lock()
            .map(|records| records.clone())
            .unwrap_or_default()
    }

    /// The stage's artifact: the one that is there, or a new one.
    ///
    /// # Errors
    /// What stopped the stage; [`RunError::Until`] where the run was asked to end behind it, and [`RunError::Share`] where it
    /// is a shard that ends here.
    pub fn stage<S: Stage>(&self, stage: &S) -> Result<Artifact<S::Output>, RunError> {
        if !S::IS_PER_CLIP {
            self.check_all_clips()?;
        }
        let artifact = self.open_or_make(stage)?;
        let artifact = artifact.of_planned(self.planned_by(stage));
        if let (Some(share), Ok(mut shares)) = (&self.options.shard, self.shares.lock()) {
            shares.push(StageShare::new(share.asked.shard, &artifact)?);
        }
        let until = self.options.until.as_deref();
        if !self.options.dry
            && (until == Some(S::NAME) || (until.is_some() && until == S::FORMER_NAME))
        {
            self.check_all_clips()?;
            return Err(RunError::Until {
                stage: S::NAME,
                path: self.bucket::<S>(S::NAME).join(&artifact.id().0),
            });
        }
        Ok(artifact)
    }

    /// Ends a shard of a run before what needs all clips: what it made is told in its folder.
    ///
    /// # Errors
    /// [`RunError::Share`] of a shard; a file that cannot be read or written.
    pub fn check_all_clips(&self) -> Result<(), RunError> {
        let Some(RunShard { asked, folder }) = &self.options.shard else {
            return Ok(());
        };
        let stages = self.shares.lock();
        let stages = stages.map(|stages| stages.clone()).unwrap_or_default();
        let files = stages.iter().flat_map(StageShare::paths).collect();
        let path = ShardRecord::new(asked, folder, stages, files)?.write(folder)?;
        Err(RunError::Share { path })
    }

    /// All clips that a stage's artifact is of: those that it reads from a source, else those of the last stage that read one.
    fn planned_by<S: Stage>(&self, stage: &S) -> Arc<[ClipId]> {
        let Ok(mut planned) = self.planned.lock() else {
            return Arc::default();
        };
        let own = stage.planned();
        if !own.is_empty() {
            *planned = own.into();
        }
        planned.clone()
    }

    fn open_or_make<S: Stage>(&self, stage: &S) -> Result<Artifact<S::Output>, RunError> {
        let recipe = self.recipe(stage)?;
        let bucket = self.bucket::<S>(S::NAME);
        let dir = bucket.join(&recipe.id().0);
        let fresh = self.is_fresh::<S>();
        if !fresh && let Some(artifact) = self.found::<S>(&recipe) {
            self.note(recipe, None, 0.0);
            return Ok(artifact);
        }
        let incomplete = !fresh && !self.options.dry && reopen(&dir);
        let why = if fresh {
            "asked for with `--fresh`".to_owned()
        } else if incomplete {
            "some of its clips are missing".to_owned()
        } else {
            reason(&bucket, &dir, &recipe)
        };
        if self.options.dry {
            self.note(recipe.clone(), Some(why), 0.0);
            return Ok(Artifact::named(&dir, recipe));
        }
        if !self.options.quiet {
            progress::say(&format!("{:>10} {why}", S::NAME));
        }
        memory::at_work(S::NAME);
        let start = Instant::now();
        let mut out = Partial::<S::Output>::open(&dir, recipe.clone())?;
        out = out.of_share(self.options.shard.is_some());
        stage.run(&mut out, &self.context)?;
        let artifact = out.commit()?;
        self.note(recipe, Some(why), start.elapsed().as_secs_f64());
        Ok(artifact)
    }

    pub(in crate::artifacts) fn recipe<S: Stage>(&self, stage: &S) -> Result<Recipe, RunError> {
        let internal = |error: serde_json::Error| RunError::Internal {
            reason: error.to_string(),
        };
        Ok(Recipe {
            stage: S::NAME.to_owned(),
            version: S::VERSION,
            config: serde_json::to_value(stage.config()).map_err(internal)?,
            inputs: stage.inputs(),
            seed: stage.is_random().then_some(self.options.seed),
            arithmetic: self.options.device.kind().to_owned(),
        })
    }

    /// The folder of all that a stage ever made here.
    fn bucket<S: Stage>(&self, name: &str) -> PathBuf {
        let bucket = format!("{name}-v{}", S::VERSION);
        self.options.store().join(bucket)
    }

    /// The artifact that is there, under the stage's name or its former one.
    fn found<S: Stage>(&self, recipe: &Recipe) -> Option<Artifact<S::Output>> {
        let (id, is_share) = (recipe.id(), self.options.shard.is_some());
        let dir = self.bucket::<S>(S::NAME).join(&id.0);
        Artifact::open(&dir, &id, is_share).or_else(|| {
            let former = Recipe {
                stage: S::FORMER_NAME?.to_owned(),
                ..recipe.clone()
            };
            let dir = self.bucket::<S>(&former.stage).join(&former.id().0);
            Artifact::open(&dir, &id, is_share)
        })
    }

    /// Whether the stage or one before it was asked for with `--fresh`.
    fn is_fresh<S: Stage>(&self) -> bool {
        let mut names = std::iter::once(S::NAME).chain(S::FORMER_NAME);
        let asked = names.any(|name| self.options.fresh.contains(name));
        self.is_fresh.fetch_or(asked, Ordering::Relaxed) || asked
    }

    fn note(&self, recipe: Recipe, made: Option<String>, seconds: f64) {
        let why = made.clone().unwrap_or_else(|| "unchanged".to_owned());
        let record = Record {
            stage: recipe.stage.clone(),
            id: recipe.id(),
            recipe,
            made: made.is_some(),
            why,
            seconds,
        };
        if let Ok(mut records) = self.records.lock() {
            records.push(record);
        }
    }
}

/// Makes an artifact that lacks files one in the making, so that the others are not made again. Says whether there was one.
fn reopen(dir: &Path) -> bool {
    let partial = partial_of(dir);
    // Without its manifest it is not taken for a whole one, whatever happens from here on.
    dir.is_dir()
        && !partial.exists()
        && (std::fs::remove_file(dir.join(MANIFEST)).is_ok() || !dir.join(MANIFEST).exists())
        && std::fs::rename(dir, partial).is_ok()
}

/// Why an artifact is not there: it was interrupted, its recipe differs from the last one, or it never was.
fn reason(bucket: &Path, dir: &Path, recipe: &Recipe) -> String {
    if partial_of(dir).exists() {
        return "goes on where it was stopped".to_owned();
    }
    let Some(last) = last_manifest(bucket) else {
        return "never made here".to_owned();
    };
    let differences = recipe.differences(&last.recipe);
    if differences.is_empty() {
        "its files are damaged".to_owned()
    } else {
        differences.join(", ")
    }
}

/// The newest manifest in a bucket.
fn last_manifest(bucket: &Path) -> Option<Manifest> {
    let entries = std::fs::read_dir(bucket).ok()?;
    let dated = entries.flatten().filter_map(|entry| {
        let manifest = read_manifest(&entry.path())?;
        Some((
            entry.metadata().and_then(|data| data.modified()).ok()?,
            manifest,
        ))
    });
    dated
        .max_by_key(|(when, _)| *when)
        .map(|(_, manifest)| manifest)
}
