//! A segmentation's run folder: the plan, the tables, masks, slots, overlays and one page.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4};
use slotflow_datasets::ClipId;
use slotflow_eval::report::{ClipView, Made, Page, Strip};
use slotflow_eval::{ItemTable, ScoreTable};

use crate::artifacts::files::make_dir;
use crate::artifacts::{Run, RunError, Slots};
use crate::masks::enlarged;
use crate::plan::{Plan, SegmentPlan};
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::Scores;
use crate::stages::predict::frames::Frames;
use crate::stages::report::frame_strip::{frame_strip, slot_rows};
use crate::stages::report::media::{embedded, in_parallel, write_clip, write_npz};
use crate::stages::report::panels::{Panel, VIDEO_FOLDERS, side_by_side};
use crate::stages::report::run_folder::{stage_rows, write_page, write_run_folder};
use crate::stages::report::run_report::clip_scores;
use crate::stages::segment::levels::{Level, Levels};
use crate::stages::segment::segmentation::Segmentations;

/// Masks as files of several kinds.
mod mask_writers;

/// Slots, boxes and levels as tables.
mod tables;

use mask_writers::MaskWriter;
use tables::Tables;

/// What a segmentation's run folder is made of.
pub struct SegmentReport<'a> {
    /// The plan.
    pub plan: &'a SegmentPlan,
    /// The clips, at the size of the masks.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Masks of every frame.
    pub segmentations: &'a Segmentations,
    /// Slots merged to fewer segments, where the plan asks for levels.
    pub levels: Option<&'a Levels>,
    /// Every frame rendered from its own slots, where the plan names a decoder.
    pub frames: Option<&'a Frames>,
    /// Scores: of masks where the data set has some, of rendered frames where there are some.
    pub scores: Vec<&'a Scores>,
    /// Whether the data set has masks.
    pub has_truth: bool,
    /// How the run was made.
    pub made: Option<Made>,
}

