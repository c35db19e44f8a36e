//! Granularity: slots that are alike merge into wholes, level by level: `Levels`.
//!
//! A picture has no one right number of parts (SlotDiffusion, appendix on limitations: a computer, or screen and keyboard).
//! Every pixel has up to three masks here: its slot, and the wholes that the slot is part of.

use ndarray::{Array1, Array2, Array3, ArrayView3, Axis};
use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;
use slotflow_eval::segmentation::levels::{Merges, cosines, merged};

use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, Context, Input, Partial, PerClip, RunError, Slots, Stage,
};
use crate::rng::SeededRng;
use crate::stages::segment::segmentation::Segmentations;

/// Merges the slots of every clip.
pub struct MergeSlots<'a> {
    /// Numbers of segments, the most first: `segment.levels` of the plan.
    pub counts: &'a Vec<usize>,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Their masks.
    pub segmentations: &'a Segmentations,
}

impl Stage for MergeSlots<'_> {
    const NAME: &'static str = "levels";
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
    type Config = Vec<usize>;
    type Output = LevelsOfClips;

    fn config(&self) -> &Vec<usize> {
        self.counts
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.encoded.as_input("slots"),
            self.segmentations.as_input("masks"),
        ]
    }

    fn run(&self, out: &mut Partial<LevelsOfClips>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.segmentations);
        out.expect(self.segmentations.clips().to_vec());
        let seed = context.seed;
        out.each(context, |clip, _| {
            let masks = self.segmentations.masks(clip)?;
            let slots = self.encoded.slots(clip)?;
            let looks = mean_slots(slots.view(), masks.view());
            let mut noise = SeededRng::new(seed, &["levels", clip.as_str()]);
            let blind =
                Array2::from_shape_fn(looks.vectors.dim(), |_| noise.normal_vec(1)[0].into());
            let alike = self.levels(&looks)?;
            let drawn = self.levels(&MeanSlots {
                vectors: blind,
                ..looks
            })?;
            ClipFile::default().with_note(&ClipLevels { alike, drawn })
        })
    }
}

impl MergeSlots<'_> {
    fn levels(&self, looks: &MeanSlots) -> Result<Vec<Level>, RunError> {
        let merges = Merges::of(cosines(looks.vectors.view()).view());
        let merges = merges.map_err(|error| RunError::Unfit {
            reason: error.to_string(),
        })?;
        let level = |&count: &usize| Level {
            count,
            segments: looks.named(&merges.level(count)),
        };
        Ok(self.counts.iter().map(level).collect())
    }
}

/// What the slots of a clip are like in the mean of its frames.
struct MeanSlots {
    /// Slots that own a pixel.
    owners: Vec<u8>,
    /// How many slots there are.
    slots: usize,
    /// A row an owner, `[owners, dim]`, less the mean over the owners: what all slots have in common tells none apart.
    vectors: Array2<f64>,
}

/// The mean of every slot over the frames in which it owns a pixel.
///
/// # Shape
/// - `slots`: `[time, slots, dim]`
/// - `masks`: `[time, height, width]`
fn mean_slots(slots: ArrayView3<f32>, masks: ArrayView3<u8>) -> MeanSlots {
    let (_, count, dim) = slots.dim();
    let mut sums = Array2::<f64>::zeros((count, dim));
    let mut frames = vec![0_usize; count];
    for (slots, mask) in slots.outer_iter().zip(masks.outer_iter()) {
        let mut owns = vec![false; count];
        for &slot in mask {
            if let Some(owns) = owns.get_mut(usize::from(slot)) {
                *owns = true;
            }
        }
        for slot in (0..count).filter(|slot| owns[*slot]) {
            let mut sum = sums.row_mut(slot);
            sum += &slots.row(slot).mapv(f64::from);
            frames[slot] += 1;
        }
    }
    let owners: Vec<usize> = (0..count).filter(|slot| frames[*slot] > 0).collect();
    let mut vectors = Array2::zeros((owners.len(), dim));
    for (mut row, &slot) in vectors.outer_iter_mut().zip(&owners) {
        row.assign(&(&sums.row(slot) / frames[slot] as f64));
    }
    let mean = vectors
        .mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(dim));
    vectors -= &mean;
    MeanSlots {
        owners: owners.into_iter().map(|slot| slot as u8).collect(),
        slots: count,
        vectors,
    }
}

