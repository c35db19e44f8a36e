//! Slots and questions → answers.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use ndarray::{Array3, ArrayView3, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::question::{Encoded, Vocabulary};
use slotflow_datasets::{Ask, Choice, ClipId, Question};
use slotflow_eval::answers::Graded;
use slotflow_eval::report::AnswerRow;

use crate::kernels;
use crate::layout::floats;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::reasoner::{Aloe, AloeConfig};
use crate::plan::video_predict::AnswerConfig;
use crate::run::{Artifact, ClipFile, Context, Input, Partial, RunError, Step};
use crate::train::objective::aloe::{Read, kind_of, looked_at};

use super::Loaded;
use super::decode::Clips;
use super::encode::Slots;
use super::rollout::continued;

/// Answers the questions about every clip.
pub struct Answer<'a> {
    /// How.
    pub config: &'a AnswerConfig,
    /// Aloe's file.
    pub weights: &'a Loaded,
    /// The SlotFormer's file, for what comes after the clip.
    pub dynamics: &'a Loaded,
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
    frames: usize,
    blind: &'a serde_json::Value,
}

impl Step for Answer<'_> {
    const NAME: &'static str = "answer";
    const VERSION: u32 = 1;
    type Config = AnswerConfig;

    fn config(&self) -> &AnswerConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("seen slots", &*self.seen.0.id.0),
            Input::new("weights", &*self.weights.id),
            Input::new("dynamics weights", &*self.dynamics.id),
        ]
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model("aloe", &context.device, AloeConfig::init);
        let (config, aloe) = loaded.map_err(RunError::weights)?;
        let loaded = self
            .dynamics
            .model("slotformer", &context.device, SlotFormerConfig::init);
        let (rolled, dynamics) = loaded.map_err(RunError::weights)?;
        let nothing = serde_json::Value::Null;
        let blind = self.weights.trained("most-frequent").unwrap_or(&nothing);
        let reasoner = Reasoner {
            aloe,
            frames: config.frames,
            blind,
        };
        out.inherit(&self.seen.0);
        out.expect(self.seen.0.clips().to_vec());
        out.each(context, |clip| {
            let questions = self.clips.note(clip)?.questions;
            let seen = self.seen.slots(clip)?;
            if seen.dim().0 < config.frames {
                let reason = format!(
                    "{} frames for questions about {}",
                    seen.dim().0,
                    config.frames
                );
                return Err(RunError::Unfit { reason });
            }
            let all = self.with_future(&dynamics, rolled.burn_in, &seen, config.frames, context)?;
            let mut rows = Vec::new();
            for question in &questions {
                rows.extend(reasoner.answer(clip, question, all.view(), context)?);
            }
            ClipFile::default().with_note(&rows)
        })
    }
}

impl Answer<'_> {
    /// The frames that questions are about, and what is imagined behind them.
    fn with_future(
        &self,
        dynamics: &SlotFormer,
        burn_in: usize,
        seen: &Array3<f32>,
        frames: usize,
        context: &Context,
    ) -> Result<Array3<f32>, RunError> {
        let seen = seen.slice(s![..frames, .., ..]);
        if self.config.steps == 0 {
            return Ok(seen.to_owned());
        }
        let history = seen.slice(s![frames.saturating_sub(burn_in).., .., ..]);
        let future = continued(dynamics, history, self.config.steps, &context.device)?;
        let future = future.slice(s![history.dim().0.., .., ..]);
        ndarray::concatenate(ndarray::Axis(0), &[seen, future]).map_err(|error| {
            RunError::Internal {
                reason: error.to_string(),
            }
        })
    }
}

impl Reasoner<'_> {
    fn answer(
        &self,
        clip: &ClipId,
        question: &Question,
        slots: ArrayView3<'_, f32>,
        context: &Context,
    ) -> Result<Vec<Row>, RunError> {
        let predictive = question.kind == slotflow_datasets::QuestionKind::Predictive;
        let window = looked_at(slots, self.frames, predictive);
        let encoded = Vocabulary.encode(question);
        let encoded = encoded.map_err(|error| RunError::Unfit {
            reason: error.to_string(),
        })?;
        let kind = kind_of(question);
        let guess = self.blind.get(&kind).and_then(serde_json::Value::as_i64);
        let row = Row {
            video: clip.to_string(),
            id: question.id,
            kind,
            question: question.text.clone(),
            option: None,
            program: question.program.join(" "),
            truth: None,
            answer: String::new(),
            blind: String::new(),
            probability: 0.0,
        };
        match (encoded, &question.ask) {
            (Encoded::Open(words), Ask::Word(truth)) => {
                let read = Read::new(&[words], &[window], &context.device);
                let row = Row {
                    truth: truth.clone(),
                    ..row
                };
                Ok(vec![self.word(&read, guess, row)])
            }
            (Encoded::Choices(texts), Ask::Choices(choices)) => {
                let windows = vec![window; texts.len()];
                let read = Read::new(&texts, &windows, &context.device);
                Ok(self.options(&read, guess, choices, &row))
            }
            _ => Err(RunError::Internal {
                reason: "a question was read as another kind".to_owned(),
            }),
        }
    }

    /// The most likely word.
    fn word(&self, read: &Read, guess: Option<i64>, row: Row) -> Row {
        let (slots, words) = (read.slots.clone(), read.words.clone());
        let shares = floats(softmax(
            self.aloe.answer(slots, words, read.padding.clone()),
            1,
        ));
        let word = |id: usize| {
            Vocabulary
                .answer_word(id as u32)
                .unwrap_or("nothing")
                .to_owned()
        };
        // The padding's class is no answer.
        let best = shares
            .iter()
            .enumerate()
            .skip(1)
            .max_by(|a, b| a.1.total_cmp(b.1));
        let (id, share) = best.map_or((0, 0.0), |(id, share)| (id, *share));
        let blind = guess.map_or_else(String::new, |id| word(id as usize));
        Row {
            answer: word(id),
            blind,
            probability: f64::from(share),
            ..row
        }
    }

    /// Right or wrong for every option.
    fn options(&self, read: &Read, guess: Option<i64>, choices: &[Choice], row: &Row) -> Vec<Row> {
        let (slots, words) = (read.slots.clone(), read.words.clone());
        let logits = self.aloe.judge(slots, words, read.padding.clone());
        let said = |right: bool| if right { "correct" } else { "wrong" }.to_owned();
        let rows = choices.iter().zip(floats(kernels::sigmoid(logits)));
        let rows = rows.map(|(choice, share)| Row {
            option: Some(choice.text.clone()),
            program: [&row.program, " | ", &choice.program.join(" ")].concat(),
            truth: choice.correct.map(said),
            answer: said(share > 0.5),
            blind: said(guess == Some(1)),
            probability: f64::from(share.max(1.0 - share)),
            ..row.clone()
        });
        rows.collect()
    }
}

/// Answers on disk.
#[derive(Debug, Clone)]
pub struct Answers(pub Artifact);

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
        for clip in self.0.clips() {
            all.extend(self.0.read(clip)?.note::<Vec<Row>>()?);
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
