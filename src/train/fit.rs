//! The loop: batch, loss, gradient, clip, step, log, validate, save; exactly resumable.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::layout::floats;
use crate::noise::{Init, Noise};
use crate::run::files::{make_dir, write_atomic};
use crate::run::progress::Progress;
use crate::run::{RunError, interrupt};
use crate::weights::{StateDict, collect, collect_gradients, load_into};

use super::adam::{Adam, add, average, clip, global_norm, scale};
use super::checkpoint::Checkpoint;
use super::schedule::Schedule;
use super::{Objective, Step, TrainError};

/// `[fit]` of a training plan: the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FitConfig {
    /// Optimiser steps.
    pub steps: u64,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// Longest gradient over all parameters together; unset = never clipped.
    pub clip: Option<f64>,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// Decay of a running average of the parameters, which is then what is kept; unset = none.
    pub average: Option<f64>,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub save_every: u64,
    /// Steps between two validations with pictures.
    pub validate_every: u64,
    /// Checkpoints that are kept.
    pub keep: usize,
    /// A checkpoint of another training of the same model, whose parameters this one starts from.
    pub start: Option<PathBuf>,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            steps: 1000,
            schedule: Schedule::default(),
            clip: None,
            accumulate: 1,
            average: None,
            log_every: 20,
            save_every: 200,
            validate_every: 500,
            keep: 2,
            start: None,
        }
    }
}

/// A finished training.
#[derive(Debug)]
pub struct Fitted<M> {
    /// The model: the running average where one is kept, else the last step's.
    pub model: M,
    /// Figures of the last validation.
    pub figures: Vec<(&'static str, f64)>,
}

/// Where a training lives and how it runs.
#[derive(Debug)]
pub struct Place<'a> {
    /// Its folder: checkpoints, log, pictures.
    pub folder: &'a Path,
    /// Where tensors live; gradients are recorded by the loop.
    pub device: &'a Device,
    /// The seed of everything random.
    pub seed: u64,
    /// Say nothing while working.
    pub quiet: bool,
}

/// Trains a model to the end, from its newest checkpoint if there is one.
///
/// # Errors
/// When a number is lost, a file cannot be written, or the person pressed Ctrl-C (a checkpoint is written first).
pub fn fit<O: Objective>(
    objective: &O,
    config: &FitConfig,
    place: &Place<'_>,
) -> Result<Fitted<O::Model>, TrainError> {
    make_dir(place.folder)?;
    let mut state = Training::open(objective, config, place)?;
    let (first, last) = (state.checkpoint.step, config.steps);
    let micro = config.accumulate.max(1) as u64;
    let progress = Progress::new("train", last as usize, place.quiet);
    progress.set(first as usize);
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(2);
        let seed = place.seed;
        scope.spawn(move || {
            for index in first * micro..last * micro {
                let mut noise = Noise::new(seed, &["batch", &index.to_string()]);
                if send.send(objective.batch(&mut noise)).is_err() {
                    return;
                }
            }
        });
        for _ in first..last {
            state.step(|| receive.recv().ok(), &progress)?;
            progress.advance();
            if interrupt::pressed() {
                state.save()?;
                return Err(TrainError::Run(RunError::Interrupted));
            }
        }
        Ok(())
    })?;
    state.finish()
}

/// A training in hand.
struct Training<'a, O: Objective> {
    objective: &'a O,
    config: &'a FitConfig,
    place: &'a Place<'a>,
    device: Device,
    model: O::Model,
    checkpoint: Checkpoint,
    log: Log,
    since: Since,
}

/// What has gathered since the last line of the log.
#[derive(Default)]
struct Since {
    seconds: f64,
    waited: f64,
    steps: u64,
}

impl<'a, O: Objective> Training<'a, O> {
    fn open(
        objective: &'a O,
        config: &'a FitConfig,
        place: &'a Place<'a>,
    ) -> Result<Self, TrainError> {
        let device = place.device.clone().autodiff();
        let mut init = Init::seeded(place.seed, &device);
        let model = objective.init(&mut init);
        let checkpoint = if let Some(checkpoint) = Checkpoint::newest(place.folder)? {
            checkpoint
        } else {
            let model = match &config.start {
                Some(path) => Checkpoint::model_of(path)?,
                None => collect(&model),
            };
            let average = config.average.map(|_| model.clone());
            Checkpoint {
                step: 0,
                model,
                adam: Adam::default(),
                average,
            }
        };
        let model = load_into(model, checkpoint.model.clone())?;
        let log = Log::open(place.folder.join("log.jsonl"), checkpoint.step)?;
        Ok(Self {
            objective,
            config,
            place,
            device,
            model,
            checkpoint,
            log,
            since: Since::default(),
        })
    }

