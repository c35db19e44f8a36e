//! A run folder of question answering: the plan, the tables, a submission, one page with what is wrong first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use slotflow_datasets::question::submission::{self, Answer, Answers as Submitted};
use slotflow_datasets::{ClipId, Question};
use slotflow_eval::report::{ClipView, Page};
use slotflow_eval::{ItemTable, ScoreTable};

use crate::artifacts::{Run, RunError};
use crate::plan::{ClevrerVqaPlan, Plan};

use crate::stages::clevrer::answers::{AnswerRecord, Answers};
use crate::stages::clevrer::score_answers::AnswerScores;
use crate::stages::perceive::decode::Clips;
use crate::stages::report::answers_csv::write_answers;
use crate::stages::report::frame_strip::frame_strip;
use crate::stages::report::panels::Panel;
use crate::stages::report::run_folder::{made, stage_rows, write_page, write_run_folder};

/// How many of the clips with wrong answers are shown.
const SHOWN_CLIPS: usize = 3;

/// What a run folder of question answering is made of.
pub struct AnswerReport<'a> {
    /// The plan.
    pub plan: &'a ClevrerVqaPlan,
    /// The clips, with their questions.
    pub clips: &'a Clips,
    /// Answers by the profile of who gave them.
    pub answers: &'a [(String, &'a Answers)],
    /// Their scores.
    pub scores: &'a AnswerScores,
    /// Clips that could not be done, and questions without a clip, each with the reason.
    pub failures: Vec<(String, String)>,
}

impl AnswerReport<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::ClevrerVqa(Box::new(self.plan.clone()));
        write_run_folder(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        let table = ScoreTable {
            rows: self.scores.table()?,
        };
        table
            .save(&folder.join("scores.csv"))
            .map_err(|error| RunError::Unfit {
                reason: error.to_string(),
            })?;
        let shown = self.tables(folder)?;
        if let Some(path) = &self.plan.page.submission {
            self.submit(path, &shown)?;
        }
        // What is shown comes first, and so stands on top of the page.
        let profile = self.plan.page.answers.profile();
        let mut shown_first = table.clone();
        shown_first.rows.sort_by_key(|row| row.profile != profile);
        let items = ItemTable::default();
        let decode = &self.plan.decode;
        let page = Page {
            title: "Questions about videos".to_owned(),
            subtitle: format!(
                "{} clips of `{}`, split {}; the answers shown are those of `{}`; seed {}",
                self.clips.clips().len(),
                decode.dataset,
                decode.split,
                profile,
                self.plan.seed
            ),
            scores: &shown_first,
            items: &items,
            clips: self.worst_clips(&shown)?,
            notes: unread(&shown),
            answers: shown.iter().map(AnswerRecord::shown).collect(),
            stages: stage_rows(run),
            made: made(run, &[]),
            plan,
            failures: self.failures.clone(),
            burn_in: 0,
        };
        write_page(folder, &page)
    }

    /// Frames of the clips about which most questions are answered wrongly.
    fn worst_clips(&self, rows: &[AnswerRecord]) -> Result<Vec<ClipView>, RunError> {
        let mut questions: BTreeMap<&str, BTreeMap<usize, bool>> = BTreeMap::new();
        for row in rows {
            let Some(truth) = &row.truth else {
                continue;
            };
            let of_clip = questions.entry(&row.video).or_default();
            *of_clip.entry(row.id).or_default() |= *truth != row.answer;
        }
        let wrong =
            |of_clip: &BTreeMap<usize, bool>| of_clip.values().filter(|wrong| **wrong).count();
        let mut worst: Vec<_> = questions
            .iter()
            .filter(|(_, of_clip)| wrong(of_clip) > 0)
            .collect();
        // Of equal ones the first; sorting keeps their order.
        worst.sort_by_key(|(_, of_clip)| Reverse(wrong(of_clip)));
        let views = worst.into_iter().take(SHOWN_CLIPS).map(|(name, of_clip)| {
            let frames = self.clips.frames(&ClipId::new(name))?;
            Ok(ClipView {
                name: (*name).to_owned(),
                strip: Some(frame_strip(&[&Panel::frames("frames", frames.view())], 0)?),
                frames: frames.dim().0,
                note: Some(format!(
                    "{} of {} questions answered wrongly",
                    wrong(of_clip),
                    of_clip.len()
                )),
                ..ClipView::default()
            })
        });
        views.collect()
    }

    /// Writes a table a reasoner; the rows of the one that is shown.
    fn tables(&self, folder: &Path) -> Result<Vec<AnswerRecord>, RunError> {
        let shown_profile = self.plan.page.answers.profile();
        let mut shown = Vec::new();
        for (name, answers) in self.answers {
            let rows = answers.rows()?;
            let file = if name == shown_profile {
                "answers.csv".to_owned()
            } else {
                format!("answers-{name}.csv")
            };
            write_answers(&folder.join(file), &rows)?;
            if name == shown_profile {
                shown = rows;
            }
        }
        Ok(shown)
    }

    /// Writes the answers as a submission, and reads it back as the server would have.
    fn submit(&self, path: &Path, rows: &[AnswerRecord]) -> Result<(), RunError> {
        let fault = |reason: String| RunError::Unfit { reason };
        let mut asked: BTreeMap<usize, Vec<Question>> = BTreeMap::new();
        let mut scenes: BTreeMap<String, usize> = BTreeMap::new();
        for clip in self.clips.clips() {
            let digits: String = clip
                .as_str()
                .chars()
                .rev()
                .take_while(char::is_ascii_digit)
                .collect();
            let number = digits.chars().rev().collect::<String>().parse();
            let number = number.map_err(|_| fault(format!("a clip without a number: `{clip}`")))?;
            asked.insert(number, self.clips.note(clip)?.questions);
            scenes.insert(clip.to_string(), number);
        }
        submission::write(path, &submitted(rows, &scenes))
            .map_err(|error| fault(error.to_string()))?;
        let problems = submission::check(path, &asked).map_err(|error| fault(error.to_string()))?;
        match problems.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(fault(format!(
                "the submission would be refused for {} reasons; the first: {first}: `{}`",
                problems.len(),
                path.display()
            ))),
        }
    }
}

/// Answers by scene and question.
fn submitted(rows: &[AnswerRecord], scenes: &BTreeMap<String, usize>) -> Submitted {
    let mut all = Submitted::new();
    for row in rows {
        let Some(scene) = scenes.get(&row.video) else {
            continue;
        };
        let of_scene = all.entry(*scene).or_default();
        if row.option.is_none() {
            of_scene.insert(row.id, Answer::Word(row.answer.clone()));
        } else if let Answer::Choices(choices) = of_scene
            .entry(row.id)
            .or_insert_with(|| Answer::Choices(Vec::new()))
        {
            choices.push(row.answer == "correct");
        }
    }
    all
}

/// Questions that could not be read, each reason once with its count.
fn unread(rows: &[AnswerRecord]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for remark in rows.iter().filter_map(|row| row.remark.as_deref()) {
        *reasons.entry(remark).or_default() += 1;
    }
    reasons
        .into_iter()
        .map(|(reason, count)| format!("{count} answers are missing and count as wrong: {reason}"))
        .collect()
}
