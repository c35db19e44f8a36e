//! A run: which artifacts are there, which are to be made, and why.

/// Named arrays of one clip.
pub mod clip_file;

/// Files that are there whole or not at all.
pub mod files;

/// Ctrl-C.
pub mod interrupt;

/// What an artifact is the result of.
pub mod key;

/// A folder that one process works in.
pub mod lock;

/// How far a stage is.
pub mod progress;

mod artifact;
mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use burn::tensor::Device;
use serde::Serialize;

use crate::device::DeviceChoice;
pub use artifact::{Artifact, Manifest, Partial};
pub use clip_file::ClipFile;
pub use error::RunError;
pub use key::{ArtifactId, Input, Recipe};

/// How a run is done, beside what it computes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where finished stages are kept.
    pub cache: PathBuf,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// The seed of everything random.
    pub seed: u64,
    /// Stages that are made again, with all that depends on them.
    pub fresh: BTreeSet<String>,
    /// Only say what would be done.
    pub dry: bool,
    /// Say nothing while working.
    pub quiet: bool,
}

/// What a stage's work may ask for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where tensors live.
    pub device: Device,
    /// The seed of everything random.
    pub seed: u64,
    /// Say nothing while working.
    pub quiet: bool,
}

/// One step of a pipeline: settings, inputs and work.
pub trait Stage {
    /// Its table in a plan, its bucket in the cache, its name in messages.
    const NAME: &'static str;
    /// Rises when the same settings would give other bytes.
    const VERSION: u32;
    /// Its settings.
    type Config: Serialize;

    /// The settings.
    fn config(&self) -> &Self::Config;

    /// What it reads.
    fn inputs(&self) -> Vec<Input>;

    /// Whether it draws random numbers.
    fn is_random(&self) -> bool {
        false
    }

    /// The work.
    ///
    /// # Errors
    /// What stops the stage; a clip that fails is noted in `out` instead.
    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError>;
}

/// What became of one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The stage.
    pub stage: String,
    /// The artifact.
    pub id: ArtifactId,
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
        };
        Ok(Self {
            options,
            context,
            records: Mutex::new(Vec::new()),
        })
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
    /// What stopped the stage.
    pub fn stage<S: Stage>(&self, stage: &S) -> Result<Artifact, RunError> {
        let recipe = self.recipe(stage)?;
        let bucket = self
            .options
            .cache
            .join(format!("{}-v{}", S::NAME, S::VERSION));
        let dir = bucket.join(&recipe.id().0);
        let fresh = self.is_fresh(S::NAME);
        if !fresh && let Some(artifact) = Artifact::open(&dir, &recipe.id()) {
            self.note(S::NAME, &artifact.id, None, 0.0);
            return Ok(artifact);
        }
        let why = if fresh {
            "asked for with `--fresh`".to_owned()
        } else {
            reason(&bucket, &dir, &recipe)
        };
        if self.options.dry {
            self.note(S::NAME, &recipe.id(), Some(why), 0.0);
            return Ok(Artifact::named(&dir, recipe));
        }
        if !self.options.quiet {
            progress::say(&format!("{:>10} {why}", S::NAME));
        }
        let start = Instant::now();
        let mut out = Partial::open(&dir, recipe)?;
        stage.run(&mut out, &self.context)?;
        let artifact = out.commit()?;
        self.note(
            S::NAME,
            &artifact.id,
            Some(why),
            start.elapsed().as_secs_f64(),
        );
        Ok(artifact)
    }

    fn recipe<S: Stage>(&self, stage: &S) -> Result<Recipe, RunError> {
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

    /// Whether the stage or one before it was asked for with `--fresh`.
    fn is_fresh(&self, name: &str) -> bool {
        let earlier = |record: &Record| self.options.fresh.contains(&record.stage);
        self.options.fresh.contains(name) || self.records().iter().any(earlier)
    }

    fn note(&self, stage: &str, id: &ArtifactId, made: Option<String>, seconds: f64) {
        let why = made.clone().unwrap_or_else(|| "unchanged".to_owned());
        let record = Record {
            stage: stage.to_owned(),
            id: id.clone(),
            made: made.is_some(),
            why,
            seconds,
        };
        if let Ok(mut records) = self.records.lock() {
            records.push(record);
        }
    }
}

/// Why an artifact is not there: it was interrupted, its recipe differs from the last one, or it never was.
fn reason(bucket: &Path, dir: &Path, recipe: &Recipe) -> String {
    if files::partial_of(dir).exists() {
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
        let manifest = artifact::read_manifest(&entry.path())?;
        Some((
            entry.metadata().and_then(|data| data.modified()).ok()?,
            manifest,
        ))
    });
    dated
        .max_by_key(|(when, _)| *when)
        .map(|(_, manifest)| manifest)
}

#[cfg(test)]
mod tests;
