//! The loop: batch, loss, gradient, clip, step, log, validate, save; exactly resumable.

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;

use crate::artifacts::RunError;
use crate::artifacts::files::make_dir;
use crate::artifacts::interrupt::{self, Unfinished};
use crate::artifacts::progress::Progress;
use crate::rng::{Init, SeededRng};
use crate::weights::{StateDict, collect, load_into};

use crate::train::data::prefetch::Prefetcher;
use crate::train::error::TrainError;
use crate::train::fit::adam::{Adam, average, clip, global_norm};
use crate::train::fit::checkpoint::{BestModel, Checkpoint, ValidationScore};
use crate::train::fit::config::{FitConfig, OnSpike};
use crate::train::fit::ranks::group::{Ranks, check_parts, hash_of};
use crate::train::fit::step_gradients::{Batches, Step, StepGradients};
use crate::train::fit::training_result::TrainingResult;
use crate::train::interface::Objective;
use crate::train::monitor::log::Log;
use crate::train::monitor::loss_spikes::LossHistory;
use crate::train::monitor::throughput::{Throughput, ThroughputMeter};

/// Where a training lives and how it runs.
#[derive(Debug)]
pub struct FitContext<'a> {
    /// Its folder: checkpoints, log, pictures.
    pub folder: &'a Path,
    /// Where tensors live; gradients are recorded by the loop.
    pub device: &'a Device,
    /// The seed of everything random.
    pub seed: u64,
    /// Stop after this many steps, to go on later; unset = train to the end.
    pub until: Option<u64>,
    /// Say nothing while working.
    pub quiet: bool,
    /// The processes that train this model together.
    pub ranks: &'a dyn Ranks,
    /// What says which training it is: the same on all ranks.
    pub recipe: &'a str,
}

/// Trains a model to the end, from its newest checkpoint if there is one.
///
/// # Errors
/// When a number is lost, a loss jumps, a file cannot be written, ranks differ, or the person pressed Ctrl-C (a checkpoint
/// is written first).
pub fn fit<O: Objective>(
    objective: &O,
    config: &FitConfig,
    context: &FitContext<'_>,
) -> Result<TrainingResult<O::Model>, TrainError> {
    let (ranks, parts) = (context.ranks, config.accumulate.max(1) as u64);
    check_parts(ranks, parts)?;
    make_dir(context.folder)?;
    let mut state = FitState::open(objective, config, context)?;
    state.agree()?;
    let first = state.checkpoint.step;
    let last = context.until.unwrap_or(u64::MAX).min(config.steps);
    let progress = Progress::new("train", config.steps as usize, context.quiet);
    progress.set(first as usize);
    let seed = context.seed;
    let make =
        |index: u64| objective.batch(&mut SeededRng::new(seed, &["batch", &index.to_string()]));
    let own = ranks.own(parts);
    let numbers = (first..last).flat_map(|step| own.clone().map(move |part| step * parts + part));
    state.validate_late()?;
    std::thread::scope(|scope| {
        let mut batches = Prefetcher::start(scope, numbers, &make);
        for _ in first..last {
            state.step(&mut batches, &progress)?;
            progress.advance();
            if ranks.any(interrupt::pressed()) {
                state.save()?;
                // No rank ends before rank 0 has written.
                ranks.wait();
                return Err(TrainError::Run(RunError::Interrupted));
            }
        }
        Ok(())
    })?;
    state.finish(first < last)
}

/// A training between two steps.
struct FitState<'a, O: Objective> {
    objective: &'a O,
    config: &'a FitConfig,
    context: &'a FitContext<'a>,
    device: Device,
    model: O::Model,
    checkpoint: Checkpoint,
    best: Option<ValidationScore>,
    /// The curve, which rank 0 writes.
    log: Option<Log>,
    meter: ThroughputMeter,
    /// The step whose checkpoint is on the disk.
    saved: Option<u64>,
    /// Held while more is learned than is saved.
    unfinished: Option<Unfinished>,
}

