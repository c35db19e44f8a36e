//! Edit a clip of a finished run: slots changed, rolled out where the run did, rendered and asked anew, side by side with what
//! they were.

use std::path::{Path, PathBuf};

use ndarray::Array4;
use serde_json::Value;
use slotflow_datasets::source::open;
use slotflow_datasets::{ClipId, regular};

use super::video_predict::FlowError;
use crate::artifacts::interrupt;
use crate::artifacts::progress::say;
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{Options, Run, RunError, Slots};
use crate::models::WeightsKind;
use crate::models::reasoner::AloeConfig;
use crate::plan::Plan;
use crate::plan::edit::{ClipEdit, EditError, EditPlan, EditablePlan};
use crate::stages::clevrer::answer::Answer;
use crate::stages::clevrer::answers::AnswerRecord;
use crate::stages::perceive::decode::{Clips, Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::predict::edit::library::SlotLibrary;
use crate::stages::predict::edit::stage::{EditSlots, EditedRollout, EditedSlots};
use crate::stages::predict::edit::{Exchange, refusals};
use crate::stages::predict::frames::Frames;
use crate::stages::predict::render::Render;
use crate::stages::predict::rollout::Rollout;
use crate::stages::report::edit_report::{EditReport, check_out};
use crate::stages::{Loaded, load};

use clip::RunClip;
use step::EditStep;

/// What an editor shows of a clip.
pub mod clip;

/// How far an edit is.
pub mod step;

/// What came of an edit.
#[derive(Debug)]
pub struct EditOutcome {
    /// The edit's page, in its folder.
    pub page: PathBuf,
    /// The clip's frames behind the edit.
    pub frames: Frames,
    /// Answers about the clip before and after, in one order; none where there are no questions.
    pub answers: Vec<[AnswerRecord; 2]>,
    /// What was found in place of what.
    pub exchanges: Vec<Exchange>,
    /// Why there are no answers, where there could be some.
    pub remark: Option<String>,
}

/// A finished run, its stages opened again.
pub struct OpenRun {
    folder: PathBuf,
    plan: EditablePlan,
    text: String,
    encoder: Loaded,
    /// Where the run rolled slots out.
    dynamics: Option<Loaded>,
    decoder: Loaded,
    reasoner: Option<Loaded>,
    run: Run,
    clips: Clips,
    encoded: Slots,
    /// Slots of the observed frames and those rolled out behind them; those of all frames where nothing was rolled out.
    rollout: Slots,
    library: SlotLibrary,
}

impl OpenRun {
    /// Opens the run in a folder: its stages are those of the cache, or are made again.
    ///
    /// # Errors
    /// When the folder is no run's or the run rendered no slots, or what stopped a stage.
    pub fn open(folder: &Path, options: impl FnOnce(u64) -> Options) -> Result<Self, FlowError> {
        let (plan, text) = plan_of(folder)?;
        let run = Run::open(options(plan.seed))?;
        let encoder = load(&plan.encode.weights)?;
        let rollout = plan.rollout.as_ref();
        let dynamics = rollout.map(|rollout| load(&rollout.weights)).transpose()?;
        let trained_fps = encoder.trained("fps").and_then(Value::as_f64);
        let window = window(&plan.decode, trained_fps.map(|fps| fps as f32));
        let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
        let clips = run.stage(&Decode {
            config: &plan.decode,
            source: &*source,
            window,
        })?;
        let encoded = run.stage(&Encode {
            config: &plan.encode,
            weights: &encoder,
            clips: &clips,
        })?;
        let rollout = match (rollout, &dynamics) {
            (Some(config), Some(weights)) => run.stage(&Rollout {
                config,
                weights,
                slots: &encoded,
            })?,
            _ => encoded.clone(),
        };
        tell_changes(folder, &run);
        let reasoner = plan.answer.as_ref();
        Ok(Self {
            folder: folder.to_owned(),
            decoder: load(&plan.render.weights)?,
            reasoner: reasoner.map(|answer| load(&answer.weights)).transpose()?,
            library: SlotLibrary::of_run(&clips, &encoded)?,
            plan,
            text,
            encoder,
            dynamics,
            run,
            clips,
            encoded,
            rollout,
        })
    }

    /// The run's clips.
    pub fn clips(&self) -> &[ClipId] {
        self.library.clips()
    }

    /// Whether frames were predicted behind those that were seen.
    pub fn is_rolled_out(&self) -> bool {
        self.dynamics.is_some()
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Refuses to go on when the run's folder is not there any more.
    ///
    /// # Errors
    /// [`EditError::RunGone`].
    pub fn check_folder(&self) -> Result<(), EditError> {
        if self.folder.join("plan.toml").is_file() {
            return Ok(());
        }
        let path = self.folder.clone();
        Err(EditError::RunGone { path })
    }

    /// What an editor shows of a clip.
    ///
    /// # Errors
    /// When the run has no such clip or is not there any more, or what stopped a stage.
    pub fn clip(&self, clip: &ClipId) -> Result<RunClip, FlowError> {
        self.check_folder()?;
        if !self.rollout.clips().contains(clip) {
            return Err(refusals::no_clip(&self.library, clip).into());
        }
        let run = self.run.branch();
        let rendered = self.render(&run, &self.encoded, &self.rollout)?;
        Ok(RunClip {
            seen: self.clips.frames(clip)?,
            prediction: rendered.prediction(clip)?,
            reconstruction: rendered.reconstruction(clip)?,
            masks: self.encoded.masks(clip)?,
            slots: self.encoded.slots(clip)?.dim().1,
            observed: self.rollout.observed(clip)?,
            fps: self.clips.note(clip)?.fps,
        })
    }

    /// Share of every place that each slot of a clip gets, `[time, slots, height', width']`: as it was kept, or computed
    /// anew; `None` where slots are pooled over regions.
    ///
    /// # Errors
    /// When a file is not there or not whole, or the weights cannot be used.
    pub fn attention(&self, clip: &ClipId) -> Result<Option<Array4<f32>>, FlowError> {
        if !self.encoded.clips().contains(clip) {
            return Err(refusals::no_clip(&self.library, clip).into());
        }
        if let Some(kept) = self.encoded.attention(clip)? {
            return Ok(Some(kept));
        }
        let encode = Encode {
            config: &self.plan.encode,
            weights: &self.encoder,
            clips: &self.clips,
        };
        Ok(encode.attention(clip, self.run.context())?)
    }

    /// The slots of a clip as lines of text: number, share of the pixels, place and colour in the first frame.
    ///
    /// # Errors
    /// When the run has no such clip.
    pub fn slot_table(&self, clip: &ClipId) -> Result<String, EditError> {
        refusals::slot_table(&self.library, clip)
    }

    /// A change of a clip of this run as an edit that can be kept.
    pub fn plan_of(&self, change: ClipEdit) -> EditPlan {
        EditPlan {
            run: self.name(),
            plan: self.plan_id(),
            encoder: self.encoder.id.clone(),
            clip: change.clip,
            frames: change.frames,
            operations: change.operations,
        }
    }

    /// Name of the run's folder.
    pub fn name(&self) -> String {
        let whole = self.folder.canonicalize();
        let whole = whole.as_deref().unwrap_or(&self.folder);
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn plan_id(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex()[..32].to_owned()
    }

    /// Refuses an edit of another run, and one that cannot be made.
    ///
    /// # Errors
    /// The first thing that is not there or makes no sense.
    pub fn check(&self, edit: &EditPlan) -> Result<(), FlowError> {
        let ids = [
            ("plan", &edit.plan, &self.plan_id()),
            ("slot encoder", &edit.encoder, &self.encoder.id),
        ];
        for (what, found, own) in ids {
            if found != own {
                let named = edit.run.clone();
                return Err(EditError::OtherRun { named, what }.into());
            }
        }
        let edit = edit.change();
        if edit.frames.is_imagined() && !self.is_rolled_out() {
            return Err(EditError::NothingImagined.into());
        }
        if !self.rollout.clips().contains(&edit.clip) {
            return Err(refusals::no_clip(&self.library, &edit.clip).into());
        }
        let rolled = self.rollout.of_clip(&edit.clip)?;
        let frames = [rolled.observed, rolled.slots.dim().0];
        Ok(refusals::check(&edit, &self.library, frames)?)
    }

    /// Makes an edit and writes its folder; `tell` hears of each step before it is done.
    ///
    /// # Errors
    /// When the edit is of another run or cannot be made, `out` holds something else, or what stopped a stage.
    pub fn edit(
        &self,
        edit: &EditPlan,
        out: &Path,
        tell: &dyn Fn(EditStep),
    ) -> Result<EditOutcome, FlowError> {
        check_out(out, &self.folder)?;
        self.check(edit)?;
        // Its page lists the run's stages and its own, and none of another edit.
        let run = self.run.branch();
        let step = |step: EditStep| {
            tell(step);
            interrupt::check()
        };
        step(EditStep::Edit)?;
        let change = edit.change();
        let edited = run.stage(&EditSlots {
            config: &change,
            clips: &self.clips,
            encoded: &self.encoded,
            rollout: &self.rollout,
        })?;
        step(EditStep::RollOut)?;
        let rollout = match (&self.plan.rollout, &self.dynamics) {
            (Some(config), Some(weights)) => run.stage(&EditedRollout {
                config,
                weights,
                edited: &edited,
                rollout: &self.rollout,
            })?,
            _ => edited.read_as::<SlotsOfClips>(),
        };
        step(EditStep::Render)?;
        let before = self.render(&run, &self.encoded, &self.rollout)?;
        let after = self.render(&run, &edited.read_as::<SlotsOfClips>(), &rollout)?;
        step(EditStep::Answer)?;
        let (answers, remark) = self.answers(&change, &edited, &run)?;
        step(EditStep::Write)?;
        let report = EditReport {
            edit,
            plan: &self.plan,
            plan_text: &self.text,
            is_rolled_out: self.is_rolled_out(),
            clips: &self.clips,
            edited: &edited,
            rollout: &rollout,
            frames: [&before, &after],
            answers: &answers,
            remark: remark.clone(),
        };
        Ok(EditOutcome {
            page: report.write(out, &run)?,
            frames: after,
            exchanges: edited.exchanges(&edit.clip)?,
            answers,
            remark,
        })
    }

    fn render(&self, run: &Run, encoded: &Slots, rollout: &Slots) -> Result<Frames, RunError> {
        run.stage(&Render {
            config: &self.plan.render,
            weights: &self.decoder,
            clips: &self.clips,
            encoded,
            rollout,
        })
    }

    /// Answers about the clip before and after, in one order; or a sentence that says why there are none.
    fn answers(
        &self,
        edit: &ClipEdit,
        edited: &EditedSlots,
        run: &Run,
    ) -> Result<(Vec<[AnswerRecord; 2]>, Option<String>), FlowError> {
        let (Some(config), Some(weights)) = (&self.plan.answer, &self.reasoner) else {
            return Ok((Vec::new(), None));
        };
        if edit.frames.is_imagined() {
            let remark = "Questions are about the frames that were seen, and the edit leaves these as they were: no answer is new.";
            return Ok((Vec::new(), Some(remark.to_owned())));
        }
        let aloe: AloeConfig = weights.config(WeightsKind::Aloe)?;
        let after = edited.read_as::<SlotsOfClips>();
        let count = after.slots(&edit.clip)?.dim().1;
        if count > aloe.slots {
            let remark = format!(
                "No answers: the reasoner reads {} slots and the edit gives {count}. Remove one that owns no pixel in the same \
                 edit to make room.",
                aloe.slots
            );
            return Ok((Vec::new(), Some(remark)));
        }
        let ask = |encoded: &Slots| {
            run.stage(&Answer {
                config,
                weights,
                dynamics: self.dynamics.as_ref(),
                clips: &self.clips,
                encoded,
            })
        };
        let (before, after) = (ask(&self.encoded)?, ask(&after)?);
        let before = before.rows()?.into_iter();
        let before = before.filter(|row| row.video == edit.clip.as_str());
        let pairs = before.zip(after.rows()?).map(|(one, other)| [one, other]);
        Ok((pairs.collect(), None))
    }
}

/// The plan of the run in a folder, and its text.
fn plan_of(folder: &Path) -> Result<(EditablePlan, String), FlowError> {
    let path = folder.join("plan.toml");
    let text = regular::read_to_string(&path).map_err(|_| EditError::NotARun {
        path: folder.to_owned(),
    })?;
    let table: Option<toml::Table> = text.parse().ok();
    let flow = table.as_ref().and_then(|table| table.get("flow")?.as_str());
    let path = folder.to_owned();
    let Some(plan) = EditablePlan::of(Plan::parse(&text, &folder.join("plan.toml"), &[])?) else {
        let flow = flow.unwrap_or("another").to_owned();
        return Err(EditError::NotRendered { flow, path }.into());
    };
    if !folder.join("run.json").is_file() {
        return Err(EditError::NotARun { path }.into());
    }
    Ok((plan, text))
}

/// Says where stages had to be made again, or give something else than the run had.
fn tell_changes(folder: &Path, run: &Run) {
    let records = run.records();
    let made: Vec<&str> = records
        .iter()
        .filter(|record| record.made)
        .map(|record| record.stage.as_str())
        .collect();
    if !made.is_empty() && !run.options().quiet {
        say(&format!(
            "not in the cache any more, and made again: {}",
            made.join(", ")
        ));
    }
    let written = regular::read_to_string(folder.join("run.json")).ok();
    let written = written.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let stages = written
        .as_ref()
        .and_then(|run| run.get("stages")?.as_array());
    let had = |stage: &str, id: &str| {
        let same = |one: &&Value| one.get("stage").and_then(Value::as_str) == Some(stage);
        let then = stages.into_iter().flatten().find(same);
        let then = then.and_then(|one| one.get("id")?.as_str());
        then.is_none_or(|then| then == id)
    };
    for record in &records {
        if !had(&record.stage, &record.id.0) {
            say(&format!(
                "warning: `{}` is not what the run had: its data, weights, device or the program changed since",
                record.stage
            ));
        }
    }
}
