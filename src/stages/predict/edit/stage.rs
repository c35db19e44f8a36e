//! The stages of an edit: a clip's edited slots, and the roll-out behind them.

use std::collections::BTreeMap;

use ndarray::{Array3, Axis, Ix3, concatenate, s};
use slotflow_datasets::ClipId;

use super::appearance::Looks;
use super::library::SlotLibrary;
use super::{Donors, Edited, apply, from_frame};
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, ClipSlots, Context, Includes, Input, Partial, PerClip,
    RunError, Slots, Stage,
};
use crate::inference::rollout::rolled_out;
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::edit::ClipEdit;
use crate::plan::video_predict::RolloutConfig;
use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

/// Array of a clip's file: the edited slots that the roll-out starts from, `[history, slots, dim]`.
const HISTORY: &str = "history";
/// Array of a clip's file: imagined slots that come before the edit, `[time, slots, dim]`; where there are some.
const IMAGINED_BEFORE: &str = "imagined-before";

/// Changes a clip's slots as an edit says.
pub struct EditSlots<'a> {
    /// The edit.
    pub config: &'a ClipEdit,
    /// The clips.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Slots of the observed frames and those rolled out behind them.
    pub rollout: &'a Slots,
}

/// Edited slots of clips: those of the encoded frames, with the masks that they had, and the history of the roll-out.
#[derive(Debug)]
pub enum EditedSlotsOfClips {}

impl ArtifactKind for EditedSlotsOfClips {}
impl PerClip for EditedSlotsOfClips {}
impl Includes<SlotsOfClips> for EditedSlotsOfClips {}

/// Edited slots on disk.
pub type EditedSlots = Artifact<EditedSlotsOfClips>;

impl EditedSlots {
    /// What was found in place of what.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn exchanges(&self, clip: &ClipId) -> Result<Vec<super::Exchange>, RunError> {
        self.read(clip)?.note()
    }
}

impl Stage for EditSlots<'_> {
    const NAME: &'static str = "edit";
    const VERSION: u32 = 1;
    type Config = ClipEdit;
    type Output = EditedSlotsOfClips;

    fn config(&self) -> &ClipEdit {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            self.encoded.as_input("seen slots"),
            self.rollout.as_input("imagined slots"),
        ]
    }

    fn run(
        &self,
        out: &mut Partial<EditedSlotsOfClips>,
        context: &Context,
    ) -> Result<(), RunError> {
        let library = SlotLibrary::of_run(self.clips, self.encoded)?;
        out.expect(vec![self.config.clip.clone()]);
        out.each(context, |clip, _| self.edit_clip(clip, &library))
    }
}

