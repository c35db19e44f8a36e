//! The truth: what programs say of true events, and true states in place of slots. Ceilings, for sources that know.

use ndarray::Array3;
use slotflow_datasets::question::{EventTable, executor};
use slotflow_datasets::{ClipId, Question, QuestionKind, Source};

use crate::artifacts::{ClipFile, Context, Input, Partial, RunError, Stage};

use crate::stages::clevrer::answer::Row;
use crate::stages::clevrer::neuro_symbolic::has_program;
use crate::stages::perceive::decode::Clips;

/// Answers by running programs on true events.
pub struct Know<'a> {
    /// Where the clips come from.
    pub source: &'a dyn Source,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Sampled frames of true states, and the objects of each.
    pub states: [usize; 2],
    /// Frames of the film from one sampled frame to the next.
    pub stride: usize,
}

impl Stage for Know<'_> {
    const NAME: &'static str = "know";
    const VERSION: u32 = 1;
    type Config = [usize; 2];

    fn config(&self) -> &[usize; 2] {
        &self.states
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("stride", self.stride.to_string()),
        ]
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        let [time, slots] = self.states;
        let frames: Vec<usize> = (0..time).map(|t| t * self.stride).collect();
        out.inherit(&self.clips.0);
        out.expect(self.clips.0.clips().to_vec());
        let index_of =
            |clip: &ClipId| (0..self.source.len()).find(|index| self.source.id(*index) == *clip);
        out.each_parallel(context, |clip| -> Result<ClipFile, String> {
            let index = index_of(clip).ok_or("the source has lost the clip")?;
            let table = self
                .source
                .events(index)
                .map_err(|error| error.to_string())?;
            let table = table.ok_or("nothing says what happens in it")?;
            let note = self.clips.note(clip).map_err(|error| error.to_string())?;
            let rows: Vec<Row> = note
                .questions
                .iter()
                .filter(|question| has_program(question) && is_known(&table, question))
                .flat_map(|question| {
                    Row::of_verdict(clip, question, &executor::verdict(&table, question))
                })
                .collect();
            let states = self.source.states(index, &frames, slots);
            ClipFile::default()
                .with_floats("slots", &states.unwrap_or_else(|| Array3::zeros((0, 0, 0))))
                .with_note(&rows)
                .map_err(|error| error.to_string())
        })
    }
}

/// Whether the events speak of what is asked: annotations end with the film and have no other course.
fn is_known(table: &EventTable, question: &Question) -> bool {
    match question.kind {
        QuestionKind::Descriptive | QuestionKind::Explanatory => true,
        QuestionKind::Predictive | QuestionKind::Counterfactual => !table.without.is_empty(),
    }
}