    fn step(
        &mut self,
        mut next: impl FnMut() -> Option<O::Batch>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let (start, config) = (Instant::now(), self.config);
        let step = Step {
            done: self.checkpoint.step,
            total: config.steps,
            device: &self.device,
            seed: self.place.seed,
        };
        self.device
            .seed(step.noise("dropout").below(usize::MAX) as u64);
        let (mut gradients, mut parts) = (StateDict::default(), Vec::new());
        for _ in 0..config.accumulate.max(1) {
            let waiting = Instant::now();
            let Some(batch) = next() else {
                return Err(TrainError::Data {
                    reason: "the data ended early".to_owned(),
                });
            };
            self.since.waited += waiting.elapsed().as_secs_f64();
            if let Some(tended) = self.objective.tend(&self.model, &batch, &step) {
                self.checkpoint.model = collect(&tended);
                self.model = tended;
            }
            let losses = self.objective.losses(&self.model, &batch, &step);
            let found = losses.total.backward();
            add(&mut gradients, collect_gradients(&self.model, &found));
            parts = losses
                .parts
                .into_iter()
                .map(|(name, loss)| (name, f64::from(floats(loss)[0])))
                .collect();
        }
        if config.accumulate > 1 {
            scale(&mut gradients, 1.0 / config.accumulate as f32);
        }
        let norm = self.checked(&gradients, &parts)?;
        if let Some(limit) = config.clip {
            clip(&mut gradients, norm, limit);
        }
        let rate = config.schedule.at(self.checkpoint.step, config.steps);
        let Checkpoint {
            model,
            adam,
            average: mean,
            step: done,
        } = &mut self.checkpoint;
        adam.step(model, &gradients, |path| rate * self.objective.rate(path));
        if let (Some(mean), Some(decay)) = (mean, config.average) {
            // The average of few steps follows them closely (Tarvainen & Valpola 2017's warm-up).
            average(
                mean,
                model,
                decay.min((1.0 + *done as f64) / (10.0 + *done as f64)),
            );
        }
        *done += 1;
        self.model = load_into(self.model.clone(), self.checkpoint.model.clone())?;
        self.since.seconds += start.elapsed().as_secs_f64();
        self.since.steps += 1;
        self.report(&parts, norm, rate, progress)
    }

