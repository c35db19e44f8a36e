//! Slot dropout: a decoder learns that a slot which is not there leaves the empty scene in its place.
//!
//! Some slots are left out of a frame's set, and the pixels that attended to them are painted over with the empty scene.
//! No label is used: the masks are the encoder's attention, the empty scene is a median of frames.
//! Differs: SlotDiffusion (Wu et al. 2023) decodes whole sets of slots only, so that a removed object comes back.

use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis, s};
use slotflow_datasets::DataError;

use crate::rng::SeededRng;
use crate::train::data::clip_dataset::{Background, ClipDataset, WindowStart};

/// Slots that are left out of a frame, at most.
const AT_MOST: usize = 3;

/// Pixels around a removed object that are painted over too: soft borders, and the shadow at its foot.
const MARGIN: usize = 2;

/// Frames, who owns their pixels, and what is behind.
#[derive(Debug)]
pub struct SlotDropout<'a> {
    /// The frames.
    pub clips: &'a ClipDataset,
    /// Slot with most attention at every pixel, `[clips, time, height, width]`.
    pub masks: Array4<u8>,
    /// The empty scenes.
    pub background: Background,
}

/// Frames without some of their slots.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// The slots that are left, `[batch, slots − dropped, dim]`.
    pub slots: Array3<f32>,
    /// The frames without the others, `[batch, height, width, rgb]`.
    pub frames: Array4<u8>,
}

impl SlotDropout<'_> {
    /// How many slots of a set a batch goes without: one, two or three, and never all.
    pub fn draw_count(slots: usize, noise: &mut SeededRng) -> usize {
        1 + noise.below(AT_MOST.min(slots.saturating_sub(1)).max(1))
    }

    /// Frames (numbered through all clips), each without `count` slots drawn at random.
    ///
    /// # Shape
    /// - `slots`: `[clips, time, slots, dim]`
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn draw(
        &self,
        frames: &[usize],
        slots: ArrayView4<'_, f32>,
        count: usize,
        noise: &mut SeededRng,
    ) -> Result<Reduced, DataError> {
        let number = slots.dim().2;
        let dropped: Vec<Vec<usize>> = frames
            .iter()
            .map(|_| noise.shuffled(number)[..count].to_vec())
            .collect();
        self.without(frames, slots, &dropped)
    }

    /// Frames without their largest object: the slot that owns most pixels of all but one, which is the background.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn without_largest_object(
        &self,
        frames: &[usize],
        slots: ArrayView4<'_, f32>,
    ) -> Result<Reduced, DataError> {
        let (_, time, number, _) = slots.dim();
        let second = |&frame: &usize| {
            let masks = self.masks.slice(s![frame / time, frame % time, .., ..]);
            let shares = owned(masks, number);
            let background = largest(&shares);
            let others = shares.iter().enumerate();
            let others = others.filter(|(slot, _)| *slot != background);
            let object = others.max_by_key(|(_, pixels)| **pixels);
            vec![object.map_or(background, |(slot, _)| slot)]
        };
        let dropped: Vec<Vec<usize>> = frames.iter().map(second).collect();
        self.without(frames, slots, &dropped)
    }

    /// Frames without slots of theirs, as many of each frame as of any other.
    fn without(
        &self,
        frames: &[usize],
        slots: ArrayView4<'_, f32>,
        dropped: &[Vec<usize>],
    ) -> Result<Reduced, DataError> {
        let (_, time, number, dim) = slots.dim();
        let kept = number - dropped.first().map_or(0, Vec::len);
        let starts: Vec<WindowStart> = frames
            .iter()
            .map(|frame| WindowStart::new(frame / time, frame % time))
            .collect();
        let scenes = ClipDataset::scenes(&self.background, &starts)?;
        let mut out = Reduced {
            slots: Array3::zeros((frames.len(), kept, dim)),
            frames: self.clips.single(&starts)?,
        };
        for (row, (start, dropped)) in starts.iter().zip(dropped).enumerate() {
            let set = slots.slice(s![start.clip, start.frame, .., ..]);
            let left = (0..number).filter(|slot| !dropped.contains(slot));
            for (to, from) in left.enumerate() {
                let mut place = out.slots.slice_mut(s![row, to, ..]);
                place.assign(&set.row(from));
            }
            let masks = self.masks.slice(s![start.clip, start.frame, .., ..]);
            let gone = removed_pixels(masks, number, dropped);
            let mut frame = out.frames.index_axis_mut(Axis(0), row);
            paint(&mut frame, scenes[row].view(), &gone);
        }
        Ok(out)
    }
}

/// Pixels that every slot owns.
fn owned(masks: ArrayView2<'_, u8>, slots: usize) -> Vec<usize> {
    let mut pixels = vec![0; slots];
    for &slot in masks {
        if let Some(count) = pixels.get_mut(usize::from(slot)) {
            *count += 1;
        }
    }
    pixels
}

