//! The run folder of composed scenes: tables, parents, videos, pictures and one page.

use std::path::{Path, PathBuf};

use ndarray::{Array3, ArrayView4};
use slotflow_datasets::video::write_png;
use slotflow_datasets::{ClipId, regular};
use slotflow_eval::report::{ClipView, Page, VideoView};

use super::evaluate::Drawn;
use super::pictures::{ScenePictures, sheet, stacked};
use super::protocol::Role;
use super::scenes::{NamedParent, SceneNote};
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Run, RunError, Slots};
use crate::plan::compose::{Mode, Protocol};
use crate::plan::{ComposePlan, Plan};
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::Scores;
use crate::stages::report::media::{of_data, picture_view, write_video};
use crate::stages::report::panels::Panel;
use crate::stages::report::run_folder::{made, stage_rows, write_page, write_run_folder};

/// Scenes that a grid of pictures shows.
const IN_GRID: usize = 64;
/// Scenes that a note names.
const NAMED: usize = 5;

/// What a run folder of composed scenes is made of.
pub struct SceneReport<'a> {
    /// The plan.
    pub plan: &'a ComposePlan,
    /// Real clips.
    pub clips: &'a Clips,
    /// What every decoder made.
    pub drawn: &'a [Drawn],
    /// Of every decoder: slots of the real clips, and slots of the scenes with their parents.
    pub slots: &'a [SceneSlots],
    /// Scores.
    pub scores: &'a Scores,
}

/// Slots that one decoder's scenes are made of.
pub struct SceneSlots {
    /// Slots of the real clips, with their masks.
    pub encoded: Slots,
    /// Slots of the scenes, with their parents.
    pub composed: Slots,
}

/// Everything about one decoder.
struct Part<'a> {
    drawn: &'a Drawn,
    slots: &'a SceneSlots,
}

