//! How often what the head reads off slots is wrong, and programs on true events with as many errors: what is lost on these is lost
//! in the slots and the head, and not in the reasoner.

use slotflow_datasets::question::executor;
use slotflow_datasets::{ClipId, Source};

use crate::artifacts::{
    Artifact, ClipFault, ClipFile, Context, Input, Partial, RunError, Stage, Table,
};
use crate::rng::SeededRng;
use crate::scene_parsing::Misreadings;
use crate::stages::clevrer::answers::{AnswerRecord, AnswersOfClips};
use crate::stages::clevrer::neuro_symbolic::{NeuroSymbolic, Reader, has_program};
use crate::stages::perceive::decode::{Clips, truth_of};

/// More objects than any clip has.
const OBJECTS: usize = 32;

/// Counts what is wrong of what the head reads, on clips whose truth is known.
pub struct CountMisreadings<'a> {
    /// What reads.
    pub reading: &'a NeuroSymbolic<'a>,
    /// Where the clips come from.
    pub source: &'a dyn Source,
}

impl Stage for CountMisreadings<'_> {
    const NAME: &'static str = "count-misreadings";
    const VERSION: u32 = 1;
    type Config = <NeuroSymbolic<'static> as Stage>::Config;
    type Output = Table<Misreadings>;

    fn config(&self) -> &Self::Config {
        self.reading.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = self.reading.inputs();
        inputs.extend(truth_of("truth", self.source, self.reading.encoded.clips()));
        inputs
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        let reader = Reader::open(self.reading, &context.device)?;
        let stride = self.reading.stride;
        let mut all = Misreadings::default();
        for clip in self.reading.encoded.clips() {
            let slots = reader.slots(clip)?;
            let frames: Vec<usize> = (0..slots.slots.dim().0).map(|t| t * stride).collect();
            let index = index_of(self.source, clip).ok_or_else(|| unknown(clip))?;
            let events = self.source.events(index).map_err(|error| RunError::Unfit {
                reason: error.to_string(),
            })?;
            let states = self.source.states(index, &frames, OBJECTS);
            let (truth, states) = events.zip(states).ok_or_else(|| unknown(clip))?;
            let rollout = reader.rollout(slots.observed);
            let output = rollout.head_output(slots.slots.view());
            let parsed = output.parse(rollout.settings);
            let objects = truth.objects.len().min(OBJECTS);
            let states = states.slice_move(ndarray::s![.., ..objects, ..]);
            all += Misreadings::of_clip(&parsed, &output, (&truth, states.view()), stride);
        }
        out.write(&all)
    }
}

/// Answers by running programs on true events with as many errors as the head makes.
pub struct NoisyOracle<'a> {
    /// Where the clips come from.
    pub source: &'a dyn Source,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// How often what the head reads is wrong.
    pub misreadings: &'a Artifact<Table<Misreadings>>,
}

impl Stage for NoisyOracle<'_> {
    const NAME: &'static str = "noisy-oracle";
    const VERSION: u32 = 1;
    type Config = ();
    type Output = AnswersOfClips;

    fn config(&self) -> &() {
        &()
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            self.misreadings.as_input("misreadings"),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<AnswersOfClips>, context: &Context) -> Result<(), RunError> {
        let misreadings = self.misreadings.table()?;
        out.inherit(self.clips);
        out.expect(self.clips.clips().to_vec());
        out.each_parallel(context, |clip| -> Result<ClipFile, ClipFault> {
            let index = index_of(self.source, clip).ok_or("the source has lost the clip")?;
            let truth = self
                .source
                .events(index)
                .map_err(|error| error.to_string())?;
            let truth = truth.ok_or("its events are not known")?;
            let mut rng = SeededRng::new(context.seed, &["misreadings", clip.as_str()]);
            let table = misreadings.blurred(&truth, &mut rng);
            let note = self.clips.note(clip)?;
            let asked = note
                .questions
                .iter()
                .filter(|question| has_program(question));
            let rows = asked.flat_map(|question| {
                AnswerRecord::of_verdict(clip, question, &executor::verdict(&table, question))
            });
            Ok(ClipFile::default().with_note(&rows.collect::<Vec<AnswerRecord>>())?)
        })
    }
}

fn index_of(source: &dyn Source, clip: &ClipId) -> Option<usize> {
    (0..source.len()).find(|index| source.id(*index) == *clip)
}

fn unknown(clip: &ClipId) -> RunError {
    RunError::Internal {
        reason: format!("the events of {clip} are not known"),
    }
}
