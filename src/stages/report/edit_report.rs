//! The folder of an edit: the edit file, the edited slots, videos side by side, changed answers and one page.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array3, s};
use slotflow_datasets::ClipId;
use slotflow_datasets::partial::PartialFolder;
use slotflow_datasets::video::write_png;
use slotflow_eval::report::{
    AnswerChange, ClipView, EditPage, StageRow, Strip, VideoView, edited as page,
};

use crate::artifacts::files::{make_dir, write_atomic, write_rows};
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{Run, RunError, Slots};
use crate::plan::edit::{EditError, EditPlan, EditablePlan};
use crate::stages::clevrer::answers::AnswerRecord;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::edit::stage::EditedSlots;
use crate::stages::predict::frames::Frames;
use crate::stages::report::answers_csv::write_answers;
use crate::stages::report::frame_strip::frame_strip;
use crate::stages::report::media::{embedded, of_data, write_clip, write_npz};
use crate::stages::report::panels::{Panel, side_by_side};
use crate::stages::report::run_folder::{PAGE, stage_rows, write_record};

/// The folder of a benchmark of edits.
pub mod benchmark;

/// Frames of a video in the picture of all of them.
const SHOWN: usize = 8;

/// The file that an edit is kept in.
pub const EDIT_FILE: &str = "edit.toml";

/// What an edit's folder is made of.
pub struct EditReport<'a> {
    /// The edit.
    pub edit: &'a EditPlan,
    /// The run's plan.
    pub plan: &'a EditablePlan,
    /// The same as it stands in the run's folder.
    pub plan_text: &'a str,
    /// Whether the run predicted frames.
    pub is_rolled_out: bool,
    /// The run's clips.
    pub clips: &'a Clips,
    /// Edited slots of every encoded frame.
    pub edited: &'a EditedSlots,
    /// The roll-out behind them.
    pub rollout: &'a Slots,
    /// Frames before and after.
    pub frames: [&'a Frames; 2],
    /// Answers about the clip before and after.
    pub answers: &'a [[AnswerRecord; 2]],
    /// What a reader should know.
    pub remark: Option<String>,
}

impl EditReport<'_> {
    /// Writes the folder whole and puts it in place of an earlier edit; the path of its page.
    ///
    /// # Errors
    /// When it cannot be written; an earlier edit is then still there.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let io = |action: &'static str| {
            move |source| RunError::Io {
                action,
                source,
                path: out.to_owned(),
            }
        };
        if let Some(parent) = out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_dir(parent)?;
        }
        let folder = PartialFolder::create(out).map_err(io("create"))?;
        self.fill(folder.path(), run)?;
        write_record(folder.path(), run)?;
        folder.keep().map_err(io("rename"))?;
        Ok(out.join(PAGE))
    }

    fn fill(&self, folder: &Path, run: &Run) -> Result<(), RunError> {
        let clip = &self.edit.clip;
        let text = self.edit.to_toml().map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?;
        write_atomic(&folder.join(EDIT_FILE), text.as_bytes())?;
        self.slots(folder, clip)?;
        let exchanges = self.edited.exchanges(clip)?;
        let json = serde_json::to_string_pretty(&exchanges).unwrap_or_default();
        write_atomic(&folder.join("exchanges.json"), json.as_bytes())?;
        let after: Vec<AnswerRecord> = self
            .answers
            .iter()
            .map(|[_, after]| after.clone())
            .collect();
        if !after.is_empty() {
            write_answers(&folder.join("answers.csv"), &after)?;
        }
        let changed: Vec<AnswerChange> = self.answers.iter().map(answer_change).collect();
        write_changes(&folder.join("changed-answers.csv"), &changed)?;
        let (operations, frames) = (&self.edit.operations, self.edit.frames);
        let mut changes: Vec<String> = operations.iter().map(ToString::to_string).collect();
        changes.extend(exchanges.iter().map(ToString::to_string));
        let (videos, strip, observed_share) = self.videos(folder, clip)?;
        let observed = self.rollout.observed(clip)?;
        let page_of = EditPage {
            title: format!("{clip}, edited"),
            subtitle: format!("clip of the run `{}`, changed {frames}", self.edit.run),
            changes,
            notes: self.remark.iter().cloned().collect(),
            clips: vec![ClipView {
                name: clip.to_string(),
                frames: strip.frames.last().map_or(0, |last| last + 1),
                strip: Some(strip),
                videos,
                observed_share,
                ..ClipView::default()
            }],
            answers: changed,
            stages: stage_rows_of_both(run),
            edit: text,
            plan: self.plan_text.to_owned(),
            burn_in: if self.is_rolled_out { observed } else { 0 },
        };
        write_atomic(&folder.join(PAGE), page(&page_of).as_bytes())
    }

    fn slots(&self, folder: &Path, clip: &ClipId) -> Result<(), RunError> {
        make_dir(&folder.join("slots"))?;
        let encoded = self.edited.read_as::<SlotsOfClips>().slots(clip)?;
        let rollout = self.rollout.slots(clip)?;
        let path = folder.join("slots").join(format!("{clip}.npz"));
        write_npz(&path, |file| {
            file.add_array("slots", &rollout)?;
            file.add_array("observed", &encoded)
        })
    }

    /// One video with all columns side by side, each by itself for the page, and their strip of frames; the share of frames that were seen.
    fn videos(
        &self,
        folder: &Path,
        clip: &ClipId,
    ) -> Result<(Vec<VideoView>, Strip, f64), RunError> {
        let [before, after] = self.frames;
        let mut columns = vec![
            Panel::frames("seen", self.clips.frames(clip)?),
            Panel::frames("reconstruction", before.reconstruction(clip)?),
            Panel::frames("edited reconstruction", after.reconstruction(clip)?),
        ];
        if self.is_rolled_out {
            columns.push(Panel::frames("prediction", before.prediction(clip)?));
            columns.push(Panel::frames("edited prediction", after.prediction(clip)?));
        }
        let kind = (self.clips.note(clip)?.fps, self.plan.format);
        let observed = self.rollout.observed(clip)?;
        let panels: Vec<_> = columns.iter().collect();
        let strip = frame_strip(&panels, if self.is_rolled_out { observed } else { 0 })?;
        let large = columns.iter().map(|panel| panel.enlarged(self.plan.scale));
        let large: Vec<_> = large.collect();
        let videos = folder.join("videos");
        make_dir(&videos)?;
        write_clip(&videos, clip.as_str(), &side_by_side(&large), kind)?;
        let sheet = sheet(&large);
        write_png(&folder.join("frames.png"), sheet.view()).map_err(of_data)?;
        let frames = large.last().map_or(1, |panel| panel.count.max(1));
        let share = observed as f64 / frames as f64;
        let videos = large
            .iter()
            .map(|panel| embedded(panel, (folder, clip.as_str()), kind));
        Ok((videos.collect::<Result<_, _>>()?, strip, share))
    }
}

