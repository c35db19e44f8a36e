//! Answers to the questions about clips, on disk and against the truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slotflow_datasets::question::executor::{self, Verdict};
use slotflow_datasets::question::family;
use slotflow_datasets::{Ask, ClipId, Question};
use slotflow_eval::answers::Graded;
use slotflow_eval::report::{AnswerRow, TraceStep};

use crate::artifacts::{Artifact, ArtifactKind, PerClip, RunError};
use crate::train::data::qa_dataset::kind_of;

/// One answer: to a descriptive question, or about one option of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// The clip.
    pub video: String,
    /// The question's number in its clip.
    pub id: usize,
    /// Its type: `count`, …, `counterfactual`.
    pub kind: String,
    /// Its wording without what tells one object from another.
    #[serde(default)]
    pub family: String,
    /// The question in words.
    pub question: String,
    /// The option in words.
    pub option: Option<String>,
    /// The functional program.
    pub program: String,
    /// The true answer, where it is known.
    pub truth: Option<String>,
    /// The answer.
    pub answer: String,
    /// The most frequent answer of the question's family in the training, or of its type: the floor.
    pub blind: String,
    /// Probability that the model gives its answer.
    pub probability: f64,
    /// Why it could not be answered.
    #[serde(default)]
    pub remark: Option<String>,
    /// How it was found, where a program was run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<TracedStep>,
}

/// A step of a program on the likeliest reading of its clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedStep {
    /// The module, with the words that it takes.
    pub module: String,
    /// What it finds, in words.
    pub found: String,
    /// Share of the readings on which it finds the same, 0..1.
    pub share: f64,
}

impl AnswerRecord {
    /// Its row of `answers.csv`.
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

    /// Its row on the page.
    pub fn shown(&self) -> AnswerRow {
        AnswerRow {
            video: self.video.clone(),
            question: self.question.clone(),
            kind: table_kind(self).to_owned(),
            subtype: self.option.is_none().then(|| self.kind.clone()),
            option: self.option.clone(),
            truth: self.truth.clone(),
            answer: self.answer.clone(),
            probability: self.probability,
            trace: self.trace.iter().map(TracedStep::shown).collect(),
        }
    }
}

impl TracedStep {
    fn shown(&self) -> TraceStep {
        TraceStep {
            module: self.module.clone(),
            found: self.found.clone(),
            probability: self.share,
        }
    }
}

/// The answer to a question that cannot be read: never the right one.
pub const NO_ANSWER: &str = executor::ERROR;

impl AnswerRecord {
    /// A question before it is answered.
    fn of(clip: &ClipId, question: &Question) -> Self {
        Self {
            video: clip.to_string(),
            id: question.id,
            kind: kind_of(question),
            family: family(question, None),
            question: question.text.clone(),
            option: None,
            program: question.program.join(" "),
            truth: None,
            answer: NO_ANSWER.to_owned(),
            blind: String::new(),
            probability: 0.0,
            remark: None,
            trace: Vec::new(),
        }
    }

    /// A question before it is answered: one record for a word, one for each option.
    pub(super) fn all_of(clip: &ClipId, question: &Question) -> Vec<Self> {
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
                    family: family(question, Some(choice)),
                    program: [&row.program, " | ", &choice.program.join(" ")].concat(),
                    truth: choice.correct.map(choice_word),
                    ..row.clone()
                })
                .collect(),
        }
    }

    /// The records of a question that programs answered.
    pub fn of_verdict(clip: &ClipId, question: &Question, verdict: &Verdict) -> Vec<Self> {
        let mut rows = Self::all_of(clip, question);
        let answers: Vec<String> = match verdict {
            Verdict::Word(word) => vec![word.clone()],
            Verdict::Choices(choices) => choices.iter().map(|&word| word.to_owned()).collect(),
        };
        for (row, answer) in rows.iter_mut().zip(answers) {
            row.answer = answer;
            row.probability = 1.0;
        }
        rows
    }

    /// The records of a question that programs answered on several readings of its clip.
    pub fn of_votes(clip: &ClipId, question: &Question, answers: &[Answer]) -> Vec<Self> {
        let mut rows = Self::all_of(clip, question);
        for (row, answer) in rows.iter_mut().zip(answers) {
            row.answer.clone_from(&answer.word);
            row.probability = answer.share;
        }
        rows
    }
}

/// An answer, and the share of the readings that give it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The word; `error` where the program fails on every reading.
    pub word: String,
    /// 0..1, of the readings on which the program does not fail.
    pub share: f64,
}

/// The word for whether an option is right.
pub(super) fn choice_word(right: bool) -> String {
    if right { "correct" } else { "wrong" }.to_owned()
}

/// Answers to the questions about clips.
#[derive(Debug)]
pub enum AnswersOfClips {}

impl ArtifactKind for AnswersOfClips {}
impl PerClip for AnswersOfClips {}

/// Answers on disk.
pub type Answers = Artifact<AnswersOfClips>;

/// Answers against the truth, and the most frequent answers against it.
#[derive(Debug, Default)]
pub struct GradedAnswers {
    /// The answers.
    pub answered: Vec<Graded>,
    /// The most frequent answer of each family of questions.
    pub blind: Vec<Graded>,
}

impl Answers {
    /// All answers, clip by clip.
    ///
    /// # Errors
    /// When a file is not there or not whole.
    pub fn rows(&self) -> Result<Vec<AnswerRecord>, RunError> {
        let mut all = Vec::new();
        for clip in self.clips() {
            all.extend(self.read(clip)?.note::<Vec<AnswerRecord>>()?);
        }
        Ok(all)
    }

    /// Every question whose truth is known, graded.
    ///
    /// # Errors
    /// When a file is not there or not whole.
    pub fn graded(&self) -> Result<GradedAnswers, RunError> {
        let mut questions: BTreeMap<(String, usize), Vec<AnswerRecord>> = BTreeMap::new();
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
            let one = |answer: fn(&AnswerRecord) -> &str| {
                let answers: Vec<&str> = rows.iter().map(answer).collect();
                let kind = table_kind(&rows[0]);
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

/// The type under which CLEVRER's tables list an answer.
fn table_kind(row: &AnswerRecord) -> &str {
    if row.option.is_some() {
        &row.kind
    } else {
        "descriptive"
    }
}