impl<'a, O: Objective> FitState<'a, O> {
    fn open(
        objective: &'a O,
        config: &'a FitConfig,
        context: &'a FitContext<'a>,
    ) -> Result<Self, TrainError> {
        let mut device = context.device.clone().autodiff();
        if config.gradient_checkpointing {
            device = device.gradient_checkpointing();
        }
        let mut init = Init::seeded(context.seed, &device);
        let model = objective.init(&mut init);
        let checkpoint = if let Some(checkpoint) = Checkpoint::newest(context.folder)? {
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
                losses: LossHistory::default(),
            }
        };
        let model = load_into(model, checkpoint.model.clone())?;
        Ok(Self {
            objective,
            config,
            context,
            device,
            model,
            best: BestModel::open(context.folder)?.map(|best| best.score),
            log: context
                .ranks
                .is_first()
                .then(|| Log::open(context.folder, checkpoint.step))
                .transpose()?,
            saved: Some(checkpoint.step).filter(|step| *step > 0),
            checkpoint,
            meter: ThroughputMeter::default(),
            unfinished: None,
        })
    }

    fn step(
        &mut self,
        batches: &mut Batches<O::Batch>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let (start, config) = (Instant::now(), self.config);
        self.unfinished.get_or_insert_with(Unfinished::begin);
        let step = Step {
            objective: self.objective,
            config,
            ranks: self.context.ranks,
            device: &self.device,
            seed: self.context.seed,
        };
        let mut found = step.gradients(&mut self.model, &mut self.checkpoint, batches)?;
        let norm = self.finite_norm(&found)?;
        let rate = config.schedule.at(self.checkpoint.step, config.steps);
        if self.is_spike(found.total, progress)? {
            self.checkpoint.step += 1;
        } else {
            if let Some(limit) = config.clip {
                clip(&mut found.gradients, norm, limit);
            }
            self.checkpoint.losses.push(found.total);
            self.advance(&found.gradients, rate)?;
        }
        if self.checkpoint.step == 1 {
            let (learned, all) = (
                self.checkpoint.adam.moved(),
                self.kept_parameters().numbers(),
            );
            progress.say(&format!("{learned} of {all} parameters learn"));
        }
        self.meter
            .step(start.elapsed().as_secs_f64(), found.waited_secs);
        let rest = [("norm", norm), ("rate", rate)];
        self.report(&found.losses, &rest, progress)
    }

    /// Moves the parameters, and their average behind them.
    fn advance(&mut self, gradients: &StateDict, rate: f64) -> Result<(), TrainError> {
        let Checkpoint {
            model,
            adam,
            average: mean,
            step: done,
            ..
        } = &mut self.checkpoint;
        adam.step(model, gradients, |path| rate * self.objective.rate(path));
        if let (Some(mean), Some(decay)) = (mean, self.config.average) {
            // The average of few steps follows them closely (Tarvainen & Valpola 2017's warm-up).
            let warm = (1.0 + *done as f64) / (10.0 + *done as f64);
            average(mean, model, decay.min(warm));
        }
        *done += 1;
        self.model = load_into(self.model.clone(), self.checkpoint.model.clone())?;
        Ok(())
    }

    /// Global norm of the gradients, if it and the losses are finite.
    fn finite_norm(&self, found: &StepGradients) -> Result<f64, TrainError> {
        let lost = |what: String| TrainError::NotANumber {
            what,
            step: self.checkpoint.step,
            path: self.last_good(),
        };
        let total = [("total", found.total)];
        let mut losses = found.losses.iter().chain(&total);
        if let Some((name, _)) = losses.find(|(_, value)| !value.is_finite()) {
            return Err(lost(format!("loss `{name}`")));
        }
        let norm = global_norm(&found.gradients);
        if norm.is_finite() {
            return Ok(norm);
        }
        let broken = |values: &[f32]| values.iter().any(|x| !x.is_finite());
        let mut all = found.gradients.entries.iter();
        let name = all.find(|(_, value)| value.as_f32().is_some_and(broken));
        Err(lost(format!(
            "gradient of `{}`",
            name.map_or("?", |(name, _)| name)
        )))
    }

    /// Whether the loss is a spike and the step is to be left out.
    fn is_spike(&mut self, loss: f64, progress: &Progress) -> Result<bool, TrainError> {
        let Some(median) = self.checkpoint.losses.spike(loss, self.config.spike) else {
            return Ok(false);
        };
        let step = self.checkpoint.step;
        if self.config.on_spike == OnSpike::Stop || self.checkpoint.losses.skip() {
            return Err(TrainError::Spike {
                median,
                loss,
                step,
                path: self.last_good(),
            });
        }
        progress.say(&format!(
            "warning: step {step} is left out, its loss jumped from {median:.4} to {loss:.4}"
        ));
        Ok(true)
    }

    fn last_good(&self) -> std::path::PathBuf {
        Checkpoint::newest_path(self.context.folder)
            .unwrap_or_else(|| self.context.folder.to_owned())
    }

    fn report(
        &mut self,
        losses: &[(&'static str, f64)],
        rest: &[(&'static str, f64)],
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let (done, config) = (self.checkpoint.step, self.config);
        let rate = config.schedule.at(done, config.steps);
        progress.beside(|| format!("{} · rate {rate:.1e} ·", named(losses)));
        if done.is_multiple_of(config.log_every) || done == config.steps {
            let throughput = self.meter.read();
            if let Some(log) = &mut self.log {
                log.step(done, losses, rest, &throughput)?;
            }
            self.say(losses, &throughput, progress);
        }
        if self.is_to_be_validated() {
            let figures = self.validate()?;
            progress.say(&format!("validation at {done}: {}", named(&figures)));
        }
        if done.is_multiple_of(config.save_every) {
            self.save()?;
        }
        Ok(())
    }

    /// Whether a validation belongs behind the step that was done last.
    fn is_to_be_validated(&self) -> bool {
        let (done, config) = (self.checkpoint.step, self.config);
        done > 0 && done.is_multiple_of(config.validate_every) && done != config.steps
    }

    /// Makes up for a validation that a signal cut off.
    fn validate_late(&mut self) -> Result<(), TrainError> {
        let step = Some(self.checkpoint.step);
        let late = self.log.as_ref().is_some_and(|log| log.validated() != step);
        if late && self.is_to_be_validated() {
            self.validate()?;
        }
        Ok(())
    }

    fn say(
        &mut self,
        losses: &[(&'static str, f64)],
        throughput: &Throughput,
        progress: &Progress,
    ) {
        let done = self.checkpoint.step;
        let samples =
            throughput.steps * (self.objective.samples() * self.config.accumulate.max(1)) as f64;
        let left = throughput.time_for(self.config.steps - done);
        progress.say(&format!(
            "step {done} {} · {samples:.1} samples/s · waits for data {:.0} % · {left} left",
            named(losses),
            100.0 * throughput.waiting
        ));
        if self.meter.is_news(throughput) {
            progress.say("warning: more than 10 % of the time goes into waiting for data; larger models or smaller batches cost nothing now");
        }
    }

    /// Parameters that would be kept now: the running average where there is one.
    fn kept_parameters(&self) -> &StateDict {
        let Checkpoint { model, average, .. } = &self.checkpoint;
        average.as_ref().unwrap_or(model)
    }

    /// The model with these parameters, on the device of inference.
    fn inference_model(&self, state: StateDict) -> Result<O::Model, TrainError> {
        let blank = self.objective.init(&mut Init::blank(self.context.device));
        Ok(load_into(blank, state)?)
    }

    /// Figures of the model as it is, none on ranks that do not write. They may take long: what was learned is saved before,
    /// and a signal may cut them off.
    fn validate(&mut self) -> Result<Vec<(&'static str, f64)>, TrainError> {
        self.save()?;
        if self.log.is_none() {
            return Ok(Vec::new());
        }
        let model = self.inference_model(self.kept_parameters().clone())?;
        let (context, step) = (self.context, self.checkpoint.step);
        let figures = self.objective.validate(&model, context.device)?;
        let stem = format!("step-{step:08}");
        self.objective
            .preview(&model, context.device, context.folder, &stem)?;
        if let Some(log) = &mut self.log {
            log.validation(step, &figures, &stem)?;
        }
        let score = self.score(&figures);
        if score.value.is_finite() && self.best.as_ref().is_none_or(|best| score.beats(best)) {
            BestModel::write(&score, self.kept_parameters(), context.folder)?;
            self.best = Some(score);
        }
        Ok(figures)
    }

    /// The figure that models are chosen by.
    fn score(&self, figures: &[(&'static str, f64)]) -> ValidationScore {
        let (figure, value) = figures.first().copied().unwrap_or(("none", f64::NAN));
        ValidationScore {
            step: self.checkpoint.step,
            figure: figure.to_owned(),
            value,
            better: self.objective.better(),
        }
    }

    /// Refuses to go on with ranks that train another model, or from another place.
    fn agree(&self) -> Result<(), TrainError> {
        let FitContext { ranks, recipe, .. } = self.context;
        if ranks.size() == 1 {
            return Ok(());
        }
        let Checkpoint { step, model, .. } = &self.checkpoint;
        ranks.agree(
            "its plan, files or version",
            blake3::hash(recipe.as_bytes()),
        )?;
        ranks.agree("its place", blake3::hash(&step.to_le_bytes()))?;
        Ok(ranks.agree("its parameters", hash_of(model))?)
    }

    fn save(&mut self) -> Result<(), TrainError> {
        if self.saved == Some(self.checkpoint.step) {
            return Ok(());
        }
        self.agree()?;
        if let FitContext { ranks, folder, .. } = self.context
            && ranks.is_first()
        {
            self.checkpoint.write(folder, self.config.keep)?;
            if ranks.size() > 1 {
                let path = self.last_good();
                let text = format!(
                    "should a rank have died, the same command goes on from the last good checkpoint: `{}`",
                    path.display()
                );
                interrupt::note(&text);
            }
        }
        self.saved = Some(self.checkpoint.step);
        self.unfinished = None;
        Ok(())
    }

    fn finish(mut self, moved: bool) -> Result<TrainingResult<O::Model>, TrainError> {
        if moved {
            self.save()?;
        }
        let figures = self.validate()?;
        let best = BestModel::open(self.context.folder)?;
        let best = best.filter(|_| self.config.keep_best && self.log.is_some());
        let (kept, state) = match best {
            Some(best) => (best.score, best.model),
            None => (self.score(&figures), self.kept_parameters().clone()),
        };
        Ok(TrainingResult {
            model: self.inference_model(state)?,
            figures,
            steps: self.checkpoint.step,
            kept,
            learned: self.checkpoint.adam.moved(),
        })
    }
}

/// Figures for a person.
fn named(figures: &[(&'static str, f64)]) -> String {
    let each = figures
        .iter()
        .map(|(name, value)| format!("{name} {value:.4}"));
    each.collect::<Vec<_>>().join(" ")
}
