//! The loop: batch, loss, gradient, clip, step, log, validate, save; exactly resumable.

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;

use crate::artifacts::RunError;
use crate::artifacts::files::make_dir;
use crate::artifacts::interrupt::{self, Unfinished};
use crate::artifacts::progress::Progress;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::floats;
use crate::weights::{StateDict, collect, collect_gradients, load_into};

use crate::train::data::prefetch::Prefetcher;
use crate::train::error::TrainError;
use crate::train::fit::adam::{Adam, add, average, clip, global_norm, scale};
use crate::train::fit::checkpoint::{BestModel, Checkpoint, ValidationScore};
use crate::train::fit::config::{FitConfig, OnSpike};
use crate::train::fit::training_result::TrainingResult;
use crate::train::interface::{Objective, StepContext};
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
}

/// Trains a model to the end, from its newest checkpoint if there is one.
///
/// # Errors
/// When a number is lost, a loss jumps, a file cannot be written, or the person pressed Ctrl-C (a checkpoint is
/// written first).
pub fn fit<O: Objective>(
    objective: &O,
    config: &FitConfig,
    context: &FitContext<'_>,
) -> Result<TrainingResult<O::Model>, TrainError> {
    make_dir(context.folder)?;
    let mut state = FitState::open(objective, config, context)?;
    let first = state.checkpoint.step;
    let last = context.until.unwrap_or(u64::MAX).min(config.steps);
    let parts = config.accumulate.max(1) as u64;
    let progress = Progress::new("train", config.steps as usize, context.quiet);
    progress.set(first as usize);
    let seed = context.seed;
    let make =
        |index: u64| objective.batch(&mut SeededRng::new(seed, &["batch", &index.to_string()]));
    state.validate_late()?;
    std::thread::scope(|scope| {
        let mut batches = Prefetcher::start(scope, first * parts..last * parts, &make);
        for _ in first..last {
            state.step(&mut batches, &progress)?;
            progress.advance();
            if interrupt::pressed() {
                state.save()?;
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
    log: Log,
    meter: ThroughputMeter,
    /// The step whose checkpoint is on the disk.
    saved: Option<u64>,
    /// Held while more is learned than is saved.
    unfinished: Option<Unfinished>,
}

/// Gradients and losses of one step, averaged over its batches.
struct StepGradients {
    gradients: StateDict,
    /// Parts of the loss by name.
    losses: Vec<(&'static str, f64)>,
    /// The loss that gradients are taken of.
    total: f64,
    /// Seconds spent waiting for batches.
    waited_secs: f64,
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
            log: Log::open(context.folder, checkpoint.step)?,
            saved: Some(checkpoint.step).filter(|step| *step > 0),
            checkpoint,
            meter: ThroughputMeter::default(),
            unfinished: None,
        })
    }

    fn step(
        &mut self,
        batches: &mut Prefetcher<Result<O::Batch, TrainError>>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let (start, config) = (Instant::now(), self.config);
        self.unfinished.get_or_insert_with(Unfinished::begin);
        let mut found = self.gradients(batches)?;
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

    /// Losses and gradients, averaged over the batches of one step.
    fn gradients(
        &mut self,
        batches: &mut Prefetcher<Result<O::Batch, TrainError>>,
    ) -> Result<StepGradients, TrainError> {
        let parts = self.config.accumulate.max(1);
        let mut found = StepGradients {
            gradients: StateDict::default(),
            losses: Vec::new(),
            total: 0.0,
            waited_secs: 0.0,
        };
        let share = 1.0 / parts as f64;
        for part in 0..parts {
            let waiting = Instant::now();
            let Some(batch) = batches.next() else {
                return Err(TrainError::Data {
                    reason: "the data ended early".to_owned(),
                });
            };
            let batch = batch?;
            found.waited_secs += waiting.elapsed().as_secs_f64();
            let step = StepContext {
                done: self.checkpoint.step,
                total: self.config.steps,
                part,
                device: &self.device,
                seed: self.context.seed,
            };
            self.device
                .seed(step.noise("dropout").below(usize::MAX) as u64);
            if part == 0
                && let Some(changed) = self.objective.before_step(&self.model, &batch, &step)
            {
                self.checkpoint.model = collect(&changed);
                self.model = changed;
            }
            let losses = self.objective.losses(&self.model, &batch, &step);
            let backward = losses.total.clone().backward();
            add(
                &mut found.gradients,
                collect_gradients(&self.model, &backward),
            );
            found.total += share * f64::from(floats(losses.total.detach())[0]);
            for (index, (name, loss)) in losses.parts.into_iter().enumerate() {
                if part == 0 {
                    found.losses.push((name, 0.0));
                }
                found.losses[index].1 += share * f64::from(floats(loss)[0]);
            }
        }
        if parts > 1 {
            scale(&mut found.gradients, share as f32);
        }
        Ok(found)
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
            self.log.step(done, losses, rest, &throughput)?;
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
        if self.is_to_be_validated() && self.log.validated() != Some(self.checkpoint.step) {
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

    /// Figures of the model as it is. They may take long: what was learned is saved before, and a signal may cut them off.
    fn validate(&mut self) -> Result<Vec<(&'static str, f64)>, TrainError> {
        self.save()?;
        let model = self.inference_model(self.kept_parameters().clone())?;
        let (context, step) = (self.context, self.checkpoint.step);
        let figures = self.objective.validate(&model, context.device)?;
        let stem = format!("step-{step:08}");
        self.objective
            .preview(&model, context.device, context.folder, &stem)?;
        self.log.validation(step, &figures, &stem)?;
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

    fn save(&mut self) -> Result<(), TrainError> {
        if self.saved == Some(self.checkpoint.step) {
            return Ok(());
        }
        let config = self.config;
        self.checkpoint.write(self.context.folder, config.keep)?;
        self.saved = Some(self.checkpoint.step);
        self.unfinished = None;
        Ok(())
    }

    fn finish(mut self, moved: bool) -> Result<TrainingResult<O::Model>, TrainError> {
        if moved {
            self.save()?;
        }
        let figures = self.validate()?;
        let best = BestModel::open(self.context.folder)?.filter(|_| self.config.keep_best);
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
