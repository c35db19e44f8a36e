//! Losses and gradients of one step: the mean over its batches, on whichever ranks they are computed.

use std::time::Instant;

use burn::tensor::Device;

use crate::tensor_conversion::floats;
use crate::train::data::prefetch::Prefetcher;
use crate::train::error::TrainError;
use crate::train::fit::adam::{add, scale};
use crate::train::fit::checkpoint::Checkpoint;
use crate::train::fit::config::FitConfig;
use crate::train::fit::ranks::group::Ranks;
use crate::train::interface::{Objective, StepContext};
use crate::weights::{StateDict, collect, collect_gradients, load_into};

/// Batches of a training that this rank computes, in order.
pub type Batches<B> = Prefetcher<Result<B, TrainError>>;

/// Gradients and losses of one step, averaged over its batches.
pub struct StepGradients {
    pub gradients: StateDict,
    /// Parts of the loss by name.
    pub losses: Vec<(&'static str, f64)>,
    /// The loss that gradients are taken of.
    pub total: f64,
    /// Seconds spent waiting for batches.
    pub waited_secs: f64,
}

/// What one step is computed by.
pub struct Step<'a, O: Objective> {
    pub objective: &'a O,
    pub config: &'a FitConfig,
    pub ranks: &'a dyn Ranks,
    /// Where gradients are recorded.
    pub device: &'a Device,
    /// The seed of everything random.
    pub seed: u64,
}

impl<O: Objective> Step<'_, O> {
    /// Losses and gradients of the step behind `checkpoint`. The model is changed first where the objective asks for it.
    ///
    /// # Errors
    /// When data cannot be read.
    pub fn gradients(
        &self,
        model: &mut O::Model,
        checkpoint: &mut Checkpoint,
        batches: &mut Batches<O::Batch>,
    ) -> Result<StepGradients, TrainError> {
        let parts = self.config.accumulate.max(1);
        let share = 1.0 / parts as f64;
        let mut gradients = StateDict::default();
        let mut waited_secs = 0.0;
        let mut names = Vec::new();
        // A row for every batch of the step, those of other ranks zero until all are summed.
        let mut rows: Vec<f32> = Vec::new();
        for part in self.ranks.own(parts as u64).map(|part| part as usize) {
            let waiting = Instant::now();
            let Some(batch) = batches.next() else {
                return Err(TrainError::Data {
                    reason: "the data ended early".to_owned(),
                });
            };
            let batch = batch?;
            waited_secs += waiting.elapsed().as_secs_f64();
            let step = StepContext {
                done: checkpoint.step,
                total: self.config.steps,
                part,
                device: self.device,
                seed: self.seed,
            };
            self.device
                .seed(step.noise("dropout").below(usize::MAX) as u64);
            if names.is_empty() {
                self.change(model, checkpoint, &batch, &step)?;
            }
            let losses = self.objective.losses(model, &batch, &step);
            let backward = losses.total.clone().backward();
            add(&mut gradients, collect_gradients(model, &backward));
            names = losses.parts.iter().map(|(name, _)| *name).collect();
            let width = 1 + names.len();
            rows.resize(parts * width, 0.0);
            let values = losses.parts.into_iter().map(|(_, loss)| loss);
            let values = std::iter::once(losses.total.detach()).chain(values);
            for (place, value) in rows[part * width..].iter_mut().zip(values) {
                *place = floats(value)[0];
            }
        }
        self.ranks.sum(&mut rows);
        self.ranks.sum_gradients(&mut gradients, &checkpoint.model);
        if parts > 1 {
            scale(&mut gradients, share as f32);
        }
        let mean = |place: usize| -> f64 {
            let of_parts = rows.chunks(1 + names.len());
            of_parts.map(|row| share * f64::from(row[place])).sum()
        };
        let losses = names.iter().enumerate();
        Ok(StepGradients {
            losses: losses
                .map(|(index, name)| (*name, mean(1 + index)))
                .collect(),
            total: mean(0),
            gradients,
            waited_secs,
        })
    }

    /// Changes the model beside the gradient: by the first batch of the step, which rank 0 has, on all ranks alike.
    fn change(
        &self,
        model: &mut O::Model,
        checkpoint: &mut Checkpoint,
        batch: &O::Batch,
        step: &StepContext<'_>,
    ) -> Result<(), TrainError> {
        let own = self.ranks.is_first();
        let changed = own.then(|| self.objective.before_step(model, batch, step));
        let changed = changed.flatten();
        if !self.ranks.any(changed.is_some()) {
            return Ok(());
        }
        if let Some(changed) = changed {
            checkpoint.model = collect(&changed);
            *model = changed;
        }
        if self.ranks.size() > 1 {
            self.ranks.share(&mut checkpoint.model);
            *model = load_into(model.clone(), checkpoint.model.clone())?;
        }
        Ok(())
    }
}
