//! A prediction's run folder: the plan, the tables, the videos, the arrays and one page.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, s};
use serde_json::Value;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::ItemTable;
use slotflow_eval::report::{ClipView, Made, Page, Strip, VideoView};

use crate::artifacts::files::make_dir;
use crate::artifacts::{Run, RunError, Slots};
use crate::plan::{Plan, VideoPredictPlan};

use crate::stages::clevrer::answers::{AnswerRecord, Answers};
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::Scores;
use crate::stages::predict::frames::Frames;
use crate::stages::report::answers_csv::write_answers;
use crate::stages::report::frame_strip::{frame_strip, slot_rows};
use crate::stages::report::media::{embedded, in_parallel, write_frames, write_npz};
use crate::stages::report::panels::{COLUMNS, Panel, SIDE_BY_SIDE, VIDEO_FOLDERS, side_by_side};
use crate::stages::report::run_folder::{stage_rows, write_page, write_run_folder};

/// Folder of masks that the decoder gives of imagined frames, also below `videos`: those of the observed frames are in `masks`.
const IMAGINED_MASKS: &str = "masks-imagined";

/// What a prediction's run folder is made of.
pub struct Report<'a> {
    /// The plan.
    pub plan: &'a VideoPredictPlan,
    /// The clips.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Slots of the observed frames and those rolled out behind them.
    pub rollout: &'a Slots,
    /// Frames rendered from both.
    pub frames: &'a Frames,
    /// Answers, where the clips have questions.
    pub answers: Option<&'a Answers>,
    /// Scores of frames, masks and answers.
    pub scores: &'a Scores,
    /// What the decoder's file says of its training.
    pub trained: Value,
    /// How the run was made.
    pub made: Option<Made>,
}

