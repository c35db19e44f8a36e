//! Attention → masks: `Segment`, and `Segmentations` on disk.

use ndarray::{Array3, ArrayView2, Ix3};
use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, Context, Input, Partial, PerClip, RunError, Slots, Stage,
};
use crate::masks::{enlarged_masks, masks_at_size};
use crate::plan::segment::SegmentConfig;

/// Array of a clip's file: `[time, height, width]`.
const MASKS: &str = "masks";

/// Makes masks of the attention of every clip.
pub struct Segment<'a> {
    /// `[segment]` of the plan.
    pub config: &'a SegmentConfig,
    /// Slots of every frame, with their masks, and with their attention where the masks have another size.
    pub encoded: &'a Slots,
}

impl Stage for Segment<'_> {
    const NAME: &'static str = "segment";
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
    type Config = SegmentConfig;
    type Output = SegmentedClips;

    fn config(&self) -> &SegmentConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![self.encoded.as_input("slots")]
    }

    fn run(&self, out: &mut Partial<SegmentedClips>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.encoded);
        out.expect(self.encoded.clips().to_vec());
        out.each(context, |clip, _| {
            let masks = self.masks(clip)?;
            let slots = self.encoded.slots(clip)?.dim().1;
            let file = ClipFile::default().with_bytes(MASKS, &masks);
            file.with_note(&slot_figures(&masks, slots))
        })
    }
}

impl Segment<'_> {
    fn masks(&self, clip: &ClipId) -> Result<Array3<u8>, RunError> {
        let attention = self.encoded.attention(clip)?;
        match (self.config.size, attention) {
            (Some(size), Some(attention)) => {
                Ok(masks_at_size(&attention, size, self.config.interpolation))
            }
            (Some(size), None) => {
                let masks = self.encoded.masks(clip)?;
                Ok(enlarged_masks(masks.view(), size))
            }
            (None, _) => self.encoded.masks(clip),
        }
    }
}

/// What a slot is like over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotFigures {
    /// Mean share of the frame's pixels, 0..1.
    pub share: f64,
    /// Frames in which it owns a pixel.
    pub frames: usize,
    /// Mean IoU of its mask with itself one frame later, 0..1: 1 where nothing moves, low where it jumps from thing to
    /// thing. `None` where no two frames follow each other.
    pub stability: Option<f64>,
}

/// Figures of every slot.
///
/// # Shape
/// - `masks`: `[time, height, width]`
pub fn slot_figures(masks: &Array3<u8>, slots: usize) -> Vec<SlotFigures> {
    let (time, height, width) = masks.dim();
    let frames: Vec<ArrayView2<'_, u8>> = masks.outer_iter().collect();
    let of_slot = |slot: usize| {
        let owns = |pixel: u8| usize::from(pixel) == slot;
        let pixels: Vec<usize> = frames
            .iter()
            .map(|frame| frame.iter().filter(|&&pixel| owns(pixel)).count())
            .collect();
        let ious: Vec<f64> = frames
            .windows(2)
            .filter_map(|pair| {
                let both = pair[0].iter().zip(pair[1]);
                let (mut shared, mut either) = (0_usize, 0_usize);
                for (&before, &after) in both {
                    shared += usize::from(owns(before) && owns(after));
                    either += usize::from(owns(before) || owns(after));
                }
                (either > 0).then(|| shared as f64 / either as f64)
            })
            .collect();
        SlotFigures {
            share: pixels.iter().sum::<usize>() as f64 / (time * height * width).max(1) as f64,
            frames: pixels.iter().filter(|&&count| count > 0).count(),
            stability: (!ious.is_empty()).then(|| ious.iter().sum::<f64>() / ious.len() as f64),
        }
    };
    (0..slots).map(of_slot).collect()
}

/// Masks of clips.
#[derive(Debug)]
pub enum SegmentedClips {}

impl ArtifactKind for SegmentedClips {}
impl PerClip for SegmentedClips {}

/// Masks of clips on disk.
pub type Segmentations = Artifact<SegmentedClips>;

impl Segmentations {
    /// The slot of every pixel, `[time, height, width]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn masks(&self, clip: &ClipId) -> Result<Array3<u8>, RunError> {
        self.read(clip)?.bytes::<Ix3>(MASKS)
    }

    /// What every slot is like.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn slot_figures(&self, clip: &ClipId) -> Result<Vec<SlotFigures>, RunError> {
        self.read(clip)?.note()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_stays_is_stable_and_one_that_jumps_is_not() {
        let masks = Array3::from_shape_fn((3, 4, 4), |(t, y, _)| match (t, y) {
            (_, 0) => 1,
            (0 | 2, 1) | (1, 2) => 2,
            _ => 0,
        });
        let figures = slot_figures(&masks, 4);
        assert_eq!(figures[1].share, 0.25);
        assert_eq!((figures[1].stability, figures[1].frames), (Some(1.0), 3));
        assert_eq!(figures[2].stability, Some(0.0));
        assert_eq!(figures[3].stability, None, "it owns no pixel");
        let still = masks.slice_move(ndarray::s![..1, .., ..]);
        assert_eq!(slot_figures(&still, 2)[1].stability, None);
    }
}
