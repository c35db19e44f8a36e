//! Slots of clips → slots of new scenes.

use std::collections::BTreeMap;

use ndarray::{Array3, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use super::protocol::{Composition, Objects, Parent, Role, SlotOf, Unsuited, batch_shift};
use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::masks::{overlap, shares};
use crate::plan::compose::{ComposeConfig, Mode, Protocol};
use crate::rng::SeededRng;

/// Composes scenes of the slots of clips.
pub struct Compose<'a> {
    /// `[compose]` of the plan.
    pub config: &'a ComposeConfig,
    /// Frames of the burn-in, where scenes are rolled out behind it.
    pub burn_in: usize,
    /// Slots of every frame, with their masks.
    pub slots: &'a Slots,
}

/// What a scene's note says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SceneNote {
    /// Which slots came together.
    pub protocol: Protocol,
    /// Clips of a batch, of `batch-shift`.
    pub batch: Option<usize>,
    /// Where every slot comes from, in order.
    pub parents: Vec<NamedParent>,
    /// Objects that were asked for and that the other clips do not have.
    pub missing: usize,
}

/// Where a slot of a scene comes from, by the clip's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedParent {
    /// What it is to the scene.
    pub role: Role,
    /// The clip; none of an empty slot.
    pub clip: Option<ClipId>,
    /// Number of the slot in the clip.
    pub slot: Option<usize>,
    /// Share of the picture that the slot has in its clip, 0..1.
    pub share: Option<f64>,
    /// Of an object: the greatest overlap with those drawn before it, 0..1.
    pub overlap: Option<f64>,
}

impl Stage for Compose<'_> {
    const NAME: &'static str = "compose";
    const VERSION: u32 = 1;
    type Config = ComposeConfig;
    type Output = SlotsOfClips;

    fn config(&self) -> &ComposeConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let burn_in = match self.config.mode {
            Mode::PerFrame => None,
            Mode::Rollout => Some(Input::new("burn-in", self.burn_in.to_string())),
        };
        let slots = self.slots.as_input("slots");
        [slots].into_iter().chain(burn_in).collect()
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<SlotsOfClips>, context: &Context) -> Result<(), RunError> {
        let clips = self.slots.clips();
        let frames = self.frames()?;
        let shares = clips.par_iter().map(|clip| self.shares(clip, frames));
        let shares: Vec<Vec<f64>> = shares.collect::<Result<_, _>>()?;
        let slots = shares.first().map_or(0, Vec::len);
        let protocol = match self.config.protocol {
            Protocol::BatchShift => {
                let batch = self.config.batch;
                Scenes::Fixed(batch_shift(clips.len(), batch, slots).map_err(refused)?)
            }
            Protocol::Objects => {
                Scenes::Drawn(Objects::new(self.config, &shares).map_err(refused)?)
            }
        };
        out.inherit(self.slots);
        let count = self.config.count.unwrap_or(clips.len());
        if let Scenes::Fixed(scenes) = &protocol
            && count > scenes.len()
        {
            return Err(RunError::Refused {
                reason: format!(
                    "`batch-shift` makes one scene a clip, and {count} scenes of {} clips are asked for",
                    clips.len()
                ),
                hint: "ask for more clips with `--clips`, or for fewer scenes with `--set compose.count=…`",
            });
        }
        let names: Vec<ClipId> = (0..count).map(scene_id).collect();
        let numbers: BTreeMap<ClipId, usize> = names.iter().cloned().zip(0..).collect();
        out.expect(names);
        out.each(context, |scene, _| {
            let number = numbers.get(scene).copied().unwrap_or_default();
            let composition = match &protocol {
                Scenes::Fixed(scenes) => scenes[number].clone(),
                Scenes::Drawn(objects) => {
                    let mut rng = SeededRng::new(context.seed, &["compose", scene.as_str()]);
                    let mut masks = Masks::new(self.slots, self.compared(frames));
                    objects.scene(number % clips.len(), &mut rng, |one, other| {
                        masks.overlap(one, other)
                    })?
                }
            };
            self.file(&composition, frames, &shares)
        })
    }
}

/// The scenes of a protocol: all at once, or one at a time.
enum Scenes<'a> {
    Fixed(Vec<Composition>),
    Drawn(Objects<'a>),
}

/// Name of a scene by its number.
fn scene_id(number: usize) -> ClipId {
    ClipId::new(&format!("scene-{number:04}"))
}

fn refused(unsuited: Unsuited) -> RunError {
    RunError::Refused {
        reason: unsuited.reason,
        hint: unsuited.hint,
    }
}