/// The slot that owns most pixels, the first of several.
fn largest(shares: &[usize]) -> usize {
    let mut best = 0;
    for (slot, &pixels) in shares.iter().enumerate() {
        if pixels > shares[best] {
            best = slot;
        }
    }
    best
}

/// Where a frame is painted over: pixels of dropped slots, and a margin around dropped objects as far as it is
/// background.
fn removed_pixels(masks: ArrayView2<'_, u8>, slots: usize, dropped: &[usize]) -> Array2<bool> {
    let background = largest(&owned(masks, slots));
    let is_dropped = |slot: u8| dropped.contains(&usize::from(slot));
    let (height, width) = masks.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let owner = masks[[y, x]];
        if is_dropped(owner) {
            return true;
        }
        if usize::from(owner) != background {
            return false;
        }
        let rows = y.saturating_sub(MARGIN)..(y + MARGIN + 1).min(height);
        let columns = x.saturating_sub(MARGIN)..(x + MARGIN + 1).min(width);
        let around = masks.slice(s![rows, columns]);
        around.iter().any(|&slot| is_dropped(slot))
    })
}

fn paint(
    frame: &mut ndarray::ArrayViewMut3<'_, u8>,
    scene: ArrayView3<'_, u8>,
    gone: &Array2<bool>,
) {
    for ((y, x), _) in gone.indexed_iter().filter(|(_, gone)| **gone) {
        frame
            .slice_mut(s![y, x, ..])
            .assign(&scene.slice(s![y, x, ..]));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array5, array};

    use super::*;

    /// One clip of one frame of 8×8: slot 0 is the floor (200), slot 1 owns a square of 2×2 (10), slot 2 one beside it (90).
    fn scene() -> (ClipDataset, Array4<u8>, Array4<f32>) {
        let mut masks = Array4::zeros((1, 1, 8, 8));
        masks.slice_mut(s![0, 0, 1..3, 1..3]).fill(1);
        masks.slice_mut(s![0, 0, 1..3, 3..5]).fill(2);
        let frames = Array5::from_shape_fn((1, 1, 8, 8, 3), |(_, _, y, x, _)| {
            [200, 10, 90][usize::from(masks[[0, 0, y, x]])]
        });
        let slots = Array4::from_shape_fn((1, 1, 3, 2), |(_, _, slot, d)| (slot * 10 + d) as f32);
        (ClipDataset::in_memory(frames, None), masks, slots)
    }

    #[test]
    fn a_dropped_slot_leaves_the_empty_scene_and_no_other_object_is_touched() {
        let (clips, masks, slots) = scene();
        let dropout = SlotDropout {
            clips: &clips,
            masks,
            background: Background::Shared(Array3::from_elem((8, 8, 3), 123)),
        };
        let reduced = dropout.without(&[0], slots.view(), &[vec![1]]).unwrap();
        assert_eq!(
            reduced.slots.index_axis(Axis(0), 0),
            array![[0.0, 1.0], [20.0, 21.0]]
        );
        let frame: ArrayView2<'_, u8> = reduced.frames.slice(s![0, .., .., 0]);
        assert_eq!(frame.slice(s![1..3, 1..3]), array![[123, 123], [123, 123]]);
        assert_eq!(frame.slice(s![1..3, 3..5]), array![[90, 90], [90, 90]]);
        assert_eq!(
            (frame[[4, 2]], frame[[5, 2]], frame[[7, 7]]),
            (123, 200, 200)
        );

        let largest = dropout.without_largest_object(&[0], slots.view()).unwrap();
        let gone = usize::from(largest.slots[[0, 1, 0]] > 15.0);
        assert_eq!(largest.slots[[0, 0, 0]], 0.0, "the floor stays");
        assert!(gone < 2);
    }

    #[test]
    fn a_dropped_floor_is_the_empty_scene_under_objects_that_stay() {
        let (clips, masks, slots) = scene();
        let dropout = SlotDropout {
            clips: &clips,
            masks: masks.clone(),
            background: Background::Shared(Array3::from_elem((8, 8, 3), 123)),
        };
        let reduced = dropout.without(&[0], slots.view(), &[vec![0]]).unwrap();
        for ((y, x), &slot) in masks.slice(s![0, 0, .., ..]).indexed_iter() {
            let expected = [123, 10, 90][usize::from(slot)];
            assert_eq!(reduced.frames[[0, y, x, 0]], expected, "{y}, {x}");
        }
    }

    #[test]
    fn a_set_never_loses_all_its_slots() {
        let mut noise = SeededRng::new(1, &["slots"]);
        for slots in 2..8 {
            for _ in 0..50 {
                let count = SlotDropout::draw_count(slots, &mut noise);
                assert!((1..slots).contains(&count), "{count} of {slots}");
            }
        }
    }
}
