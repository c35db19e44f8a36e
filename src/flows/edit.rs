//! Edit a clip of a finished run: slots changed, rolled out, rendered and asked anew, side by side with what they were.

use std::path::{Path, PathBuf};

use serde_json::Value;
use slotflow_datasets::ClipId;
use slotflow_datasets::source::open;

use super::video_predict::FlowError;
use crate::artifacts::progress::say;
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{Options, Run, RunError, Slots};
use crate::models::WeightsKind;
use crate::models::reasoner::AloeConfig;
use crate::plan::edit::{ClipEdit, EditError, EditPlan};
use crate::plan::video_predict::AnswerConfig;
use crate::plan::{Plan, VideoPredictPlan};
use crate::stages::clevrer::answer::Answer;
use crate::stages::clevrer::answers::{AnswerRecord, Answers};
use crate::stages::perceive::decode::{Clips, Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::predict::edit::library::SlotLibrary;
use crate::stages::predict::edit::refusals;
use crate::stages::predict::edit::stage::{EditSlots, EditedRollout, EditedSlots};
use crate::stages::predict::render::Render;
use crate::stages::predict::rollout::Rollout;
use crate::stages::report::edit_report::{EditReport, check_out};
use crate::stages::{Loaded, load};

/// A finished run, its stages opened again.
pub struct OpenRun {
    folder: PathBuf,
    plan: VideoPredictPlan,
    text: String,
    encoder: Loaded,
    dynamics: Loaded,
    decoder: Loaded,
    reasoner: Option<Loaded>,
    run: Run,
    clips: Clips,
    encoded: Slots,
    rollout: Slots,
    library: SlotLibrary,
}

impl OpenRun {
    /// Opens the run in a folder: its stages are those of the cache, or are made again.
    ///
    /// # Errors
    /// When the folder is no run's or the run has no roll-out, or what stopped a stage.
    pub fn open(folder: &Path, options: impl FnOnce(u64) -> Options) -> Result<Self, FlowError> {
        let (plan, text) = plan_of(folder)?;
        let run = Run::open(options(plan.seed))?;
        let encoder = load(&plan.encode.weights)?;
        let dynamics = load(&plan.rollout.weights)?;
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
        let rollout = run.stage(&Rollout {
            config: &plan.rollout,
            weights: &dynamics,
            slots: &encoded,
        })?;
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

    fn name(&self) -> String {
        let whole = self.folder.canonicalize();
        let whole = whole.as_deref().unwrap_or(&self.folder);
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn plan_id(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex()[..32].to_owned()
    }

    /// Refuses an edit of another run, and one that cannot be made.
    fn check(&self, edit: &EditPlan) -> Result<(), FlowError> {
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
        if !self.rollout.clips().contains(&edit.clip) {
            return Err(refusals::no_clip(&self.library, &edit.clip).into());
        }
        let rolled = self.rollout.of_clip(&edit.clip)?;
        let frames = [rolled.observed, rolled.slots.dim().0];
        Ok(refusals::check(&edit, &self.library, frames)?)
    }

    /// Makes an edit and writes its folder; the path of its page.
    ///
    /// # Errors
    /// When the edit is of another run or cannot be made, `out` holds something else, or what stopped a stage.
    pub fn edit(&self, edit: &EditPlan, out: &Path) -> Result<PathBuf, FlowError> {
        check_out(out, &self.folder)?;
        self.check(edit)?;
        let change = edit.change();
        let edited = self.run.stage(&EditSlots {
            config: &change,
            clips: &self.clips,
            encoded: &self.encoded,
            rollout: &self.rollout,
        })?;
        let encoded = edited.read_as::<SlotsOfClips>();
        let rollout = self.run.stage(&EditedRollout {
            config: &self.plan.rollout,
            weights: &self.dynamics,
            edited: &edited,
            rollout: &self.rollout,
        })?;
        let render = |encoded, rollout| Render {
            config: &self.plan.render,
            weights: &self.decoder,
            clips: &self.clips,
            encoded,
            rollout,
        };
        let before = self.run.stage(&render(&self.encoded, &self.rollout))?;
        let after = self.run.stage(&render(&encoded, &rollout))?;
        let (answers, remark) = self.answers(&change, &edited)?;
        let report = EditReport {
            edit,
            plan: &self.plan,
            plan_text: &self.text,
            clips: &self.clips,
            edited: &edited,
            rollout: &rollout,
            frames: [&before, &after],
            answers: &answers,
            remark,
        };
        Ok(report.write(out, &self.run)?)
    }

    /// Answers about the clip before and after, in one order; or a sentence that says why there are none.
    fn answers(
        &self,
        edit: &ClipEdit,
        edited: &EditedSlots,
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
        let before = self.ask(config, weights, &self.encoded)?;
        let after = self.ask(config, weights, &after)?;
        let before = before.rows()?.into_iter();
        let before = before.filter(|row| row.video == edit.clip.as_str());
        let pairs = before.zip(after.rows()?).map(|(one, other)| [one, other]);
        Ok((pairs.collect(), None))
    }

    fn ask(
        &self,
        config: &AnswerConfig,
        weights: &Loaded,
        encoded: &Slots,
    ) -> Result<Answers, RunError> {
        self.run.stage(&Answer {
            config,
            weights,
            dynamics: Some(&self.dynamics),
            clips: &self.clips,
            encoded,
        })
    }
}

/// The plan of the run in a folder, and its text.
fn plan_of(folder: &Path) -> Result<(VideoPredictPlan, String), FlowError> {
    let path = folder.join("plan.toml");
    let text = std::fs::read_to_string(&path).map_err(|_| EditError::NotARun {
        path: folder.to_owned(),
    })?;
    let refused = |flow: &str| {
        FlowError::from(EditError::NoRollout {
            flow: flow.to_owned(),
            path: folder.to_owned(),
        })
    };
    let table: Option<toml::Table> = text.parse().ok();
    let flow = table.as_ref().and_then(|table| table.get("flow")?.as_str());
    match Plan::parse(&text, &path, &[]) {
        Ok(Plan::VideoPredict(_)) if !folder.join("run.json").is_file() => {
            let path = folder.to_owned();
            Err(EditError::NotARun { path }.into())
        }
        Ok(Plan::VideoPredict(plan)) => Ok((*plan, text)),
        Ok(_) => Err(refused(flow.unwrap_or("another"))),
        Err(error) => Err(error.into()),
    }
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
    let written = std::fs::read_to_string(folder.join("run.json")).ok();
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