impl Compose<'_> {
    /// Frames of a scene: those of every clip, or of the shortest where the rest is rolled out.
    fn frames(&self) -> Result<usize, RunError> {
        let mut lengths: BTreeMap<usize, &ClipId> = BTreeMap::new();
        for clip in self.slots.clips() {
            lengths
                .entry(self.slots.slots(clip)?.dim().0)
                .or_insert(clip);
        }
        let Some((&shortest, clip)) = lengths.first_key_value() else {
            return Ok(0);
        };
        if let (Mode::PerFrame, Some((longest, other))) = (
            self.config.mode,
            lengths.last_key_value().filter(|_| lengths.len() > 1),
        ) {
            return Err(RunError::Refused {
                reason: format!(
                    "`{clip}` has {shortest} frames and `{other}` {longest}; scenes composed frame by frame take clips of one length"
                ),
                hint: "set `decode.frames` to what all clips have, or `compose.mode = \"rollout\"`",
            });
        }
        if self.config.mode == Mode::Rollout && shortest <= self.burn_in {
            return Err(RunError::Refused {
                reason: format!(
                    "`{clip}` has {shortest} frames, which leaves nothing to predict after {} composed",
                    self.burn_in
                ),
                hint: "take longer clips, or a shorter burn-in with `--set rollout.burn-in=…`",
            });
        }
        Ok(shortest)
    }

    /// Frames over which shares are counted and overlaps looked for: those that are composed.
    fn compared(&self, frames: usize) -> usize {
        match self.config.mode {
            Mode::PerFrame => frames,
            Mode::Rollout => self.burn_in.min(frames),
        }
    }

    /// Share of the picture that each slot of a clip has.
    fn shares(&self, clip: &ClipId, frames: usize) -> Result<Vec<f64>, RunError> {
        let slots = self.slots.slots(clip)?.dim().1;
        let masks = self.slots.masks(clip)?;
        let masks = masks.slice(s![..self.compared(frames), .., ..]);
        Ok(shares(masks, slots))
    }

    /// A scene's slots and where they come from.
    fn file(
        &self,
        composition: &Composition,
        frames: usize,
        shares: &[Vec<f64>],
    ) -> Result<ClipFile, RunError> {
        let clips = self.slots.clips();
        let mut scene: Option<Array3<f32>> = None;
        let mut sources: BTreeMap<usize, Array3<f32>> = BTreeMap::new();
        for (place, parent) in composition.parents.iter().enumerate() {
            let Some(from) = parent.from else { continue };
            if let std::collections::btree_map::Entry::Vacant(entry) = sources.entry(from.clip) {
                entry.insert(self.slots.slots(&clips[from.clip])?);
            }
            let source = &sources[&from.clip];
            let (_, slots, dim) = source.dim();
            scene
                .get_or_insert_with(|| Array3::zeros((frames, slots, dim)))
                .slice_mut(s![.., place, ..])
                .assign(&source.slice(s![..frames, from.slot, ..]));
        }
        let named = |parent: &Parent| NamedParent {
            role: parent.role,
            clip: parent.from.map(|from| clips[from.clip].clone()),
            slot: parent.from.map(|from| from.slot),
            share: parent.from.map(|from| shares[from.clip][from.slot]),
            overlap: parent.overlap,
        };
        let batch = self.config.batch;
        let note = SceneNote {
            protocol: self.config.protocol,
            batch: (self.config.protocol == Protocol::BatchShift).then_some(batch),
            parents: composition.parents.iter().map(named).collect(),
            missing: composition.missing,
        };
        let slots = scene.unwrap_or_default();
        ClipSlots::all_observed(slots).to_file().with_note(&note)
    }
}

/// Masks of the clips that a scene draws from, read once.
struct Masks<'a> {
    slots: &'a Slots,
    frames: usize,
    read: BTreeMap<usize, Array3<u8>>,
}

impl<'a> Masks<'a> {
    fn new(slots: &'a Slots, frames: usize) -> Self {
        Self {
            slots,
            frames,
            read: BTreeMap::new(),
        }
    }

    fn overlap(&mut self, one: SlotOf, other: SlotOf) -> Result<f64, RunError> {
        for clip in [one.clip, other.clip] {
            if let std::collections::btree_map::Entry::Vacant(entry) = self.read.entry(clip) {
                entry.insert(self.slots.masks(&self.slots.clips()[clip])?);
            }
        }
        let masks = [one, other].map(|of| {
            let frames = self.read[&of.clip].slice(s![..self.frames, .., ..]);
            (frames, of.slot as u8)
        });
        Ok(overlap(masks))
    }
}

impl Slots {
    /// Where the slots of a composed scene come from.
    ///
    /// # Errors
    /// When the file is not there, or is not one of a scene.
    pub fn parents(&self, scene: &ClipId) -> Result<SceneNote, RunError> {
        self.read(scene)?.note()
    }
}
