//! The edit that is being made, and what came of the last one.

use std::sync::Arc;

use serde_json::{Value, json};
use slotflow_eval::report::AnswerChange;

use super::problem::Problem;
use crate::artifacts::progress::Reached;
use crate::flows::edit::EditOutcome;
use crate::flows::edit::step::EditStep;
use crate::plan::edit::EditPlan;
use crate::stages::report::edit_report::answer_change;

/// What the editor is doing.
#[derive(Debug, Clone, Default)]
pub(super) enum Job {
    /// Nothing was made yet.
    #[default]
    Idle,
    /// An edit is being made.
    Working(EditStep),
    /// The last edit could not be made.
    Failed(Problem),
    /// The last edit was made.
    Done(Arc<Done>),
}

/// An edit that was made.
#[derive(Debug)]
pub(super) struct Done {
    /// The edit.
    pub(super) edit: EditPlan,
    /// What came of it.
    pub(super) outcome: EditOutcome,
}

impl Job {
    /// The job as the page reads it; `reached` is how far the step at hand is, where that is known.
    pub(super) fn told(&self, reached: Option<&Reached>) -> Value {
        match self {
            Self::Idle => json!({ "state": "idle" }),
            Self::Working(step) => {
                let at = EditStep::ALL.iter().position(|one| one == step);
                json!({
                    "state": "working",
                    "step": at.unwrap_or(0),
                    "steps": EditStep::ALL.len(),
                    "words": step.words(),
                    "share": reached.map(|reached| reached.share),
                    "part": reached.map_or("", |reached| &reached.part),
                })
            }
            Self::Failed(problem) => {
                let mut told = problem.told();
                told["state"] = "failed".into();
                told
            }
            Self::Done(done) => done.told(),
        }
    }
}

impl Done {
    fn told(&self) -> Value {
        let EditOutcome {
            page,
            answers,
            exchanges,
            remark,
            ..
        } = &self.outcome;
        let words = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>();
        let changes = self.edit.operations.iter().map(ToString::to_string);
        let others = answers.iter().map(answer_change);
        let others = others.filter(AnswerChange::is_other).map(|change| {
            json!({
                "question": change.question,
                "option": change.option,
                "before": change.before.0,
                "after": change.after.0,
            })
        });
        json!({
            "state": "done",
            "clip": self.edit.clip,
            "frames": self.edit.frames.to_string(),
            "changes": words(&mut changes.into_iter()),
            "exchanges": words(&mut exchanges.iter().map(ToString::to_string)),
            "folder": page.parent().unwrap_or(page).display().to_string(),
            "remark": remark,
            "answers": answers.len(),
            "changed": others.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn the_page_reads_how_far_an_edit_is_and_why_it_failed() {
        let reached = Reached {
            share: 0.5,
            part: "12 of 24 frames".to_owned(),
        };
        let working = Job::Working(EditStep::Render).told(Some(&reached));
        assert_eq!(working["share"], 0.5);
        assert_eq!(working["part"], "12 of 24 frames");
        let begun = Job::Working(EditStep::Render).told(None);
        assert_eq!(
            (&begun["share"], &begun["part"]),
            (&Value::Null, &"".into())
        );
        assert_eq!(working["step"], 2);
        assert_eq!(working["steps"], 5);
        assert_eq!(working["words"], "rendering frames");
        let problem = Problem::new(StatusCode::CONFLICT, "no", "yes");
        let failed = Job::Failed(problem).told(None);
        assert_eq!(failed["state"], "failed");
        assert_eq!(
            (&failed["message"], &failed["hint"]),
            (&"no".into(), &"yes".into())
        );
    }
}
