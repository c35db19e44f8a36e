//! Slots → events → answers: a head reads what is there and what happens, and programs run on that.
//!
//! The head is supervised by generated events, and the questions' own programs are used: a row of this stage is no
//! competitor of a reasoner that has only words.

use ndarray::{Array3, ArrayView3};
use slotflow_datasets::question::executor::{self, Value, Verdict};
use slotflow_datasets::question::{Event, EventKind};
use slotflow_datasets::{Ask, ClipId, Question, QuestionKind};

use crate::models::dynamics::SlotFormerConfig;
use crate::models::reasoner::SightConfig;
use crate::plan::clevrer_vqa::ReasonConfig;
use crate::reading::{Found, Reading, Scale};
use crate::run::{ClipFile, Context, Input, Partial, RunError, Step};

use super::Loaded;
use super::answer::Row;
use super::decode::Clips;
use super::encode::Slots;
use super::imagine::Imagination;
use super::rollout::continued;

/// Answers by running programs on events that are read off slots.
pub struct Reason<'a> {
    /// How.
    pub config: &'a ReasonConfig,
    /// The head's file.
    pub weights: &'a Loaded,
    /// The SlotFormer's file.
    pub dynamics: &'a Loaded,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// What was perceived.
    pub seen: &'a Slots,
    /// Frames of the film from one sampled frame to the next, and in all.
    pub film: [usize; 2],
}

impl Step for Reason<'_> {
    const NAME: &'static str = "reason";
    const VERSION: u32 = 1;
    type Config = ReasonConfig;

    fn config(&self) -> &ReasonConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("seen slots", &*self.seen.0.id.0),
            Input::new("weights", &*self.weights.id),
            Input::new("dynamics weights", &*self.dynamics.id),
            Input::new("film", format!("{:?}", self.film)),
        ]
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        let device = &context.device;
        let loaded = self.weights.model("sight", device, SightConfig::init);
        let (config, sight) = loaded.map_err(RunError::weights)?;
        let loaded = self
            .dynamics
            .model("slotformer", device, SlotFormerConfig::init);
        let (_, dynamics) = loaded.map_err(RunError::weights)?;
        let threshold = |name: &str| {
            self.weights
                .trained(name)
                .and_then(serde_json::Value::as_f64)
                .unwrap_or(0.0) as f32
        };
        let scale = Scale {
            stride: self.film[0],
            observed: 0,
            film: self.film[1],
            touch: threshold("touch-threshold"),
            imagined_touch: threshold("imagined-touch-threshold"),
        };
        out.inherit(&self.seen.0);
        out.expect(self.seen.0.clips().to_vec());
        out.each(context, |clip| {
            let seen = self.seen.slots(clip)?;
            let (time, _, dim) = seen.dim();
            if dim != config.dim {
                let reason = format!(
                    "slots are {dim} wide but the head reads {}: it was trained with another encoder",
                    config.dim
                );
                return Err(RunError::Unfit { reason });
            }
            let imagination = Imagination {
                dynamics: &dynamics,
                sight: &sight,
                scale: Scale { observed: time, ..scale },
                device,
            };
            let all = continued(&dynamics, seen.view(), self.config.steps, device)?;
            let scene = Scene::new(&imagination, all);
            let questions = self.clips.note(clip)?.questions;
            let rows: Vec<Row> = questions
                .iter()
                .filter(|question| has_program(question))
                .flat_map(|question| scene.answer(clip, question))
                .collect();
            ClipFile::default().with_note(&rows)
        })
    }
}

/// Whether all that is asked comes with its program.
pub fn has_program(question: &Question) -> bool {
    let choices = match &question.ask {
        Ask::Word(_) => true,
        Ask::Choices(choices) => choices.iter().all(|choice| !choice.program.is_empty()),
    };
    choices && !question.program.is_empty()
}

/// A clip that was read.
struct Scene<'a> {
    imagination: &'a Imagination<'a>,
    slots: Array3<f32>,
    reading: Reading,
    found: Found,
}

impl<'a> Scene<'a> {
    fn new(imagination: &'a Imagination<'a>, slots: Array3<f32>) -> Self {
        let reading = imagination.read(slots.view());
        let found = reading.found(imagination.scale);
        Self {
            imagination,
            slots,
            reading,
            found,
        }
    }

    fn answer(&self, clip: &ClipId, question: &Question) -> Vec<Row> {
        let verdict = match question.kind {
            QuestionKind::Predictive => self.next(question),
            QuestionKind::Counterfactual => {
                let mut table = self.found.table.clone();
                if let Some(gone) = gone(&self.found, question) {
                    let events = self.imagination.without(self.view(), &self.found, gone);
                    table.without.insert(gone, events);
                }
                executor::verdict(&table, question)
            }
            _ => executor::verdict(&self.found.table, question),
        };
        Row::of_verdict(clip, question, &verdict)
    }

    fn view(&self) -> ArrayView3<'_, f32> {
        self.slots.view()
    }

    /// Of the two collisions that a predictive question names one happens: the one that imagined slots speak for more.
    fn next(&self, question: &Question) -> Verdict {
        let Ask::Choices(choices) = &question.ask else {
            return executor::verdict(&self.found.table, question);
        };
        let evidence: Vec<Option<f32>> = choices
            .iter()
            .map(
                |choice| match executor::run(&self.found.table, &choice.program) {
                    Ok(Value::Event(event)) => self.evidence(&event),
                    _ => None,
                },
            )
            .collect();
        let best = evidence
            .iter()
            .flatten()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        if choices.len() != 2 || !best.is_finite() {
            return executor::verdict(&self.found.table, question);
        }
        let said = |evidence: &Option<f32>| {
            if *evidence == Some(best) {
                "correct"
            } else {
                "wrong"
            }
        };
        Verdict::Choices(evidence.iter().map(said).collect())
    }

    /// How surely two objects collide behind the clip, as a logit.
    fn evidence(&self, event: &Event) -> Option<f32> {
        let (EventKind::Collision, [one, other]) = (event.kind, event.objects.as_slice()) else {
            return None;
        };
        let said = self
            .reading
            .pair(&self.found.tracks[*one], &self.found.tracks[*other]);
        let behind = said.iter().skip(self.imagination.scale.observed - 1);
        behind.copied().reduce(f32::max)
    }
}

/// The object that a counterfactual question takes away.
fn gone(found: &Found, question: &Question) -> Option<usize> {
    let named = ["get_counterfact", "filter_counterfact"];
    let at = question
        .program
        .iter()
        .position(|token| named.contains(&token.as_str()))?;
    match executor::run(&found.table, &question.program[..at]) {
        Ok(Value::Number(object)) => Some(object),
        _ => None,
    }
}
