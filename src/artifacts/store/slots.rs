//! Slots of clips on disk: for each clip an array, how many of its frames were observed, and masks where it was encoded.

use ndarray::{Array3, Array4, ArrayView3, Ix3, Ix4, s};
use slotflow_datasets::ClipId;

use super::artifact::Artifact;
use super::clip_file::ClipFile;
use super::kind::{ArtifactKind, PerClip};
use crate::artifacts::error::RunError;

/// Array of a clip's file: `[time, slots, dim]`.
const SLOTS: &str = "slots";
/// Array of a clip's file: the slot of every pixel, `[time, height, width]`.
const MASKS: &str = "masks";
/// Array of a clip's file: share of every place that each slot gets, `[time, slots, height', width']`.
pub const ATTENTION: &str = "attention";
/// Number in a clip's file: how many of its frames were observed.
const OBSERVED: &str = "observed";

/// Slots of clips: the encoder's, or the dynamics' behind an observed history.
#[derive(Debug)]
pub enum SlotsOfClips {}

impl ArtifactKind for SlotsOfClips {}
impl PerClip for SlotsOfClips {}

/// Slots of clips on disk.
pub type Slots = Artifact<SlotsOfClips>;

/// Slots of one clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipSlots {
    /// `[time, slots, dim]`
    pub slots: Array3<f32>,
    /// How many of the frames were observed; those behind them are rolled out.
    pub observed: usize,
}

impl ClipSlots {
    /// Slots of frames that were all observed.
    pub fn all_observed(slots: Array3<f32>) -> Self {
        let observed = slots.dim().0;
        Self { slots, observed }
    }

    /// The slots of the frames behind the observed ones, `[time, slots, dim]`.
    pub fn rolled_out(&self) -> ArrayView3<'_, f32> {
        self.slots.slice(s![self.observed.., .., ..])
    }

    /// The clip's file.
    pub fn to_file(&self) -> ClipFile {
        ClipFile::default()
            .with_floats(SLOTS, &self.slots)
            .with_count(OBSERVED, self.observed)
    }

    /// The clip's file, with the slot of every pixel (`[time, height, width]`).
    pub fn to_file_with_masks(&self, masks: &Array3<u8>) -> ClipFile {
        self.to_file().with_bytes(MASKS, masks)
    }
}

impl Slots {
    /// A clip's slots, and how many of its frames were observed.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn of_clip(&self, clip: &ClipId) -> Result<ClipSlots, RunError> {
        let file = self.read(clip)?;
        let slots = file.floats::<Ix3>(SLOTS)?;
        let observed = if file.has(OBSERVED) {
            file.count(OBSERVED)?
        } else {
            self.observed_by_recipe().unwrap_or(slots.dim().0)
        };
        Ok(ClipSlots { slots, observed })
    }

    /// A clip's slots, `[time, slots, dim]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn slots(&self, clip: &ClipId) -> Result<Array3<f32>, RunError> {
        self.read(clip)?.floats::<Ix3>(SLOTS)
    }

    /// How many of a clip's frames were observed.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn observed(&self, clip: &ClipId) -> Result<usize, RunError> {
        Ok(self.of_clip(clip)?.observed)
    }

    /// The slot of every pixel, `[time, height, width]`; of encoded frames alone.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn masks(&self, clip: &ClipId) -> Result<Array3<u8>, RunError> {
        self.read(clip)?.bytes::<Ix3>(MASKS)
    }

    /// Share of every place that each slot gets, `[time, slots, height', width']`; `None` where it was not kept.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn attention(&self, clip: &ClipId) -> Result<Option<Array4<f32>>, RunError> {
        let file = self.read(clip)?;
        file.has(ATTENTION)
            .then(|| file.floats::<Ix4>(ATTENTION))
            .transpose()
    }

    /// The observed frames of a roll-out of version 0.1, whose files do not say it; unset where all were observed.
    fn observed_by_recipe(&self) -> Option<usize> {
        let burn_in = self.recipe().config.get("burn-in")?.as_u64()?;
        Some(burn_in as usize)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::artifacts::{Partial, Recipe};

    fn written(config: serde_json::Value, file: &ClipFile) -> ClipSlots {
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe {
            stage: "rollout".to_owned(),
            version: 1,
            config,
            inputs: Vec::new(),
            seed: None,
            arithmetic: "cpu-f32".to_owned(),
        };
        let clip = ClipId::new("a");
        let target = folder.path().join("slots");
        let mut partial = Partial::<SlotsOfClips>::open(&target, recipe).unwrap();
        partial.add(&clip, file).unwrap();
        partial.commit().unwrap().of_clip(&clip).unwrap()
    }

    #[test]
    fn slots_say_how_many_frames_were_observed_and_earlier_roll_outs_by_their_recipe() {
        let slots = Array3::from_elem((5, 2, 3), 0.5);
        let rolled_out = ClipSlots {
            slots: slots.clone(),
            observed: 2,
        };
        assert_eq!(written(json!({}), &rolled_out.to_file()), rolled_out);
        assert_eq!(rolled_out.rolled_out().dim(), (3, 2, 3));
        let earlier = ClipFile::default().with_floats(SLOTS, &slots);
        assert_eq!(written(json!({"burn-in": 2}), &earlier), rolled_out);
        let encoded = ClipSlots::all_observed(slots);
        assert_eq!(written(json!({}), &earlier), encoded);
    }
}
