//! Oracle: programs on true events, and true states in place of slots. Ceilings, for sources that know them.

use ndarray::Array3;
use slotflow_datasets::question::{EventTable, executor};
use slotflow_datasets::{ClipId, Question, QuestionKind, Source};

use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{
    ArtifactKind, ClipFault, ClipFile, Context, Includes, Input, Partial, PerClip, RunError, Stage,
};

use crate::stages::clevrer::answers::{AnswerRecord, AnswersOfClips};
use crate::stages::clevrer::neuro_symbolic::has_program;
use crate::stages::perceive::decode::{Clips, truth_of};

/// Answers by running programs on true events.
pub struct Oracle<'a> {
    /// Where the clips come from.
    pub source: &'a dyn Source,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Sampled frames of true states, and the objects of each.
    pub states: [usize; 2],
    /// Frames of the video from one sampled frame to the next.
    pub stride: usize,
}

impl Stage for Oracle<'_> {
    const NAME: &'static str = "oracle";
    const FORMER_NAME: Option<&'static str> = Some("know");
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
    type Config = [usize; 2];
    type Output = TrueAnswersAndStates;

    fn config(&self) -> &[usize; 2] {
        &self.states
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            Input::new("stride", self.stride.to_string()),
        ];
        inputs.extend(truth_of("truth", self.source, self.clips.planned()));
        inputs
    }

    fn run(
        &self,
        out: &mut Partial<TrueAnswersAndStates>,
        context: &Context,
    ) -> Result<(), RunError> {
        let [time, slots] = self.states;
        let frames: Vec<usize> = (0..time).map(|t| t * self.stride).collect();
        out.inherit(self.clips);
        out.expect(self.clips.clips().to_vec());
        let index_of =
            |clip: &ClipId| (0..self.source.len()).find(|index| self.source.id(*index) == *clip);
        out.each_parallel(context, |clip| -> Result<ClipFile, ClipFault> {
            let index = index_of(clip).ok_or("the source has lost the clip")?;
            let table = self
                .source
                .events(index)
                .map_err(|error| error.to_string())?;
            let table = table.ok_or("its events are not known")?;
            let note = self.clips.note(clip)?;
            let rows: Vec<AnswerRecord> = note
                .questions
                .iter()
                .filter(|question| has_program(question) && is_known(&table, question))
                .flat_map(|question| {
                    AnswerRecord::of_verdict(clip, question, &executor::verdict(&table, question))
                })
                .collect();
            let states = self.source.states(index, &frames, slots);
            Ok(ClipFile::default()
                .with_floats("slots", &states.unwrap_or_else(|| Array3::zeros((0, 0, 0))))
                .with_note(&rows)?)
        })
    }
}

/// What programs answer on true events, and true states in place of slots.
#[derive(Debug)]
pub enum TrueAnswersAndStates {}

impl ArtifactKind for TrueAnswersAndStates {}
impl PerClip for TrueAnswersAndStates {}
impl Includes<AnswersOfClips> for TrueAnswersAndStates {}
impl Includes<SlotsOfClips> for TrueAnswersAndStates {}

/// Whether the events cover what is asked: annotations end with the video and have no counterfactual course.
fn is_known(table: &EventTable, question: &Question) -> bool {
    match question.kind {
        QuestionKind::Descriptive | QuestionKind::Explanatory => true,
        QuestionKind::Predictive | QuestionKind::Counterfactual => !table.without.is_empty(),
    }
}