impl Report<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::VideoPredict(Box::new(self.plan.clone()));
        write_run_folder(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        for name in ["masks", "slots", SIDE_BY_SIDE] {
            make_dir(&folder.join(name))?;
        }
        for name in VIDEO_FOLDERS {
            make_dir(&folder.join("videos").join(name))?;
        }
        let (scores, items) = self.scores.table()?.into_tables();
        let table = |error: slotflow_eval::EvalError| RunError::Unfit {
            reason: error.to_string(),
        };
        scores.save(&folder.join("scores.csv")).map_err(table)?;
        items.save(&folder.join("items.csv")).map_err(table)?;
        let answers = self
            .answers
            .map(Answers::rows)
            .transpose()?
            .unwrap_or_default();
        write_answers(&folder.join("answers.csv"), &answers)?;
        let shown = self.plan.report.clips;
        let views = in_parallel(self.frames.clips(), |index, clip| {
            self.clip(folder, clip, index < shown, &items)
        })?;
        let named = |clip: &ClipView| Some(format!("{}: {}", clip.name, clip.note.as_ref()?));
        let observed = self.observed()?;
        let page = Page {
            title: "Video prediction with slots".to_owned(),
            subtitle: self.subtitle(observed),
            scores: &scores,
            items: &items,
            notes: views.iter().filter_map(named).collect(),
            clips: views,
            answers: answers.iter().map(AnswerRecord::shown).collect(),
            stages: stage_rows(run),
            made: self.made.clone(),
            plan,
            failures: self.failures(),
            burn_in: observed,
        };
        write_page(folder, &page)
    }

    /// How many frames of a clip were observed: the same number of every clip.
    fn observed(&self) -> Result<usize, RunError> {
        let first = self.frames.clips().first();
        Ok(first
            .map(|clip| self.rollout.observed(clip))
            .transpose()?
            .unwrap_or(0))
    }

    fn subtitle(&self, observed: usize) -> String {
        format!(
            "{} clips of `{}`, {observed} frames observed, the rest predicted; seed {}",
            self.frames.clips().len(),
            self.plan.decode.dataset,
            self.plan.seed
        )
    }

    /// A clip's files, and its place in the page.
    fn clip(
        &self,
        folder: &Path,
        clip: &ClipId,
        shown: bool,
        items: &ItemTable,
    ) -> Result<Option<ClipView>, RunError> {
        let (truth, masks) = (self.clips.frames(clip)?, self.encoded.masks(clip)?);
        let reconstruction = self.frames.reconstruction(clip)?;
        let prediction = self.frames.prediction(clip)?;
        let note = self.clips.note(clip)?;
        self.arrays(folder, clip, &masks)?;
        let (observed, time) = (self.rollout.observed(clip)?, truth.dim().0);
        let observed_share = observed as f64 / time.max(1) as f64;
        let window = note
            .window
            .unwrap_or_else(|| VideoWindow::whole(clip.clone()));
        let remark = note
            .remark
            .or_else(|| self.out_of_distribution(&truth, &reconstruction));
        let columns = [
            Panel::frames("truth", truth.view()),
            Panel::frames("reconstruction", reconstruction.view()),
            Panel::frames("prediction", prediction.view()),
            Panel::masks("slots", masks.view()),
        ];
        self.videos(folder, clip, &columns, note.fps)?;
        let mut beside = vec![Panel::overlay("slots on truth", truth.view(), masks.view())];
        beside.extend(self.masks_beside(folder, clip, note.fps)?);
        if !shown {
            return Ok(None);
        }
        let strip = clip_strip(&columns, &beside, observed)?;
        Ok(Some(ClipView {
            name: clip.to_string(),
            strip: Some(Strip {
                slots: slot_rows(&strip.frames, truth.view(), masks.view())?,
                ..strip
            }),
            frames: time,
            videos: self.embedded(folder, clip, columns.iter().chain(&beside), note.fps)?,
            observed_share,
            scores: clip_scores(&window, time, items),
            note: remark,
        }))
    }

    /// Masks beside those of the columns: true ones, and imagined ones, which are written too.
    fn masks_beside(
        &self,
        folder: &Path,
        clip: &ClipId,
        fps: f32,
    ) -> Result<Vec<Panel<'static>>, RunError> {
        let mut beside = Vec::new();
        if let Some(masks) = self.clips.masks(clip)? {
            beside.push(Panel::masks("true masks", masks));
        }
        if let Some(masks) = self.frames.prediction_masks(clip)? {
            make_dir(&folder.join(IMAGINED_MASKS))?;
            let path = folder.join(IMAGINED_MASKS).join(format!("{clip}.npz"));
            write_npz(&path, |file| file.add_array("masks", &masks))?;
            let panel = Panel::masks("imagined slots", masks);
            let videos = folder.join("videos").join(IMAGINED_MASKS);
            make_dir(&videos)?;
            let kind = (fps, self.plan.report.format);
            write_frames(&videos, clip.as_str(), &panel, kind)?;
            beside.push(panel);
        }
        Ok(beside)
    }

    /// Masks and slots as `NumPy` arrays.
    fn arrays(&self, folder: &Path, clip: &ClipId, masks: &Array3<u8>) -> Result<(), RunError> {
        let path = folder.join("masks").join(format!("{clip}.npz"));
        write_npz(&path, |file| file.add_array("masks", masks))?;
        let (rollout, encoded) = (self.rollout.slots(clip)?, self.encoded.slots(clip)?);
        let path = folder.join("slots").join(format!("{clip}.npz"));
        write_npz(&path, |file| {
            file.add_array("slots", &rollout)?;
            file.add_array("observed", &encoded)
        })
    }

    /// Each column by itself as large as it was made, and all side by side.
    fn videos(
        &self,
        folder: &Path,
        clip: &ClipId,
        columns: &[Panel<'_>; COLUMNS],
        fps: f32,
    ) -> Result<(), RunError> {
        let (format, scale) = (self.plan.report.format, self.plan.report.scale);
        for (panel, name) in columns.iter().zip(VIDEO_FOLDERS) {
            let folder = folder.join("videos").join(name);
            write_frames(&folder, clip.as_str(), panel, (fps, format))?;
        }
        let large = columns.each_ref().map(|panel| panel.enlarged(scale));
        let whole = side_by_side(&large);
        let beside = folder.join(SIDE_BY_SIDE);
        let kind = (fps, format.of_pages());
        write_frames(&beside, clip.as_str(), &whole, kind)
    }

    /// Panels as videos within the page.
    fn embedded<'p>(
        &self,
        folder: &Path,
        clip: &ClipId,
        panels: impl Iterator<Item = &'p Panel<'p>>,
        fps: f32,
    ) -> Result<Vec<VideoView>, RunError> {
        let (format, scale) = (self.plan.report.format, self.plan.report.scale);
        let place = (folder, clip.as_str());
        panels
            .map(|panel| embedded(&panel.enlarged(scale), place, (fps, format)))
            .collect()
    }

    /// A warning where a clip is reconstructed worse than 99 % of the clips of the training.
    fn out_of_distribution(&self, truth: &Array4<u8>, rendered: &Array4<u8>) -> Option<String> {
        let usual = self
            .trained
            .get("reconstruction-psnr-range")?
            .as_array()?
            .first()?
            .as_f64()?;
        let time = truth.dim().0.min(rendered.dim().0);
        let pair = truth.slice(s![..time, .., .., ..]);
        let squared_error = |(a, b): (&u8, &u8)| ((f64::from(*a) - f64::from(*b)) / 255.0).powi(2);
        let mean = pair
            .iter()
            .zip(rendered.iter())
            .map(squared_error)
            .sum::<f64>()
            / pair.len().max(1) as f64;
        let psnr = -10.0 * mean.max(1e-12).log10();
        (psnr < usual).then(|| {
            format!(
                "far from what the weights were trained on: reconstructed at {psnr:.1} dB, \
                 99 % of training clips reach {usual:.1} dB"
            )
        })
    }

    fn failures(&self) -> Vec<(String, String)> {
        let failures = self.scores.failures();
        failures
            .iter()
            .map(|(clip, why)| (clip.to_string(), why.clone()))
            .collect()
    }
}