impl SceneReport<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::Compose(Box::new(self.plan.clone()));
        write_run_folder(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let pairs = self.drawn.iter().zip(self.slots);
        pairs.map(|(drawn, slots)| Part { drawn, slots })
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        make_dir(&folder.join("pictures"))?;
        let (scores, items) = self.scores.table()?.into_tables();
        let table = |error: slotflow_eval::EvalError| RunError::Unfit {
            reason: error.to_string(),
        };
        scores.save(&folder.join("scores.csv")).map_err(table)?;
        items.save(&folder.join("items.csv")).map_err(table)?;
        write_atomic(&folder.join("parents.csv"), self.parents()?.as_bytes())?;
        for part in self.parts() {
            self.pictures(folder, &part)?;
            self.videos(folder, &part)?;
        }
        let page = Page {
            title: "Scenes composed of slots".to_owned(),
            subtitle: self.subtitle(),
            scores: &scores,
            items: &items,
            notes: self.notes()?,
            clips: self.views(folder)?,
            answers: Vec::new(),
            stages: stage_rows(run),
            made: made(run, &[]),
            plan,
            failures: self.failures(),
            burn_in: 0,
        };
        write_page(folder, &page)
    }

    /// The scenes that every decoder drew, in order.
    fn scenes(&self) -> Vec<ClipId> {
        let Some((first, others)) = self.drawn.split_first() else {
            return Vec::new();
        };
        let everywhere = |scene: &&ClipId| {
            let mut others = others.iter();
            others.all(|drawn| drawn.scenes.clips().contains(*scene))
        };
        first
            .scenes
            .clips()
            .iter()
            .filter(everywhere)
            .cloned()
            .collect()
    }

    fn subtitle(&self) -> String {
        let compose = &self.plan.compose;
        let protocol = match compose.protocol {
            Protocol::Objects => "objects of other clips on the background of one".to_owned(),
            Protocol::BatchShift => {
                let batch = compose.batch;
                format!("slots shifted cyclically within batches of {batch} clips")
            }
        };
        let mode = match compose.mode {
            Mode::PerFrame => "composed frame by frame".to_owned(),
            Mode::Rollout => {
                let burn_in = self.plan.rollout.burn_in;
                format!("{burn_in} frames composed, the rest rolled out")
            }
        };
        format!(
            "{} scenes of {} clips of `{}`: {protocol}, {mode}; seed {}",
            self.scenes().len(),
            self.clips.clips().len(),
            self.plan.decode.dataset,
            self.plan.seed
        )
    }

    /// `parents.csv`: a line a slot of a scene.
    fn parents(&self) -> Result<String, RunError> {
        let mut lines =
            "decoder,scene,slot,role,parent,parent_slot,share,overlap,unlikely\n".to_owned();
        for part in self.parts() {
            for scene in part.drawn.scenes.clips() {
                let note = part.slots.composed.parents(scene)?;
                for (slot, parent) in note.parents.iter().enumerate() {
                    let cells = [
                        part.drawn.name.clone(),
                        scene.to_string(),
                        slot.to_string(),
                        parent.role.name().to_owned(),
                        parent
                            .clip
                            .as_ref()
                            .map(ToString::to_string)
                            .unwrap_or_default(),
                        parent.slot.map(|slot| slot.to_string()).unwrap_or_default(),
                        parent
                            .share
                            .map(|share| format!("{share:.4}"))
                            .unwrap_or_default(),
                        parent
                            .overlap
                            .map(|overlap| format!("{overlap:.4}"))
                            .unwrap_or_default(),
                        if self.is_unlikely(parent) {
                            "yes"
                        } else {
                            "no"
                        }
                        .to_owned(),
                    ];
                    lines.push_str(&cells.join(","));
                    lines.push('\n');
                }
            }
        }
        Ok(lines)
    }

    fn is_unlikely(&self, parent: &NamedParent) -> bool {
        parent
            .overlap
            .is_some_and(|overlap| overlap > self.plan.compose.overlap)
    }

    /// What a reader must know before believing the numbers.
    fn notes(&self) -> Result<Vec<String>, RunError> {
        let mut notes = vec![
            "The ceiling is every second real clip against the others: sets of half the size, whose distance is larger than that of whole ones."
                .to_owned(),
        ];
        let first = self.clips.clips().first();
        let frames = first.map(|clip| self.clips.frames(clip)).transpose()?;
        if frames.is_some_and(|frames| frames.dim().0 == 1) {
            notes.push("The clips are pictures: FVD and `fvd-motion`, which compare movement, are left out.".to_owned());
        }
        for part in self.parts() {
            let mut overlapping = Vec::new();
            let mut lacking = Vec::new();
            for scene in part.drawn.scenes.clips() {
                let SceneNote {
                    parents, missing, ..
                } = part.slots.composed.parents(scene)?;
                if parents.iter().any(|parent| self.is_unlikely(parent)) {
                    overlapping.push(scene);
                }
                if missing > 0 {
                    lacking.push(scene);
                }
            }
            let name = &part.drawn.name;
            if !overlapping.is_empty() {
                notes.push(format!(
                    "{name}: objects overlap unlikely much after {} draws in {}",
                    self.plan.compose.tries,
                    listed(&overlapping)
                ));
            }
            if !lacking.is_empty() {
                notes.push(format!(
                    "{name}: the other clips have fewer objects than asked for in {}",
                    listed(&lacking)
                ));
            }
        }
        Ok(notes)
    }

    fn failures(&self) -> Vec<(String, String)> {
        let failures = self.scores.failures();
        let named = failures.iter();
        named
            .map(|(clip, why)| (clip.to_string(), why.clone()))
            .collect()
    }

    /// What shows the scenes of one decoder as pictures.
    fn scene_pictures<'b>(&'b self, part: &Part<'b>) -> Result<ScenePictures<'b>, RunError> {
        let first = part.drawn.scenes.clips().first();
        let time = first
            .map(|scene| part.drawn.scenes.frames(scene))
            .transpose()?
            .map_or(0, |frames| frames.dim().0);
        let time = match self.plan.compose.mode {
            Mode::PerFrame => time / 2,
            // The last frame that has parents.
            Mode::Rollout => self.plan.rollout.burn_in.min(time).saturating_sub(1),
        };
        Ok(ScenePictures {
            clips: self.clips,
            encoded: &part.slots.encoded,
            composed: &part.slots.composed,
            frames: &part.drawn.scenes,
            time,
            scale: self.plan.report.scale,
        })
    }

    /// `pictures/DECODER.png`: scenes; `pictures/DECODER-parents.png`: a row a scene, with its parents.
    fn pictures(&self, folder: &Path, part: &Part<'_>) -> Result<(), RunError> {
        let pictures = self.scene_pictures(part)?;
        let scenes = part.drawn.scenes.clips().iter().take(IN_GRID);
        let alone: Vec<_> = scenes
            .clone()
            .map(|scene| pictures.scene(scene))
            .collect::<Result<_, _>>()?;
        let rows: Vec<_> = scenes
            .map(|scene| pictures.with_parents(scene))
            .collect::<Result<_, _>>()?;
        let folder = folder.join("pictures");
        let name = &part.drawn.name;
        write_picture(&folder.join(format!("{name}.png")), &sheet(&alone))?;
        write_picture(&folder.join(format!("{name}-parents.png")), &stacked(&rows))
    }

    /// `videos/DECODER/SCENE.mp4`, where there is movement.
    fn videos(&self, folder: &Path, part: &Part<'_>) -> Result<(), RunError> {
        let folder = folder.join("videos").join(&part.drawn.name);
        for scene in part.drawn.scenes.clips() {
            let frames = part.drawn.scenes.frames(scene)?;
            if frames.dim().0 == 1 {
                return Ok(());
            }
            make_dir(&folder)?;
            let extension = self.plan.report.format.of_pages().extension();
            let path = folder.join(format!("{scene}.{extension}"));
            self.write_large(&path, frames.view())?;
        }
        Ok(())
    }

    fn write_large(&self, path: &Path, frames: ArrayView4<'_, u8>) -> Result<(), RunError> {
        let panel = Panel::frames("", frames);
        let large = panel.enlarged(self.plan.report.scale);
        let first = self.clips.clips().first();
        let note = first.map(|clip| self.clips.note(clip)).transpose()?;
        write_video(path, &large, note.map_or(1.0, |note| note.fps))
    }

    /// The scenes of the page: their videos by all decoders, and for each decoder a row of pictures with the parents.
    fn views(&self, folder: &Path) -> Result<Vec<ClipView>, RunError> {
        let mut views = Vec::new();
        for scene in self.scenes().iter().take(self.plan.report.clips) {
            let (mut videos, mut rows) = (Vec::new(), Vec::new());
            for part in self.parts() {
                let name = &part.drawn.name;
                let format = self.plan.report.format.of_pages();
                let path = folder.join("videos").join(name);
                let path = path.join(format!("{scene}.{}", format.extension()));
                if path.is_file() {
                    videos.push(VideoView {
                        label: name.clone(),
                        mime: format.media_type().to_owned(),
                        bytes: read(&path)?,
                    });
                }
                let row = self.scene_pictures(&part)?.with_parents(scene)?;
                let label =
                    format!("{name}: the scene, and behind it the clips that its slots come from");
                rows.push(picture_view(row.view(), &label)?);
            }
            videos.extend(rows);
            views.push(ClipView {
                name: scene.to_string(),
                videos,
                observed_share: 0.0,
                ..ClipView::default()
            });
        }
        Ok(views)
    }
}

impl Role {
    /// Its name in tables.
    fn name(self) -> &'static str {
        match self {
            Self::Shifted => "shifted",
            Self::Background => "background",
            Self::Object => "object",
            Self::Unused => "unused",
            Self::Empty => "empty",
        }
    }
}

/// How many scenes, and the names of the first.
fn listed(scenes: &[&ClipId]) -> String {
    let names: Vec<&str> = scenes
        .iter()
        .take(NAMED)
        .map(|scene| scene.as_str())
        .collect();
    let more = if scenes.len() > NAMED { ", …" } else { "" };
    let word = if scenes.len() == 1 { "scene" } else { "scenes" };
    format!(
        "{} {word}: {}{more}; `parents.csv` lists all",
        scenes.len(),
        names.join(", ")
    )
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    regular::read(path).map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })
}

fn write_picture(path: &Path, picture: &Array3<u8>) -> Result<(), RunError> {
    write_png(path, picture.view()).map_err(of_data)
}
