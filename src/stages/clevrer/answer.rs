//! Slots and questions → answers.

use burn::tensor::activation::softmax;
use ndarray::{Array3, ArrayView3, s};
use slotflow_datasets::question::{Encoded, TEXT_TOKENS, Vocabulary};
use slotflow_datasets::{ClipId, Question, QuestionKind};

use crate::artifacts::{ClipFile, Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::rollout::rolled_out;
use crate::kernels;
use crate::models::WeightsKind;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::reasoner::{Aloe, AloeConfig};
use crate::plan::video_predict::AnswerConfig;
use crate::tensor_conversion::floats;
use crate::train::data::qa_dataset::MostFrequent;
use crate::train::objectives::aloe::{Sees, TextBatch, slots_of_text, visible_slots};

use crate::stages::Loaded;
use crate::stages::clevrer::answers::{AnswerRecord, AnswersOfClips, NO_ANSWER, choice_word};
use crate::stages::perceive::decode::Clips;

/// Texts that are read at once: bounds the memory, changes no number.
const TOGETHER: usize = 32;

/// Answers the questions about every clip.
pub struct Answer<'a> {
    /// `[answer]` of the plan.
    pub config: &'a AnswerConfig,
    /// Aloe's file.
    pub weights: &'a Loaded,
    /// The SlotFormer's file, for what comes after the clip; unset where `encoded` goes on behind it.
    pub dynamics: Option<&'a Loaded>,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
}

/// Aloe, with what its file says of its training.
struct Reasoner<'a> {
    aloe: Aloe,
    config: &'a AloeConfig,
    sees: Sees,
    blind: MostFrequent,
}

impl Stage for Answer<'_> {
    const NAME: &'static str = "answer";
    const VERSION: u32 = 2;
    const IS_PER_CLIP: bool = true;
    type Config = AnswerConfig;
    type Output = AnswersOfClips;

    fn config(&self) -> &AnswerConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.encoded.as_input("seen slots"),
            Input::new("weights", &*self.weights.id),
        ];
        let dynamics = self.dynamics;
        inputs.extend(dynamics.map(|dynamics| Input::new("dynamics weights", &*dynamics.id)));
        inputs
    }

    fn run(&self, out: &mut Partial<AnswersOfClips>, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model(WeightsKind::Aloe, &context.device, AloeConfig::init);
        let (config, aloe) = loaded.map_err(RunError::weights)?;
        let load = |loaded: &Loaded| {
            loaded.model(
                WeightsKind::SlotFormer,
                &context.device,
                SlotFormerConfig::init,
            )
        };
        let dynamics = self
            .dynamics
            .map(load)
            .transpose()
            .map_err(RunError::weights)?;
        let reasoner = Reasoner {
            aloe,
            config: &config,
            sees: sees(self.weights)?,
            blind: blind(self.weights)?,
        };
        out.inherit(self.encoded);
        out.expect(self.encoded.clips().to_vec());
        out.each(context, |clip, _| {
            let questions = self.clips.note(clip)?.questions;
            let encoded = self.encoded.slots(clip)?;
            let slots = match &dynamics {
                Some(dynamics) if reasoner.sees == Sees::Clip => {
                    reasoner.fits(&encoded)?;
                    self.with_future(dynamics, &encoded, config.frames, context)?
                }
                _ => visible_slots(reasoner.sees, encoded.view()),
            };
            reasoner.fits(&slots)?;
            let rows = reasoner.answer_all(clip, &questions, slots.view(), context);
            if rows.iter().any(|row| !row.probability.is_finite()) {
                return Err(RunError::Unfit {
                    reason: "the probabilities of its answers are not numbers".to_owned(),
                });
            }
            ClipFile::default().with_note(&rows)
        })
    }
}

/// What a reasoner reads of a clip, by its file's header.
///
/// # Errors
/// When the header names something else.
pub fn sees(weights: &Loaded) -> Result<Sees, RunError> {
    match weights.trained("sees") {
        None => Ok(Sees::Clip),
        Some(value) => serde_json::from_value(value.clone()).map_err(|error| RunError::Unfit {
            reason: format!("the reasoner looks at something unknown ({error})"),
        }),
    }
}

/// What answers best without the video, by the reasoner's file; nothing in files that were imported.
fn blind(weights: &Loaded) -> Result<MostFrequent, RunError> {
    let Some(fitted) = weights.trained("most-frequent") else {
        return Ok(MostFrequent::default());
    };
    MostFrequent::read(fitted).map_err(|error| RunError::Unfit {
        reason: format!(
            "the most frequent answers in the reasoner's file cannot be read ({error})"
        ),
    })
}