impl EditSlots<'_> {
    fn edit_clip(&self, clip: &ClipId, library: &SlotLibrary) -> Result<ClipFile, RunError> {
        let encoded = self.encoded.slots(clip)?;
        let rollout = self.rollout.of_clip(clip)?;
        let first = self.config.frames.first(rollout.observed);
        let edited = self.edit_encoded(clip, library)?;
        let slots = if self.config.frames.is_imagined() {
            from_frame(encoded.view(), edited.slots.view(), encoded.dim().0)
        } else {
            from_frame(encoded.view(), edited.slots.view(), first)
        };
        let observed = rollout.observed.min(encoded.dim().0);
        let history = edited.slots.slice(s![..observed, .., ..]).to_owned();
        let mut file =
            ClipSlots::all_observed(slots).to_file_with_masks(&self.encoded.masks(clip)?);
        let mut exchanges = edited.exchanges;
        if first > observed {
            let imagined = self.edit_imagined(&rollout, first, library)?;
            exchanges = imagined.exchanges;
            let before = rollout.slots.slice(s![observed..first, .., ..]);
            let wide = from_frame(
                before,
                imagined.slots.slice(s![observed..first, .., ..]),
                before.dim().0,
            );
            file = file
                .with_floats(IMAGINED_BEFORE, &wide)
                .with_floats(HISTORY, &imagined.slots);
        } else {
            file = file.with_floats(HISTORY, &history);
        }
        file.with_note(&exchanges)
    }

    /// The encoded frames, edited in every one of them.
    fn edit_encoded(&self, clip: &ClipId, library: &SlotLibrary) -> Result<Edited, RunError> {
        let lost = || RunError::Internal {
            reason: format!("no clip `{clip}` in the library"),
        };
        let (slots, looks) = library.of(clip).ok_or_else(lost)?;
        let mut others: BTreeMap<ClipId, (Array3<f32>, Looks)> = BTreeMap::new();
        for other in self
            .config
            .operations
            .iter()
            .filter_map(|one| one.other_slot())
        {
            let (slots, looks) = library.of(&other.clip).ok_or_else(lost)?;
            others.insert(other.clip.clone(), (slots.to_owned(), looks.clone()));
        }
        let donors = Donors {
            looks,
            others: &others,
            library,
        };
        Ok(apply(&self.config.operations, slots, &donors))
    }

    /// The frames before `first`, imagined ones among them, edited in every one of them. Imagined slots have no masks: their
    /// looks are those of the nearest slots that were seen.
    fn edit_imagined(
        &self,
        rollout: &ClipSlots,
        first: usize,
        library: &SlotLibrary,
    ) -> Result<Edited, RunError> {
        let mut others: BTreeMap<ClipId, (Array3<f32>, Looks)> = BTreeMap::new();
        for other in self
            .config
            .operations
            .iter()
            .filter_map(|one| one.other_slot())
        {
            let slots = self.rollout.slots(&other.clip)?;
            let (_, looks) = library.of(&other.clip).ok_or_else(|| RunError::Internal {
                reason: format!("no clip `{}` in the library", other.clip),
            })?;
            others.insert(other.clip.clone(), (slots, looks.clone()));
        }
        let history = rollout.slots.slice(s![..first, .., ..]);
        let looks = library.looks_like(history);
        let donors = Donors {
            looks: &looks,
            others: &others,
            library,
        };
        Ok(apply(&self.config.operations, history, &donors))
    }
}

/// Rolls SlotFormer out behind edited slots, as far as the run did.
pub struct EditedRollout<'a> {
    /// `[rollout]` of the run's plan.
    pub config: &'a RolloutConfig,
    /// The model's file.
    pub weights: &'a Loaded,
    /// The edited slots.
    pub edited: &'a EditedSlots,
    /// The run's own roll-out, which says how far.
    pub rollout: &'a Slots,
}

impl Stage for EditedRollout<'_> {
    const NAME: &'static str = "edit-rollout";
    const VERSION: u32 = 1;
    type Config = RolloutConfig;
    type Output = SlotsOfClips;

    fn config(&self) -> &RolloutConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.edited.as_input("edited slots"),
            self.rollout.as_input("imagined slots"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn run(&self, out: &mut Partial<SlotsOfClips>, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.model(
            WeightsKind::SlotFormer,
            &context.device,
            SlotFormerConfig::init,
        );
        let (_, dynamics) = loaded.map_err(RunError::weights)?;
        out.expect(self.edited.clips().to_vec());
        out.each(context, |clip, _| {
            let file = self.edited.read(clip)?;
            let history = file.floats::<Ix3>(HISTORY)?;
            let before = self.rollout.of_clip(clip)?;
            let steps = before.slots.dim().0.saturating_sub(history.dim().0);
            let rolled = rolled_out(&dynamics, history.view(), steps, &context.device)?;
            let shown = self.edited.read_as::<SlotsOfClips>().slots(clip)?;
            let observed = shown.slice(s![..before.observed, .., ..]);
            let slots = if file.has(IMAGINED_BEFORE) {
                let imagined = file.floats::<Ix3>(IMAGINED_BEFORE)?;
                concatenate(Axis(0), &[observed, imagined.view(), rolled.rolled_out()])
            } else {
                concatenate(Axis(0), &[observed, rolled.rolled_out()])
            };
            let slots = slots.map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?;
            let observed = before.observed;
            Ok::<_, RunError>(ClipSlots { slots, observed }.to_file())
        })
    }
}