impl SegmentReport<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::Segment(Box::new(self.plan.clone()));
        write_run_folder(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        for name in ["overlays", "slots"] {
            make_dir(&folder.join(name))?;
        }
        let (mut scores, mut items) = (ScoreTable::default(), ItemTable::default());
        for part in &self.scores {
            let (more, of_items) = part.table()?.into_tables();
            scores.rows.extend(more.rows);
            items.rows.extend(of_items.rows);
        }
        let table = |error: slotflow_eval::EvalError| RunError::Unfit {
            reason: error.to_string(),
        };
        scores.save(&folder.join("scores.csv")).map_err(table)?;
        items.save(&folder.join("items.csv")).map_err(table)?;
        let mut writer = MaskWriter::new(folder, &self.plan.report.masks)?;
        let mut tables = Tables::default();
        let clips = self.segmentations.clips();
        for clip in clips {
            let masks = self.segmentations.masks(clip)?;
            writer.add(clip, &masks)?;
            let figures = self.segmentations.slot_figures(clip)?;
            tables.add(clip, &masks, &figures);
            let levels = self.levels_of(clip)?;
            tables.add_levels(clip, &figures, &levels);
            write_levels(folder, clip, &masks, &levels)?;
            let slots = self.encoded.slots(clip)?;
            let path = folder.join("slots").join(format!("{clip}.npz"));
            write_npz(&path, |file| file.add_array("slots", &slots))?;
        }
        writer.finish()?;
        tables.write(folder)?;
        let views = in_parallel(clips, |index, clip| {
            let shown = index < self.plan.report.clips;
            self.clip(folder, clip, shown.then_some(&items))
        })?;
        let named = |clip: &ClipView| Some(format!("{}: {}", clip.name, clip.note.as_ref()?));
        let mut notes: Vec<String> = views.iter().filter_map(named).collect();
        if !self.has_truth {
            notes.push(self.without_truth().to_owned());
        }
        let page = Page {
            title: "Segmentation with slots".to_owned(),
            subtitle: format!(
                "{} clips of `{}`, no labels used; seed {}",
                clips.len(),
                self.plan.decode.dataset,
                self.plan.seed
            ),
            scores: &scores,
            items: &items,
            clips: views,
            answers: Vec::new(),
            stages: stage_rows(run),
            made: self.made.clone(),
            plan,
            notes,
            failures: self.failures(),
            burn_in: 0,
        };
        write_page(folder, &page)
    }

    /// What the page says where no mask can be scored.
    fn without_truth(&self) -> &'static str {
        match self.frames {
            Some(_) => {
                "The clips have no true masks: there is nothing to score but what was rendered."
            }
            None => "The clips have no true masks: there is nothing to score.",
        }
    }

    /// Clips that could not be done, with the reason.
    pub fn failures(&self) -> Vec<(String, String)> {
        let mut all = self.segmentations.failures().clone();
        all.extend(
            self.frames
                .iter()
                .flat_map(|frames| frames.failures().clone()),
        );
        all.into_iter()
            .map(|(clip, why)| (clip.to_string(), why))
            .collect()
    }

    /// A clip's overlay as a file, and its place in the page where it is shown, with its scores among `items`.
    fn clip(
        &self,
        folder: &Path,
        clip: &ClipId,
        items: Option<&ItemTable>,
    ) -> Result<Option<ClipView>, RunError> {
        let (frames, masks) = (self.clips.frames(clip)?, self.segmentations.masks(clip)?);
        let note = self.clips.note(clip)?;
        let truth = self.clips.masks(clip)?;
        let mut columns = vec![
            Panel::frames("frames", frames.view()),
            Panel::overlay("overlay", frames.view(), masks.view()),
            Panel::masks("masks", masks.view()),
        ];
        for level in self.levels_of(clip)? {
            let label = format!("{} segments", level.count);
            columns.push(Panel::masks(label, level.masks(masks.view())));
        }
        columns.extend(truth.map(|truth| Panel::masks("true masks", truth)));
        columns.extend(self.reconstruction(folder, clip, &frames, note.fps)?);
        let strip = items.map(|_| clip_strip(&columns, &frames, &masks));
        let scale = self.plan.report.scale;
        let large: Vec<_> = columns.iter().map(|panel| panel.enlarged(scale)).collect();
        let kind = (note.fps, self.plan.report.format);
        let overlays = folder.join("overlays");
        write_clip(&overlays, clip.as_str(), &side_by_side(&large), kind)?;
        let (Some(items), Some(strip)) = (items, strip) else {
            return Ok(None);
        };
        let videos = large
            .iter()
            .map(|panel| embedded(panel, (folder, clip.as_str()), kind));
        Ok(Some(ClipView {
            name: clip.to_string(),
            strip: Some(strip?),
            frames: frames.dim().0,
            videos: videos.collect::<Result<_, _>>()?,
            observed_share: 1.0,
            scores: clip_scores(&self.clips.window(clip)?, frames.dim().0, items),
            note: note.remark,
        }))
    }

    /// The levels of a clip, finest first; none where the plan asks for none.
    fn levels_of(&self, clip: &ClipId) -> Result<Vec<Level>, RunError> {
        match self.levels {
            Some(levels) => Ok(levels.of(clip)?.alike),
            None => Ok(Vec::new()),
        }
    }

    /// What was rendered of the clip's slots as a column as large as the masks, and truth and reconstruction as files, as large
    /// as they were made; none where nothing was rendered.
    fn reconstruction(
        &self,
        folder: &Path,
        clip: &ClipId,
        shown: &Array4<u8>,
        fps: f32,
    ) -> Result<Option<Panel<'static>>, RunError> {
        let there = self.frames.filter(|frames| frames.clips().contains(clip));
        let Some(frames) = there else {
            return Ok(None);
        };
        let drawn = frames.reconstruction(clip)?;
        let (_, height, width, _) = drawn.dim();
        let truth = enlarged(shown.view(), [height, width]);
        let kind = (fps, self.plan.report.format);
        for (name, frames) in VIDEO_FOLDERS.into_iter().zip([&truth, &drawn]) {
            let folder = folder.join("videos").join(name);
            make_dir(&folder)?;
            let panel = Panel::frames(name, frames.view());
            write_clip(&folder, clip.as_str(), &panel, kind)?;
        }
        let (_, height, width, _) = shown.dim();
        let column = enlarged(drawn.view(), [height, width]);
        Ok(Some(Panel::frames("reconstruction", column)))
    }
}

/// All columns of a clip as a strip of frames, with what each slot owns. Of a picture the columns stand beside it as they are.
fn clip_strip(
    columns: &[Panel<'_>],
    frames: &Array4<u8>,
    masks: &Array3<u8>,
) -> Result<Strip, RunError> {
    let strip = frame_strip(&columns.iter().collect::<Vec<_>>(), 0)?;
    Ok(Strip {
        slots: slot_rows(&strip.frames, frames.view(), masks.view())?,
        ..strip
    })
}

/// Writes the masks of a clip's levels, arrays `segments-N`; no file without a level.
fn write_levels(
    folder: &Path,
    clip: &ClipId,
    masks: &Array3<u8>,
    levels: &[Level],
) -> Result<(), RunError> {
    if levels.is_empty() {
        return Ok(());
    }
    make_dir(&folder.join("levels"))?;
    let path = folder.join("levels").join(format!("{clip}.npz"));
    write_npz(&path, |file| {
        levels.iter().try_for_each(|level| {
            let name = format!("segments-{}", level.count);
            file.add_array(name, &level.masks(masks.view()))
        })
    })
}
