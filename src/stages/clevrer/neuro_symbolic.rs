//! Slots → objects and events → answers: a head predicts them, and the questions' programs run on them (after NS-DR, Yi et
//! al. 2020).
//!
//! The head is supervised by generated events, and the questions' own programs are used: the scores of this stage do not
//! compare with those of a reasoner that reads the words alone.

use ndarray::ArrayView3;
use slotflow_datasets::question::events::{COLORS, MATERIALS};
use slotflow_datasets::question::executor::{self, Value, Verdict};
use slotflow_datasets::question::{Attributes, Event, EventKind, EventTable};
use slotflow_datasets::{Ask, ClipId, Question, QuestionKind};

use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::rollout::rolled_out;
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::reasoner::ObjectEventHeadConfig;
use crate::plan::clevrer_vqa::NeuroSymbolicConfig;
use crate::scene_parsing::{HeadOutput, ParseSettings, ParsedScene};

use crate::stages::Loaded;
use crate::stages::clevrer::answers::{AnswerRecord, AnswersOfClips};
use crate::stages::clevrer::counterfactual_rollout::CounterfactualRollout;
use crate::stages::perceive::decode::Clips;

/// Answers by running programs on objects and events that a head predicts from slots.
pub struct NeuroSymbolic<'a> {
    /// `[neuro-symbolic]` of the plan.
    pub config: &'a NeuroSymbolicConfig,
    /// The head's file.
    pub weights: &'a Loaded,
    /// The SlotFormer's file.
    pub dynamics: &'a Loaded,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Frames of the video from one sampled frame to the next.
    pub stride: usize,
    /// Frames of the video.
    pub video_frames: usize,
}

