//! The model at the end of a training, and its figures.

use serde_json::{Map, Value, json};

use crate::train::fit::checkpoint::ValidationScore;

/// A training that came to its end, or to where it was to stop for a while.
#[derive(Debug)]
pub struct TrainingResult<M> {
    /// The model: of the best validation or of the last step, the running average where one is kept.
    pub model: M,
    /// Figures of the last validation.
    pub figures: Vec<(&'static str, f64)>,
    /// Steps done.
    pub steps: u64,
    /// Step and value of the validation that the model comes from.
    pub kept: ValidationScore,
    /// How many numbers of the model learned; the others stayed as they were.
    pub learned: usize,
}

impl<M> TrainingResult<M> {
    /// What the header of a weights file says of its training.
    pub fn facts(&self) -> Map<String, Value> {
        let figures = self.figures.iter();
        let figures = figures.map(|(name, value)| (format!("validation-{name}"), json!(value)));
        figures
            .chain([
                ("steps".to_owned(), json!(self.steps)),
                ("kept".to_owned(), json!(self.kept)),
                ("learned".to_owned(), json!(self.learned)),
            ])
            .collect()
    }
}
