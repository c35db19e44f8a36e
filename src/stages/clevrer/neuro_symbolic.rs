//! Slots → objects and events → answers: a head predicts them, and the questions' programs run on them (after NS-DR, Yi et
//! al. 2020).
//!
//! The head is supervised by generated events, and the questions' own programs are used: the scores of this stage do not
//! compare with those of a reasoner that reads the words alone.

use burn::tensor::Device;
use slotflow_datasets::{Ask, ClipId, Question};

use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::rollout::rolled_out;
use crate::models::WeightsKind;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::reasoner::{ObjectEventHead, ObjectEventHeadConfig};
use crate::plan::clevrer_vqa::NeuroSymbolicConfig;
use crate::rng::SeededRng;
use crate::scene_parsing::ParseSettings;

use crate::stages::Loaded;
use crate::stages::clevrer::answers::{AnswerRecord, AnswersOfClips};
use crate::stages::clevrer::counterfactual_rollout::CounterfactualRollout;
use crate::stages::clevrer::readings::Scene;
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
    const VERSION: u32 = 4;
    const IS_PER_CLIP: bool = true;
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

    fn is_random(&self) -> bool {
        self.config.readings > 1
    }

    fn run(&self, out: &mut Partial<AnswersOfClips>, context: &Context) -> Result<(), RunError> {
        let device = &context.device;
        let reader = Reader::open(self, device)?;
        out.inherit(self.encoded);
        out.expect(self.encoded.clips().to_vec());
        out.each(context, |clip, _| {
            let all = reader.slots(clip)?;
            let rollout = reader.rollout(all.observed);
            let rng = SeededRng::new(context.seed, &["readings", clip.as_str()]);
            let mut scene = Scene::new(&rollout, all, self.config.readings, rng);
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

/// The models of a [`NeuroSymbolic`] stage.
pub(super) struct Reader<'a> {
    stage: &'a NeuroSymbolic<'a>,
    device: &'a Device,
    dynamics: SlotFormer,
    head: ObjectEventHead,
    dim: usize,
    settings: ParseSettings,
}

impl<'a> Reader<'a> {
    /// Makes the models of their files.
    ///
    /// # Errors
    /// When a file holds another model.
    pub(super) fn open(stage: &'a NeuroSymbolic<'a>, device: &'a Device) -> Result<Self, RunError> {
        let kind = WeightsKind::ObjectEventHead;
        let loaded = stage
            .weights
            .model(kind, device, ObjectEventHeadConfig::init);
        let (config, head) = loaded.map_err(RunError::weights)?;
        let kind = WeightsKind::SlotFormer;
        let loaded = stage.dynamics.model(kind, device, SlotFormerConfig::init);
        let (_, dynamics) = loaded.map_err(RunError::weights)?;
        let threshold = |name: &str| {
            let trained = stage.weights.trained(name);
            trained.and_then(serde_json::Value::as_f64).unwrap_or(0.0) as f32
        };
        Ok(Self {
            stage,
            device,
            dynamics,
            head,
            dim: config.dim,
            settings: ParseSettings {
                stride: stage.stride,
                observed: 0,
                video_frames: stage.video_frames,
                collision_threshold: threshold("touch-threshold"),
                rolled_out_collision_threshold: threshold("imagined-touch-threshold"),
            },
        })
    }

    /// A clip's slots, rolled out behind its end.
    ///
    /// # Errors
    /// When they are not as wide as the head reads them.
    pub(super) fn slots(&self, clip: &ClipId) -> Result<ClipSlots, RunError> {
        let encoded = self.stage.encoded.slots(clip)?;
        let dim = encoded.dim().2;
        if dim != self.dim {
            let reason = format!(
                "slots are {dim} wide but the head reads {}: it was trained with another encoder",
                self.dim
            );
            return Err(RunError::Unfit { reason });
        }
        let steps = self.stage.config.steps;
        rolled_out(&self.dynamics, encoded.view(), steps, self.device)
    }

    /// What reads slots of which so many frames were observed.
    pub(super) fn rollout(&self, observed: usize) -> CounterfactualRollout<'_> {
        CounterfactualRollout {
            dynamics: &self.dynamics,
            head: &self.head,
            settings: ParseSettings {
                observed,
                ..self.settings
            },
            device: self.device,
        }
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
