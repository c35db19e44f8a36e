//! Slots and questions → answers.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use ndarray::{Array3, ArrayView3, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::question::executor::{self, Verdict};
use slotflow_datasets::question::{Encoded, TEXT_TOKENS, Vocabulary};
use slotflow_datasets::{Ask, ClipId, Question, QuestionKind};
use slotflow_eval::answers::Graded;
use slotflow_eval::report::AnswerRow;

use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, Context, Input, Partial, PerClip, RunError, Slots, Stage,
};
use crate::inference::rollout::rolled_out;
use crate::kernels;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::reasoner::{Aloe, AloeConfig};
use crate::plan::video_predict::AnswerConfig;
use crate::tensor_conversion::floats;
use crate::train::data::qa_dataset::kind_of;
use crate::train::objectives::aloe::{Sees, TextBatch, slots_of_text, visible_slots};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

/// Texts that are read at once: bounds the memory, changes no number.
const TOGETHER: usize = 32;

/// Answers the questions about every clip.
pub struct Answer<'a> {
    /// How.
    pub config: &'a AnswerConfig,
    /// Aloe's file.
    pub weights: &'a Loaded,
    /// The SlotFormer's file, for what comes after the clip; unset where `seen` goes on behind it.
    pub dynamics: Option<&'a Loaded>,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// What was perceived.
    pub seen: &'a Slots,
}

/// One answer: to a descriptive question, or about one option of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The clip.
    pub video: String,
    /// The question's number in its clip.
    pub id: usize,
    /// Its type: `count`, …, `counterfactual`.
    pub kind: String,
    /// The question in words.
    pub question: String,
    /// The option in words.
    pub option: Option<String>,
    /// The functional program.
    pub program: String,
    /// What is right, where it is known.
    pub truth: Option<String>,
    /// What was answered.
    pub answer: String,
    /// What is answered best without the video.
    pub blind: String,
    /// Probability that the model gives its answer.
    pub probability: f64,
    /// Why it could not be answered.
    #[serde(default)]
    pub remark: Option<String>,
}

impl Row {
    /// The row of `answers.csv`.
    pub fn record(&self) -> [String; 9] {
        [
            self.video.clone(),
            self.id.to_string(),
            self.kind.clone(),
            self.question.clone(),
            self.option.clone().unwrap_or_default(),
            self.program.clone(),
            self.truth.clone().unwrap_or_default(),
            self.answer.clone(),
            format!("{:.4}", self.probability),
        ]
    }

    /// The row of the page.
    pub fn shown(&self) -> AnswerRow {
        AnswerRow {
            video: self.video.clone(),
            question: self.question.clone(),
            kind: broad(self).to_owned(),
            subtype: self.option.is_none().then(|| self.kind.clone()),
            option: self.option.clone(),
            truth: self.truth.clone(),
            answer: self.answer.clone(),
            probability: self.probability,
        }
    }
}

/// What answers a question.
struct Reasoner<'a> {
    aloe: Aloe,
    config: &'a AloeConfig,
    sees: Sees,
    blind: &'a serde_json::Value,
}

impl Stage for Answer<'_> {
    const NAME: &'static str = "answer";
    const VERSION: u32 = 2;
    type Config = AnswerConfig;
    type Output = AnswersOfClips;

    fn config(&self) -> &AnswerConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.seen.as_input("seen slots"),
            Input::new("weights", &*self.weights.id),
        ];
        let dynamics = self.dynamics;
        inputs.extend(dynamics.map(|dynamics| Input::new("dynamics weights", &*dynamics.id)));
        inputs
    }

    fn run(&self, out: &mut Partial<AnswersOfClips>, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model("aloe", &context.device, AloeConfig::init);
        let (config, aloe) = loaded.map_err(RunError::weights)?;
        let load =
            |loaded: &Loaded| loaded.model("slotformer", &context.device, SlotFormerConfig::init);
        let dynamics = self
            .dynamics
            .map(load)
            .transpose()
            .map_err(RunError::weights)?;
        let nothing = serde_json::Value::Null;
        let reasoner = Reasoner {
            aloe,
            config: &config,
            sees: sees(self.weights)?,
            blind: self.weights.trained("most-frequent").unwrap_or(&nothing),
        };
        out.inherit(self.seen);
        out.expect(self.seen.clips().to_vec());
        out.each(context, |clip| {
            let questions = self.clips.note(clip)?.questions;
            let seen = self.seen.slots(clip)?;
            let slots = match &dynamics {
                Some(dynamics) if reasoner.sees == Sees::Clip => {
                    reasoner.fits(&seen)?;
                    self.with_future(dynamics, &seen, config.frames, context)?
                }
                _ => visible_slots(reasoner.sees, seen.view()),
            };
            reasoner.fits(&slots)?;
            let rows = reasoner.answer_all(clip, &questions, slots.view(), context);
            ClipFile::default().with_note(&rows)
        })
    }
}

/// What a reasoner's file says that it looks at.
///
/// # Errors
/// When it says something else.
pub fn sees(weights: &Loaded) -> Result<Sees, RunError> {
    match weights.trained("sees") {
        None => Ok(Sees::Clip),
        Some(said) => serde_json::from_value(said.clone()).map_err(|error| RunError::Unfit {
            reason: format!("the reasoner looks at something unknown ({error})"),
        }),
    }
}