/// Truth, prediction and masks of a clip as a strip of frames.
fn clip_strip(
    [truth, _, prediction, slots]: &[Panel<'_>; COLUMNS],
    beside: &[Panel<'_>],
    observed: usize,
) -> Result<Strip, RunError> {
    let mut panels = vec![truth, prediction];
    panels.extend(beside);
    panels.insert(3, slots);
    frame_strip(&panels, observed)
}

/// Means of what the page ranks and shows over the `time` frames of a clip.
pub(super) fn clip_scores(
    window: &VideoWindow,
    time: usize,
    items: &ItemTable,
) -> Vec<(String, f64)> {
    let frames = window.start..window.start + time;
    let mean = |metric: &str, subset: &str| {
        let of = |row: &&slotflow_eval::ItemValue| {
            let is_inside = row.frame.is_none_or(|frame| frames.contains(&frame));
            let is_of_video = row.item == window.video.as_str() && is_inside;
            is_of_video && row.metric == metric && row.subset == subset
        };
        let values: Vec<f64> = items
            .rows
            .iter()
            .filter(of)
            .filter_map(|row| row.value)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let named = [
        ("psnr", "psnr", "imagined"),
        ("psnr reconstruction", "psnr", "reconstruction"),
        ("miou", "miou", "observed"),
        ("fg-ari", "fg-ari", "observed"),
        ("miou imagined", "miou", "imagined"),
        ("fg-ari imagined", "fg-ari", "imagined"),
    ];
    let found = named
        .into_iter()
        .filter_map(|(name, metric, subset)| Some((name.to_owned(), mean(metric, subset)?)));
    found.collect()
}