impl Stage for NeuroSymbolic<'_> {
    const NAME: &'static str = "neuro-symbolic";
    const FORMER_NAME: Option<&'static str> = Some("reason");
    const VERSION: u32 = 2;
    type Config = NeuroSymbolicConfig;
    type Output = AnswersOfClips;

    fn config(&self) -> &NeuroSymbolicConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            self.encoded.as_input("seen slots"),
            Input::new("weights", &*self.weights.id),
            Input::new("dynamics weights", &*self.dynamics.id),
            Input::new("film", format!("{:?}", [self.stride, self.video_frames])),
        ]
    }

    fn run(&self, out: &mut Partial<AnswersOfClips>, context: &Context) -> Result<(), RunError> {
        let device = &context.device;
        let loaded = self.weights.model(
            WeightsKind::ObjectEventHead,
            device,
            ObjectEventHeadConfig::init,
        );
        let (config, head) = loaded.map_err(RunError::weights)?;
        let loaded = self
            .dynamics
            .model(WeightsKind::SlotFormer, device, SlotFormerConfig::init);
        let (_, dynamics) = loaded.map_err(RunError::weights)?;
        let threshold = |name: &str| {
            self.weights
                .trained(name)
                .and_then(serde_json::Value::as_f64)
                .unwrap_or(0.0) as f32
        };
        let settings = ParseSettings {
            stride: self.stride,
            observed: 0,
            video_frames: self.video_frames,
            collision_threshold: threshold("touch-threshold"),
            rolled_out_collision_threshold: threshold("imagined-touch-threshold"),
        };
        out.inherit(self.encoded);
        out.expect(self.encoded.clips().to_vec());
        out.each(context, |clip, _| {
            let encoded = self.encoded.slots(clip)?;
            let dim = encoded.dim().2;
            if dim != config.dim {
                let reason = format!(
                    "slots are {dim} wide but the head reads {}: it was trained with another encoder",
                    config.dim
                );
                return Err(RunError::Unfit { reason });
            }
            let all = rolled_out(&dynamics, encoded.view(), self.config.steps, device)?;
            let observed = all.observed;
            let rollout = CounterfactualRollout {
                dynamics: &dynamics,
                head: &head,
                settings: ParseSettings {
                    observed,
                    ..settings
                },
                device,
            };
            let scene = Scene::new(&rollout, all);
            let questions = self.clips.note(clip)?.questions;
            let rows: Vec<AnswerRecord> = questions
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

/// A clip whose objects and events are known.
struct Scene<'a> {
    rollout: &'a CounterfactualRollout<'a>,
    slots: ClipSlots,
    output: HeadOutput,
    parsed: ParsedScene,
}

impl<'a> Scene<'a> {
    fn new(rollout: &'a CounterfactualRollout<'a>, slots: ClipSlots) -> Self {
        let output = rollout.head_output(slots.slots.view());
        let parsed = output.parse(rollout.settings);
        Self {
            rollout,
            slots,
            output,
            parsed,
        }
    }

    fn answer(&self, clip: &ClipId, question: &Question) -> Vec<AnswerRecord> {
        let mut table = presupposed(&self.parsed, question);
        let verdict = match question.kind {
            QuestionKind::Predictive => self.next(&table, question),
            QuestionKind::Counterfactual => {
                if let Some(removed) = removed_object(&table, question) {
                    let events = self.rollout.without(self.view(), &self.parsed, removed);
                    table.without.insert(removed, events);
                }
                executor::verdict(&table, question)
            }
            _ => executor::verdict(&table, question),
        };
        AnswerRecord::of_verdict(clip, question, &verdict)
    }

    fn view(&self) -> ArrayView3<'_, f32> {
        self.slots.slots.view()
    }

    /// Of the two collisions that a predictive question names one happens: the one of the larger logit behind the clip.
    fn next(&self, table: &EventTable, question: &Question) -> Verdict {
        let Ask::Choices(choices) = &question.ask else {
            return executor::verdict(table, question);
        };
        let evidence: Vec<Option<f32>> = choices
            .iter()
            .map(|choice| match executor::run(table, &choice.program) {
                Ok(Value::Event(event)) => self.evidence(&event),
                _ => None,
            })
            .collect();
        let best = evidence
            .iter()
            .flatten()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        if choices.len() != 2 || !best.is_finite() {
            return executor::verdict(table, question);
        }
        let word = |evidence: &Option<f32>| {
            if *evidence == Some(best) {
                "correct"
            } else {
                "wrong"
            }
        };
        Verdict::Choices(evidence.iter().map(word).collect())
    }

    /// Logit that two objects collide behind the clip.
    fn evidence(&self, event: &Event) -> Option<f32> {
        let (EventKind::Collision, [one, other]) = (event.kind, event.objects.as_slice()) else {
            return None;
        };
        let tracks = &self.parsed.tracks;
        let logits = self.output.pair_collisions(&tracks[*one], &tracks[*other]);
        let behind = logits.iter().skip(self.rollout.settings.observed - 1);
        behind.copied().reduce(f32::max)
    }
}

/// The object that a counterfactual question takes away.
fn removed_object(table: &EventTable, question: &Question) -> Option<usize> {
    let named = ["get_counterfact", "filter_counterfact"];
    let at = question
        .program
        .iter()
        .position(|token| named.contains(&token.as_str()))?;
    let start = usize::from(
        question
            .program
            .first()
            .is_some_and(|token| token == "all_events"),
    );
    match executor::run(table, &question.program[start..at]) {
        Ok(Value::Number(object)) => Some(object),
        _ => None,
    }
}

/// The objects and events as the question presupposes them: "the metal cube" is the one object that most probably is one,
/// and no other is a metal cube.
fn presupposed(scene: &ParsedScene, question: &Question) -> EventTable {
    let mut table = scene.table.clone();
    let mut pinned: Vec<Vec<String>> = vec![Vec::new(); table.objects.len()];
    for words in named(question) {
        let log_probability = |object: &usize| {
            let sum: f32 = words
                .iter()
                .map(|word| scene.confidence[*object].log_probability(word))
                .sum();
            sum - if pinned[*object].is_empty() {
                0.0
            } else {
                SHARED
            }
        };
        let objects = 0..table.objects.len();
        let Some(chosen) = objects.max_by(|a, b| log_probability(a).total_cmp(&log_probability(b)))
        else {
            continue;
        };
        for word in &words {
            set(&mut table.objects[chosen], word, word);
        }
        pinned[chosen].extend(words.iter().cloned());
        for other in (0..table.objects.len()).filter(|other| *other != chosen) {
            if !words.iter().all(|word| looks(&table.objects[other], word)) {
                continue;
            }
            let free = words.iter().filter(|word| !pinned[other].contains(word));
            let least = free.min_by(|a, b| {
                let of = |word: &str| scene.confidence[other].log_probability(word);
                of(a).total_cmp(&of(b))
            });
            if let Some(word) = least
                && let Some(instead) = scene.confidence[other].alternative_to(word)
            {
                set(&mut table.objects[other], word, instead);
            }
        }
    }
    table
}

/// What it costs that two descriptions of a question are of one object, as a logarithm.
const SHARED: f32 = 1.0;

/// The words of every object that the question's programs name, the longest descriptions first.
fn named(question: &Question) -> Vec<Vec<String>> {
    let mut programs = vec![&question.program];
    if let Ask::Choices(choices) = &question.ask {
        programs.extend(choices.iter().map(|choice| &choice.program));
    }
    let mut all: Vec<Vec<String>> = Vec::new();
    for program in programs {
        for (start, _) in program
            .iter()
            .enumerate()
            .filter(|(_, token)| *token == "objects")
        {
            let mut words = Vec::new();
            let mut rest = program[start + 1..].chunks(2);
            let ends = loop {
                match rest.next() {
                    Some([word, filter]) if FILTERS.contains(&filter.as_str()) => {
                        words.push(word.clone());
                    }
                    Some([token, ..]) => break token == "unique",
                    _ => break false,
                }
            };
            words.sort();
            if ends && !words.is_empty() && !all.contains(&words) {
                all.push(words);
            }
        }
    }
    all.sort_by_key(|words| std::cmp::Reverse(words.len()));
    all
}

const FILTERS: [&str; 3] = ["filter_color", "filter_material", "filter_shape"];

fn looks(object: &Attributes, word: &str) -> bool {
    [&object.color, &object.material, &object.shape]
        .into_iter()
        .any(|own| own == word)
}

/// Puts `instead` where an object has a word of the kind of `word`.
fn set(object: &mut Attributes, word: &str, instead: &str) {
    let place = if COLORS.contains(&word) {
        &mut object.color
    } else if MATERIALS.contains(&word) {
        &mut object.material
    } else {
        &mut object.shape
    };
    instead.clone_into(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_that_a_question_names_are_read_from_its_programs() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let question = Question {
            id: 0,
            kind: QuestionKind::Descriptive,
            subtype: None,
            text: String::new(),
            program: words(
                "events objects metal filter_material cube filter_shape unique filter_collision unique objects red \
                 filter_color unique get_col_partner query_shape",
            ),
            ask: Ask::Word(None),
        };
        assert_eq!(named(&question), [vec!["cube", "metal"], vec!["red"]]);
        let open = Question {
            program: words("objects red filter_color count"),
            ..question
        };
        assert!(named(&open).is_empty());
    }
}
