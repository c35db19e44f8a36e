//! Answers of several reasoners → scores, each with its floor and its ceiling.

use slotflow_datasets::ClipId;
use slotflow_eval::answers::clevrer::ACCURACY;
use slotflow_eval::answers::{ALL, Graded, scores};
use slotflow_eval::{Provenance, Score, ScoreTable};

use crate::artifacts::{Artifact, ClipFile, Context, Input, Partial, RunError, Stage};

use crate::stages::clevrer::answer::{Answers, GradedAnswers};
use crate::stages::perceive::decode::Clips;

/// Answers of one reasoner.
#[derive(Debug)]
pub struct Answerer<'a> {
    /// Its name: the profile of its scores.
    pub name: String,
    /// What it is, in words.
    pub about: String,
    /// Its answers.
    pub answers: &'a Answers,
    /// Hash of the models behind them.
    pub checkpoint: String,
}

/// Judges answers.
pub struct Grade<'a> {
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Who answered; the floor is the first's most frequent answers.
    pub answerers: &'a [Answerer<'a>],
    /// What programs say of the truth, where the source knows it: the ceiling.
    pub truth: Option<&'a Answers>,
    /// What else a reader must know.
    pub remark: String,
}

impl Stage for Grade<'_> {
    const NAME: &'static str = "grade";
    const VERSION: u32 = 1;
    type Config = String;

    fn config(&self) -> &String {
        &self.remark
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![Input::new("clips", &*self.clips.0.id.0)];
        let named = self.answerers.iter();
        inputs.extend(named.map(|one| Input::new(&one.name, &*one.answers.0.id.0)));
        inputs.extend(self.truth.map(|truth| Input::new("truth", &*truth.0.id.0)));
        inputs
    }

    fn run(&self, out: &mut Partial, _: &Context) -> Result<(), RunError> {
        out.inherit(&self.clips.0);
        let asked = self.asked()?;
        let truth = self.truth.map(Answers::graded).transpose()?;
        let ceiling: &[Graded] = truth.as_ref().map_or(&[], |truth| &truth.answered);
        let mut rows: Vec<Score> = Vec::new();
        let mut blind: Option<Vec<Graded>> = None;
        for one in self.answerers {
            out.inherit(&one.answers.0);
            let GradedAnswers {
                answered,
                blind: guessed,
            } = one.answers.graded()?;
            let floor = blind.get_or_insert(guessed);
            let about = Told {
                name: &one.name,
                about: &one.about,
                checkpoint: &one.checkpoint,
                left_out: asked.saturating_sub(answered.len()),
            };
            rows.extend(
                scores(&answered, floor, ceiling)
                    .into_iter()
                    .map(|row| self.told(row, &about)),
            );
        }
        self.settled(asked, blind.as_deref(), truth.as_ref(), &mut rows);
        if rows.is_empty() {
            let reason = "no question's answer is published";
            rows.push(Score::not_computed(ACCURACY.default_id(), ALL, reason));
        }
        out.put(
            &ClipId::new("scores"),
            &ClipFile::default().with_note(&rows)?,
        )
    }
}

/// What all rows of an answerer have in common.
struct Told<'a> {
    name: &'a str,
    about: &'a str,
    checkpoint: &'a str,
    left_out: usize,
}

impl Grade<'_> {
    /// Rows of the floor and of the ceiling themselves.
    fn settled(
        &self,
        asked: usize,
        blind: Option<&[Graded]>,
        truth: Option<&GradedAnswers>,
        rows: &mut Vec<Score>,
    ) {
        let settled = [
            (
                "most-frequent",
                "floor: the most frequent answer of each type of question",
                blind,
            ),
            (
                "truth",
                "ceiling: programs on true events",
                truth.map(|truth| &*truth.answered),
            ),
        ];
        for (name, about, graded) in settled {
            let graded = graded.unwrap_or_default();
            let about = Told {
                name,
                about,
                checkpoint: "none",
                left_out: asked.saturating_sub(graded.len()),
            };
            rows.extend(
                scores(graded, &[], &[])
                    .into_iter()
                    .map(|row| self.told(row, &about)),
            );
        }
    }

    /// Questions whose answer is known.
    fn asked(&self) -> Result<usize, RunError> {
        let mut count = 0;
        for clip in self.clips.0.clips() {
            let questions = self.clips.note(clip)?.questions;
            count += questions
                .iter()
                .filter(|question| question.is_answered())
                .count();
        }
        Ok(count)
    }

    fn told(&self, score: Score, about: &Told<'_>) -> Score {
        let left_out = match about.left_out {
            0 => String::new(),
            count => format!("; {count} questions are not answered, for nothing tells how"),
        };
        let shared = Provenance {
            checkpoint_sha256: about.checkpoint.to_owned(),
            ..Provenance::of_clips(&self.clips.0.id.0, env!("CARGO_PKG_VERSION"), "none")
        };
        let score = Score {
            profile: about.name.to_owned(),
            note: format!("{}; {}{left_out}{}", about.about, score.note, self.remark),
            n_skipped: about.left_out,
            ..score
        };
        score.with_provenance(&shared)
    }
}

/// Grades on disk.
#[derive(Debug, Clone)]
pub struct Grades(pub Artifact);

impl Grades {
    /// One row a number.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn table(&self) -> Result<ScoreTable, RunError> {
        let rows = self.0.read(&ClipId::new("scores"))?.note()?;
        Ok(ScoreTable { rows })
    }
}