impl Answer<'_> {
    /// The frames that questions are about, and what is imagined behind them.
    fn with_future(
        &self,
        (rolled, dynamics): &(SlotFormerConfig, SlotFormer),
        seen: &Array3<f32>,
        frames: usize,
        context: &Context,
    ) -> Result<Array3<f32>, RunError> {
        let seen = seen.slice(s![..frames, .., ..]);
        if self.config.steps == 0 {
            return Ok(seen.to_owned());
        }
        let history = seen.slice(s![frames.saturating_sub(rolled.burn_in).., .., ..]);
        let future = rolled_out(dynamics, history, self.config.steps, &context.device)?;
        ndarray::concatenate(ndarray::Axis(0), &[seen, future.rolled_out()]).map_err(|error| {
            RunError::Internal {
                reason: error.to_string(),
            }
        })
    }
}

/// What an answer is that could not be given: never the right one.
pub const NO_ANSWER: &str = executor::ERROR;

impl Row {
    /// A question before it is answered.
    fn of(clip: &ClipId, question: &Question) -> Self {
        Self {
            video: clip.to_string(),
            id: question.id,
            kind: kind_of(question),
            question: question.text.clone(),
            option: None,
            program: question.program.join(" "),
            truth: None,
            answer: NO_ANSWER.to_owned(),
            blind: String::new(),
            probability: 0.0,
            remark: None,
        }
    }

    /// Its rows: one for a word, one for each option.
    fn all_of(clip: &ClipId, question: &Question) -> Vec<Self> {
        let row = Self::of(clip, question);
        match &question.ask {
            Ask::Word(truth) => vec![Self {
                truth: truth.clone(),
                ..row
            }],
            Ask::Choices(choices) => choices
                .iter()
                .map(|choice| Self {
                    option: Some(choice.text.clone()),
                    program: [&row.program, " | ", &choice.program.join(" ")].concat(),
                    truth: choice.correct.map(said),
                    ..row.clone()
                })
                .collect(),
        }
    }

    /// The rows of a question that programs answered.
    pub fn of_verdict(clip: &ClipId, question: &Question, verdict: &Verdict) -> Vec<Self> {
        let mut rows = Self::all_of(clip, question);
        let answers: Vec<String> = match verdict {
            Verdict::Word(word) => vec![word.clone()],
            Verdict::Choices(choices) => choices.iter().map(|&said| said.to_owned()).collect(),
        };
        for (row, answer) in rows.iter_mut().zip(answers) {
            row.answer = answer;
            row.probability = 1.0;
        }
        rows
    }
}

/// The word for a choice.
fn said(right: bool) -> String {
    if right { "correct" } else { "wrong" }.to_owned()
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
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        let (mut open, mut choices) = (Vec::new(), Vec::new());
        for question in questions {
            let mut of = Row::all_of(clip, question);
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
            let logits = self.aloe.judge(read.slots, read.words, read.padding);
            for (share, text) in floats(kernels::sigmoid(logits)).into_iter().zip(texts) {
                let row = &mut rows[text.row];
                row.answer = said(share > 0.5);
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
        TextBatch::new(&words, &windows, &context.device)
    }

    /// What is answered best without the video.
    fn guess(&self, row: &mut Row) {
        let guess = self
            .blind
            .get(&row.kind)
            .and_then(serde_json::Value::as_i64);
        row.blind = match (guess, &row.option) {
            (guess, Some(_)) => said(guess == Some(1)),
            (Some(id), None) => Vocabulary
                .answer_word(id as u32)
                .unwrap_or_default()
                .to_owned(),
            (None, None) => String::new(),
        };
    }

    /// The most likely words.
    fn words(&self, shares: &[f32], texts: &[Asked], rows: &mut [Row]) {
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

/// Answers to the questions about clips.
#[derive(Debug)]
pub enum AnswersOfClips {}

impl ArtifactKind for AnswersOfClips {}
impl PerClip for AnswersOfClips {}

/// Answers on disk.
pub type Answers = Artifact<AnswersOfClips>;

/// Answers compared with the truth, and those of one who did not look.
#[derive(Debug, Default)]
pub struct GradedAnswers {
    /// Of the model.
    pub answered: Vec<Graded>,
    /// Of the most frequent answer of each type.
    pub blind: Vec<Graded>,
}

impl Answers {
    /// All answers, clip by clip.
    ///
    /// # Errors
    /// When a file is not there or not whole.
    pub fn rows(&self) -> Result<Vec<Row>, RunError> {
        let mut all = Vec::new();
        for clip in self.clips() {
            all.extend(self.read(clip)?.note::<Vec<Row>>()?);
        }
        Ok(all)
    }

    /// Every question whose truth is known, graded.
    ///
    /// # Errors
    /// When a file is not there or not whole.
    pub fn graded(&self) -> Result<GradedAnswers, RunError> {
        let mut questions: BTreeMap<(String, usize), Vec<Row>> = BTreeMap::new();
        for row in self.rows()? {
            questions
                .entry((row.video.clone(), row.id))
                .or_default()
                .push(row);
        }
        let mut graded = GradedAnswers::default();
        for ((video, _), rows) in questions {
            let Some(truth) = rows
                .iter()
                .map(|row| row.truth.as_deref())
                .collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let one = |answer: fn(&Row) -> &str| {
                let answers: Vec<&str> = rows.iter().map(answer).collect();
                let kind = broad(&rows[0]);
                if rows[0].option.is_none() {
                    return Ok(Graded::word(&video, kind, truth[0], answers[0]));
                }
                Graded::options(&video, kind, &truth, &answers)
            };
            let fault = |error: slotflow_eval::EvalError| RunError::Unfit {
                reason: error.to_string(),
            };
            graded.answered.push(one(|row| &row.answer).map_err(fault)?);
            graded.blind.push(one(|row| &row.blind).map_err(fault)?);
        }
        Ok(graded)
    }
}

/// The type that CLEVRER's tables tell apart.
fn broad(row: &Row) -> &str {
    if row.option.is_some() {
        &row.kind
    } else {
        "descriptive"
    }
}
