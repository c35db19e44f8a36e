//! Answers of several reasoners → scores, each with its floor and its ceiling.

use slotflow_eval::answers::clevrer::ACCURACY;
use slotflow_eval::answers::{ALL, Graded, scores};
use slotflow_eval::{Provenance, Score};

use crate::artifacts::{Artifact, Context, Input, Partial, RunError, Stage, Table};

use crate::stages::clevrer::answers::{Answers, GradedAnswers};
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

/// Scores answers.
pub struct ScoreAnswers<'a> {
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// The models that answered; the floor is the most frequent answers of the first.
    pub answerers: &'a [Answerer<'a>],
    /// What programs say of the truth, where the source knows it: the ceiling.
    pub truth: Option<&'a Answers>,
    /// What else a reader must know.
    pub remark: String,
}

impl Stage for ScoreAnswers<'_> {
    const NAME: &'static str = "score-answers";
    const FORMER_NAME: Option<&'static str> = Some("grade");
    const VERSION: u32 = 2;
    type Config = String;
    type Output = Table<Vec<Score>>;

    fn config(&self) -> &String {
        &self.remark
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![self.clips.as_input("clips")];
        let named = self.answerers.iter();
        inputs.extend(named.map(|one| one.answers.as_input(&one.name)));
        inputs.extend(self.truth.map(|truth| truth.as_input("truth")));
        inputs
    }

    fn run(&self, out: &mut Partial<Self::Output>, _: &Context) -> Result<(), RunError> {
        out.inherit(self.clips);
        let asked = self.asked()?;
        let truth = self.truth.map(Answers::graded).transpose()?;
        let ceiling: &[Graded] = truth.as_ref().map_or(&[], |truth| &truth.answered);
        let mut rows: Vec<Score> = Vec::new();
        let mut blind: Option<Vec<Graded>> = None;
        for one in self.answerers {
            out.inherit(one.answers);
            let GradedAnswers {
                answered,
                blind: most_frequent,
            } = one.answers.graded()?;
            let floor = blind.get_or_insert(most_frequent);
            let about = Answering {
                name: &one.name,
                about: &one.about,
                checkpoint: &one.checkpoint,
                left_out: asked.saturating_sub(answered.len()),
            };
            rows.extend(
                scores(&answered, floor, ceiling)
                    .into_iter()
                    .map(|row| self.complete(row, &about)),
            );
        }
        self.settled(asked, blind.as_deref(), truth.as_ref(), &mut rows);
        if rows.is_empty() {
            let reason = "no question's answer is published";
            rows.push(Score::not_computed(ACCURACY.default_id(), ALL, reason));
        }
        out.write(&rows)
    }
}

/// What all rows of an answerer share.
struct Answering<'a> {
    name: &'a str,
    about: &'a str,
    checkpoint: &'a str,
    left_out: usize,
}

impl ScoreAnswers<'_> {
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
                "floor: the most frequent answer of each family of questions in the training",
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
            let about = Answering {
                name,
                about,
                checkpoint: "none",
                left_out: asked.saturating_sub(graded.len()),
            };
            rows.extend(
                scores(graded, &[], &[])
                    .into_iter()
                    .map(|row| self.complete(row, &about)),
            );
        }
    }

    /// Questions whose answer is known.
    fn asked(&self) -> Result<usize, RunError> {
        let mut count = 0;
        for clip in self.clips.clips() {
            let questions = self.clips.note(clip)?.questions;
            count += questions
                .iter()
                .filter(|question| question.is_answered())
                .count();
        }
        Ok(count)
    }

    fn complete(&self, score: Score, about: &Answering<'_>) -> Score {
        let left_out = match about.left_out {
            0 => String::new(),
            count => format!("; {count} questions are not answered, for nothing tells how"),
        };
        let shared = Provenance {
            checkpoint_sha256: about.checkpoint.to_owned(),
            ..Provenance::of_clips(&self.clips.id().0, env!("CARGO_PKG_VERSION"), "none")
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

/// Scores of answers on disk: one row a number.
pub type AnswerScores = Artifact<Table<Vec<Score>>>;