    /// The gradient's length, if it and the losses are numbers.
    fn checked(
        &self,
        gradients: &StateDict,
        parts: &[(&'static str, f64)],
    ) -> Result<f64, TrainError> {
        let lost = |what: String| TrainError::NotANumber {
            what,
            step: self.checkpoint.step,
            path: self.place.folder.to_owned(),
        };
        if let Some((name, _)) = parts.iter().find(|(_, value)| !value.is_finite()) {
            return Err(lost(format!("loss `{name}`")));
        }
        let norm = global_norm(gradients);
        if norm.is_finite() {
            return Ok(norm);
        }
        let broken = |values: &[f32]| values.iter().any(|x| !x.is_finite());
        let name = gradients
            .entries
            .iter()
            .find(|(_, value)| value.as_f32().is_some_and(broken));
        Err(lost(format!(
            "gradient of `{}`",
            name.map_or("?", |(name, _)| name)
        )))
    }

    fn report(
        &mut self,
        parts: &[(&'static str, f64)],
        norm: f64,
        rate: f64,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let (done, config) = (self.checkpoint.step, self.config);
        if done.is_multiple_of(config.log_every) || done == config.steps {
            let mut line = Map::from_iter([("step".to_owned(), json!(done))]);
            line.extend(
                parts
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), json!(value))),
            );
            line.extend([
                ("norm".to_owned(), json!(norm)),
                ("rate".to_owned(), json!(rate)),
            ]);
            self.log.write(&line)?;
            let Since {
                seconds,
                waited,
                steps,
            } = std::mem::take(&mut self.since);
            let speed = steps as f64 / seconds.max(1e-9);
            let waiting = 100.0 * waited / seconds.max(1e-9);
            let named: Vec<String> = parts
                .iter()
                .map(|(name, value)| format!("{name} {value:.4}"))
                .collect();
            progress.say(&format!(
                "step {done} {} · {speed:.2} steps/s · waits for data {waiting:.0} %",
                named.join(" ")
            ));
        }
        let validate = done.is_multiple_of(config.validate_every) && done != config.steps;
        if validate {
            let figures = self.validate()?;
            let named: Vec<String> = figures
                .iter()
                .map(|(name, value)| format!("{name} {value:.4}"))
                .collect();
            progress.say(&format!("validation at {done}: {}", named.join(" ")));
        }
        if done.is_multiple_of(config.save_every) {
            self.save()?;
        }
        Ok(())
    }

    /// The model that would be kept now, without gradients.
    fn kept(&self) -> Result<O::Model, TrainError> {
        let blank = self.objective.init(&mut Init::blank(self.place.device));
        let state = self
            .checkpoint
            .average
            .as_ref()
            .unwrap_or(&self.checkpoint.model);
        Ok(load_into(blank, state.clone())?)
    }

    fn validate(&mut self) -> Result<Vec<(&'static str, f64)>, TrainError> {
        let model = self.kept()?;
        let figures = self.objective.validate(&model, self.place.device);
        let mut line = Map::from_iter([("step".to_owned(), json!(self.checkpoint.step))]);
        line.extend(
            figures
                .iter()
                .map(|(name, value)| (format!("val/{name}"), json!(value))),
        );
        self.log.write(&line)?;
        let stem = format!("step-{:08}", self.checkpoint.step);
        self.objective
            .preview(&model, self.place.device, self.place.folder, &stem)?;
        Ok(figures)
    }

    fn save(&self) -> Result<(), TrainError> {
        self.checkpoint.write(self.place.folder, self.config.keep)
    }

    fn finish(mut self) -> Result<Fitted<O::Model>, TrainError> {
        self.save()?;
        let figures = self.validate()?;
        Ok(Fitted {
            model: self.kept()?,
            figures,
        })
    }
}

/// The curve: one JSON object a line, cut back to the checkpoint that a training goes on from.
struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    fn open(path: PathBuf, step: u64) -> Result<Self, TrainError> {
        if path.exists() {
            let io = |source| RunError::Io {
                action: "read",
                source,
                path: path.clone(),
            };
            let lines = BufReader::new(File::open(&path).map_err(io)?).lines();
            let mut kept = String::new();
            for line in lines.map_while(Result::ok) {
                let at = serde_json::from_str::<Value>(&line)
                    .ok()
                    .and_then(|value| value["step"].as_u64());
                if at.is_some_and(|at| at <= step) {
                    kept.push_str(&line);
                    kept.push('\n');
                }
            }
            write_atomic(&path, kept.as_bytes())?;
        }
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|source| RunError::Io {
            action: "open",
            source,
            path: path.clone(),
        })?;
        Ok(Self { file, path })
    }

    fn write(&mut self, line: &Map<String, Value>) -> Result<(), TrainError> {
        let text = format!("{}\n", Value::Object(line.clone()));
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|source| {
            TrainError::Run(RunError::Io {
                action: "write",
                source,
                path: self.path.clone(),
            })
        })
    }
}

/// Refuses a folder that holds a training under another recipe, and notes this one's in an empty one.
///
/// # Errors
/// When the recipe differs, naming what does, or a file cannot be written.
pub fn claim(folder: &Path, recipe: &crate::run::Recipe) -> Result<(), TrainError> {
    make_dir(folder)?;
    let path = folder.join("recipe.json");
    if let Ok(text) = fs::read_to_string(&path) {
        let differences = serde_json::from_str::<crate::run::Recipe>(&text).map_or_else(
            |error| vec![error.to_string()],
            |earlier| recipe.differences(&earlier),
        );
        if !differences.is_empty() {
            return Err(TrainError::Changed {
                differences: differences.join(", "),
                path: folder.to_owned(),
            });
        }
        return Ok(());
    }
    let text = serde_json::to_string_pretty(recipe).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(write_atomic(&path, text.as_bytes())?)
}