impl Answer<'_> {
    /// The frames that questions are about, and those rolled out behind them, `[time, slots, dim]`.
    fn with_future(
        &self,
        (rolled, dynamics): &(SlotFormerConfig, SlotFormer),
        encoded: &Array3<f32>,
        frames: usize,
        context: &Context,
    ) -> Result<Array3<f32>, RunError> {
        let encoded = encoded.slice(s![..frames, .., ..]);
        if self.config.steps == 0 {
            return Ok(encoded.to_owned());
        }
        let history = encoded.slice(s![frames.saturating_sub(rolled.burn_in).., .., ..]);
        let future = rolled_out(dynamics, history, self.config.steps, &context.device)?;
        ndarray::concatenate(ndarray::Axis(0), &[encoded, future.rolled_out()]).map_err(|error| {
            RunError::Internal {
                reason: error.to_string(),
            }
        })
    }
}

/// One text among those of a clip: its question, and its row there.
struct Asked {
    words: [u32; TEXT_TOKENS],
    predictive: bool,
    row: usize,
}

impl Reasoner<'_> {
    /// Whether slots are those that it was trained on, as far as sizes tell.
    fn fits(&self, slots: &Array3<f32>) -> Result<(), RunError> {
        let (time, count, dim) = slots.dim();
        let AloeConfig {
            frames,
            slots: expected,
            dim: width,
            ..
        } = *self.config;
        if (count, dim) != (expected, width) {
            let reason = format!(
                "{count} slots of {dim} numbers but the reasoner reads {expected} of {width}: it was trained with \
                 another encoder"
            );
            return Err(RunError::Unfit { reason });
        }
        if time < frames {
            let reason = format!("{time} frames for questions about {frames}");
            return Err(RunError::Unfit { reason });
        }
        Ok(())
    }

    /// All questions about a clip; one that cannot be read is a row without an answer, with the reason.
    fn answer_all(
        &self,
        clip: &ClipId,
        questions: &[Question],
        slots: ArrayView3<'_, f32>,
        context: &Context,
    ) -> Vec<AnswerRecord> {
        let mut rows = Vec::new();
        let (mut open, mut choices) = (Vec::new(), Vec::new());
        for question in questions {
            let mut of = AnswerRecord::all_of(clip, question);
            let predictive = question.kind == QuestionKind::Predictive;
            let first = rows.len();
            match Vocabulary.encode(question) {
                Ok(Encoded::Open(words)) => open.push(Asked {
                    words,
                    predictive,
                    row: first,
                }),
                Ok(Encoded::Choices(texts)) => {
                    choices.extend(texts.into_iter().enumerate().map(|(place, words)| Asked {
                        words,
                        predictive,
                        row: first + place,
                    }));
                }
                Err(error) => {
                    for row in &mut of {
                        row.remark = Some(error.to_string());
                    }
                }
            }
            rows.extend(of);
        }
        for row in &mut rows {
            self.guess(row);
        }
        for texts in open.chunks(TOGETHER) {
            let read = self.read(texts, slots, context);
            let shares = softmax(self.aloe.answer(read.slots, read.words, read.padding), 1);
            self.words(&floats(shares), texts, &mut rows);
        }
        for texts in choices.chunks(TOGETHER) {
            let read = self.read(texts, slots, context);
            let logits = self
                .aloe
                .score_choices(read.slots, read.words, read.padding);
            for (share, text) in floats(kernels::sigmoid(logits)).into_iter().zip(texts) {
                let row = &mut rows[text.row];
                row.answer = choice_word(share > 0.5);
                row.probability = f64::from(share.max(1.0 - share));
            }
        }
        rows
    }

    fn read(&self, texts: &[Asked], slots: ArrayView3<'_, f32>, context: &Context) -> TextBatch {
        let words: Vec<_> = texts.iter().map(|text| text.words).collect();
        let windows: Vec<_> = texts
            .iter()
            .map(|text| slots_of_text(slots, self.config.frames, text.predictive))
            .collect();
        let batch = TextBatch::new(&words, &windows, &context.device);
        match self.sees {
            Sees::Clip | Sees::LastFrame => batch.without_empty_slots(),
            Sees::States | Sees::Question => batch,
        }
    }

    /// Puts the most frequent answer of its family or type into a record: the floor.
    fn guess(&self, row: &mut AnswerRecord) {
        let guess = self.blind.guess(&row.kind, &row.family);
        row.blind = match (guess, &row.option) {
            (guess, Some(_)) => choice_word(guess == Some(1)),
            (Some(id), None) => Vocabulary
                .answer_word(id as u32)
                .unwrap_or_default()
                .to_owned(),
            (None, None) => String::new(),
        };
    }

    /// The most likely words.
    fn words(&self, shares: &[f32], texts: &[Asked], rows: &mut [AnswerRecord]) {
        for (shares, text) in shares.chunks(self.config.answers).zip(texts) {
            // The padding's class is no answer.
            let best = shares
                .iter()
                .enumerate()
                .skip(1)
                .max_by(|a, b| a.1.total_cmp(b.1));
            let (id, share) = best.map_or((0, 0.0), |(id, share)| (id, *share));
            let row = &mut rows[text.row];
            Vocabulary
                .answer_word(id as u32)
                .unwrap_or(NO_ANSWER)
                .clone_into(&mut row.answer);
            row.probability = f64::from(share);
        }
    }
}