/// The stages of an edit, as its page lists them: what is done of the clip as it was, and then of the edited one, says so.
fn stage_rows_of_both(run: &Run) -> Vec<StageRow> {
    let mut rows: Vec<StageRow> = Vec::new();
    for mut row in stage_rows(run) {
        if rows.iter().any(|earlier| earlier.stage == row.stage) {
            row.stage = format!("{}, edited", row.stage);
        }
        rows.push(row);
    }
    rows
}

/// Some frames of each video from left to right, the videos one below the other, `[height, width, rgb]`.
fn sheet(videos: &[Panel<'_>]) -> Array3<u8> {
    let time = videos.iter().map(|video| video.count).min().unwrap_or(0);
    let [height, width] = videos.first().map_or([0, 0], |video| video.size);
    let shown = time.min(SHOWN);
    let mut sheet = Array3::zeros((videos.len() * height, shown * width, 3));
    for (down, video) in videos.iter().enumerate() {
        for across in 0..shown {
            let frame = across * (time - 1) / (shown - 1).max(1);
            let (top, left) = (down * height, across * width);
            let mut place = sheet.slice_mut(s![top..top + height, left..left + width, ..]);
            place.assign(&video.frame(frame));
        }
    }
    sheet
}

/// One question, or one option of it, before and after.
pub fn answer_change([before, after]: &[AnswerRecord; 2]) -> AnswerChange {
    AnswerChange {
        question: before.question.clone(),
        kind: before.kind.clone(),
        option: before.option.clone(),
        truth: before.truth.clone(),
        before: (before.answer.clone(), before.probability),
        after: (after.answer.clone(), after.probability),
    }
}

/// Writes the answers that changed, as CSV; an empty table where none did, no file where nothing was asked.
fn write_changes(path: &Path, changes: &[AnswerChange]) -> Result<(), RunError> {
    if changes.is_empty() {
        return Ok(());
    }
    let head = [
        "type",
        "question",
        "option",
        "before",
        "probability_before",
        "after",
        "probability_after",
        "truth_unedited",
    ];
    let changes = changes.iter().filter(|change| change.is_other());
    let rows = changes.map(|change| {
        [
            change.kind.clone(),
            change.question.clone(),
            change.option.clone().unwrap_or_default(),
            change.before.0.clone(),
            format!("{:.4}", change.before.1),
            change.after.0.clone(),
            format!("{:.4}", change.after.1),
            change.truth.clone().unwrap_or_default(),
        ]
    });
    write_rows(path, std::iter::once(head.map(str::to_owned)).chain(rows))
}

/// Refuses a folder that is neither new, nor empty, nor an earlier edit, and one inside or above the run.
///
/// # Errors
/// When it is one of these, or cannot be read.
pub fn check_out(out: &Path, run: &Path) -> Result<(), EditError> {
    let (whole, run) = (whole(out), whole(run));
    if whole.starts_with(&run) || run.starts_with(&whole) {
        return Err(EditError::InsideRun {
            path: out.to_owned(),
        });
    }
    if !out.exists() {
        return Ok(());
    }
    let is_edit = out.join(EDIT_FILE).is_file() && out.join("run.json").is_file();
    let is_empty = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    if is_edit || is_empty {
        Ok(())
    } else {
        Err(EditError::Foreign {
            path: out.to_owned(),
        })
    }
}

/// A path from the root on, as far as it exists.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut there = absolute.as_path();
    loop {
        if let Ok(found) = there.canonicalize() {
            return match absolute.strip_prefix(there) {
                Ok(rest) if !rest.as_os_str().is_empty() => found.join(rest),
                _ => found,
            };
        }
        match there.parent() {
            Some(parent) => there = parent,
            None => return absolute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_goes_neither_into_a_run_nor_over_something_else() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        fs::create_dir(&run).unwrap();
        let refused = |out: &Path| check_out(out, &run).unwrap_err();
        assert!(matches!(refused(&run), EditError::InsideRun { .. }));
        assert!(matches!(
            refused(&run.join("a/b")),
            EditError::InsideRun { .. }
        ));
        assert!(matches!(refused(home.path()), EditError::InsideRun { .. }));
        let other = home.path().join("other");
        check_out(&other, &run).unwrap();
        fs::create_dir(&other).unwrap();
        check_out(&other, &run).unwrap();
        fs::write(other.join("letter.txt"), "dear").unwrap();
        assert!(matches!(refused(&other), EditError::Foreign { .. }));
        for name in [EDIT_FILE, "run.json"] {
            fs::write(other.join(name), "").unwrap();
        }
        check_out(&other, &run).unwrap();
    }
}