impl MeanSlots {
    /// The segment of every slot, called after its lowest slot, of groups of owners; slots that own no pixel stay by
    /// themselves.
    fn named(&self, groups: &[u8]) -> Vec<u8> {
        let mut segments: Vec<u8> = (0..self.slots).map(|slot| slot as u8).collect();
        for (&owner, &group) in self.owners.iter().zip(groups) {
            segments[usize::from(owner)] = self.owners[usize::from(group)];
        }
        segments
    }
}

/// A level of a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Segments that were asked for; a clip whose slots own fewer parts has these.
    pub count: usize,
    /// The segment of every slot, called after its lowest slot.
    pub segments: Vec<u8>,
}

impl Level {
    /// The segment of every pixel, of the slot of every pixel.
    ///
    /// # Shape
    /// `[time, height, width]`, before and after
    pub fn masks(&self, slots: ArrayView3<u8>) -> Array3<u8> {
        merged(slots, &self.segments)
    }
}

/// The levels of a clip, in the order of `segment.levels`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipLevels {
    /// Slots that are alike merged.
    pub alike: Vec<Level>,
    /// Slots merged in an order that was drawn, whatever they are like: the floor.
    pub drawn: Vec<Level>,
}

/// Levels of clips.
#[derive(Debug)]
pub enum LevelsOfClips {}

impl ArtifactKind for LevelsOfClips {}
impl PerClip for LevelsOfClips {}

/// Levels of clips on disk.
pub type Levels = Artifact<LevelsOfClips>;

impl Levels {
    /// The levels of a clip.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn of(&self, clip: &ClipId) -> Result<ClipLevels, RunError> {
        self.read(clip)?.note()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    /// Slots 0, 1 and 3 own pixels; 1 and 3 look alike in the frames in which they do.
    fn looks() -> MeanSlots {
        let masks = Array3::from_shape_vec((2, 1, 3), vec![0, 1, 3, 0, 0, 3]).unwrap();
        let mut slots = Array3::zeros((2, 4, 2));
        for frame in 0..2 {
            for (slot, look) in [
                (0, [5.0, 0.0]),
                (1, [0.0, 3.0]),
                (2, [9.0, 9.0]),
                (3, [0.0, 4.0]),
            ] {
                slots[[frame, slot, 0]] = look[0];
                slots[[frame, slot, 1]] = look[1];
            }
        }
        // Where slot 1 owns nothing, it may be like anything.
        slots[[1, 1, 0]] = 77.0;
        mean_slots(slots.view(), masks.view())
    }

    #[test]
    fn slots_are_what_they_are_where_they_own_pixels() {
        let looks = looks();
        assert_eq!(looks.owners, [0, 1, 3]);
        let mean = [5.0 / 3.0, 7.0 / 3.0];
        assert!((looks.vectors[[1, 0]] + mean[0]).abs() < 1e-6);
        assert!((looks.vectors[[1, 1]] - (3.0 - mean[1])).abs() < 1e-6);
    }

    #[test]
    fn segments_are_called_after_their_lowest_slot() {
        let looks = looks();
        let merges = Merges::of(cosines(looks.vectors.view()).view()).unwrap();
        let level = Level {
            count: 2,
            segments: looks.named(&merges.level(2)),
        };
        assert_eq!(level.segments, [0, 1, 2, 1]);
        let masks = array![[[0_u8, 1, 3]]];
        assert_eq!(level.masks(masks.view()), array![[[0, 1, 1]]]);
        assert_eq!(looks.named(&merges.level(9)), [0, 1, 2, 3]);
    }
}
