//! What a model is trained on and for: the interface between an objective and the training loop.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ndarray::Array4;

use crate::rng::{Init, SeededRng};
use crate::train::data::clip_dataset::write_contact_sheet;
use crate::train::error::TrainError;
use crate::train::fit::checkpoint::Better;

/// The loss of a step, and its parts.
#[derive(Debug, Clone)]
pub struct Losses {
    /// The sum that gradients are taken of.
    pub total: Tensor<1>,
    /// Its parts, for the log.
    pub parts: Vec<(&'static str, Tensor<1>)>,
}

impl Losses {
    /// A loss of one part.
    pub fn single(name: &'static str, loss: Tensor<1>) -> Self {
        Self {
            total: loss.clone(),
            parts: vec![(name, loss.detach())],
        }
    }

    /// A weighted sum.
    ///
    /// # Panics
    /// When `parts` is empty.
    #[expect(clippy::expect_used, reason = "an objective always has a part")]
    pub fn weighted(parts: Vec<(&'static str, f64, Tensor<1>)>) -> Self {
        let named = parts
            .iter()
            .map(|(name, _, loss)| (*name, loss.clone().detach()))
            .collect();
        let sum = parts
            .into_iter()
            .map(|(_, weight, loss)| loss * weight)
            .reduce(|a, b| a + b);
        Self {
            total: sum.expect("an objective has at least one part"),
            parts: named,
        }
    }
}

/// Figures by name.
pub type Figures = Vec<(&'static str, f64)>;

/// What a model is trained on and for.
pub trait Objective: Sync {
    /// What learns.
    type Model: Module;
    /// What one step sees: plain arrays, made on another thread.
    type Batch: Send;

    /// The model before its first step.
    fn init(&self, init: &mut Init) -> Self::Model;

    /// Samples of a batch: frames, windows or texts.
    fn samples(&self) -> usize;

    /// The data of one step; the same for the same stream.
    ///
    /// # Errors
    /// When data cannot be read.
    fn batch(&self, noise: &mut SeededRng) -> Result<Self::Batch, TrainError>;

    /// The loss of the step.
    fn losses(&self, model: &Self::Model, batch: &Self::Batch, step: &StepContext<'_>) -> Losses;

    /// Learning rate of a parameter by its path, as a multiple of the schedule's.
    fn rate(&self, _path: &str) -> f64 {
        1.0
    }

    /// The model as it is changed beside the gradient before a step; most are not.
    fn before_step(
        &self,
        _model: &Self::Model,
        _batch: &Self::Batch,
        _step: &StepContext<'_>,
    ) -> Option<Self::Model> {
        None
    }

    /// Which values of the figure that models are chosen by are better.
    fn better(&self) -> Better {
        Better::Smaller
    }

    /// Figures on data that is not trained on. Models are chosen by the first one; that of a slot model knows no mask.
    ///
    /// # Errors
    /// When data cannot be read.
    fn validate(&self, model: &Self::Model, device: &Device) -> Result<Figures, TrainError>;

    /// Rows of images of what the model does with held-out data, `[count, height, width, rgb]` each;
    /// none where there is nothing to show.
    ///
    /// # Errors
    /// When data cannot be read.
    fn sheet(&self, _model: &Self::Model, _device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        Ok(Vec::new())
    }

    /// Writes images of what the model does into `folder`, their names beginning with `stem`.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn preview(
        &self,
        model: &Self::Model,
        device: &Device,
        folder: &Path,
        stem: &str,
    ) -> Result<(), TrainError> {
        let rows = self.sheet(model, device)?;
        if rows.is_empty() {
            return Ok(());
        }
        let path = folder.join(format!("{stem}.png"));
        Ok(write_contact_sheet(&rows, &path)?)
    }
}

/// Progress of a training at one step, and the step's random numbers.
#[derive(Debug)]
pub struct StepContext<'a> {
    /// Steps done before this one.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
    /// Which of the batches whose gradients make up the step.
    pub part: usize,
    /// Where tensors live, gradients recorded.
    pub device: &'a Device,
    /// This step's random numbers.
    pub seed: u64,
}

#[cfg(test)]
impl<'a> StepContext<'a> {
    /// A step of a test behind `done` of ten.
    pub fn of_test(done: u64, device: &'a Device) -> Self {
        Self {
            done,
            total: 10,
            part: 0,
            device,
            seed: 1,
        }
    }
}

impl StepContext<'_> {
    /// This step's stream of random numbers for a purpose.
    pub fn noise(&self, purpose: &str) -> SeededRng {
        let (step, part) = (self.done.to_string(), self.part.to_string());
        match self.part {
            0 => SeededRng::new(self.seed, &["step", &step, purpose]),
            _ => SeededRng::new(self.seed, &["step", &step, purpose, "part", &part]),
        }
    }

    /// Share of the training that is done, 0..1.
    pub fn progress(&self) -> f64 {
        self.done as f64 / self.total.max(1) as f64
    }
}
