//! All slots of a run's clips, found by looks and place: slots have no numbers of their own for a place, so a slot elsewhere
//! is one that another frame or clip has there.

use ndarray::{Array3, ArrayView1, ArrayView3, s};
use slotflow_datasets::ClipId;

use super::appearance::{Appearance, Looks, looks};
use crate::artifacts::{RunError, Slots};
use crate::inference::empty_slots::is_empty;
use crate::stages::perceive::decode::Clips;

/// Distance of places that counts one, as a share of the picture's longer side: two pixels of 64.
const PLACE: f64 = 1.0 / 32.0;
/// Distance of colours that counts one, of 255 a channel.
const COLOUR: f64 = 12.0;
/// Ratio of sizes that counts one, as its logarithm.
const SIZE: f64 = 0.25;

/// Slots of all clips of a run with their looks.
#[derive(Debug)]
pub struct SlotLibrary {
    clips: Vec<ClipId>,
    slots: Vec<Array3<f32>>,
    looks: Vec<Looks>,
    /// Height and width of the pictures.
    size: [usize; 2],
}

/// A slot of the library, and how far it is from what was wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestSlot {
    /// Number of its clip.
    pub clip: usize,
    /// Its frame.
    pub frame: usize,
    /// Its number.
    pub slot: usize,
    /// Pixels from the wanted place.
    pub place_off: f64,
    /// Distance from the wanted colour, of 255 a channel (root of the mean square).
    pub colour_off: f64,
    /// The larger of the two sizes as a multiple of the smaller.
    pub size_factor: f64,
}

impl SlotLibrary {
    /// The slots of a run's clips.
    ///
    /// # Errors
    /// When a file is not there or not whole, or there is no clip.
    pub fn of_run(clips: &Clips, encoded: &Slots) -> Result<Self, RunError> {
        let mut library = Self {
            clips: Vec::new(),
            slots: Vec::new(),
            looks: Vec::new(),
            size: [0, 0],
        };
        for clip in encoded.clips() {
            let frames = clips.frames(clip)?;
            let (slots, masks) = (encoded.slots(clip)?, encoded.masks(clip)?);
            let (_, height, width, _) = frames.dim();
            library.size = [height, width];
            library.looks.push(looks(&frames, &masks, slots.dim().1));
            library.clips.push(clip.clone());
            library.slots.push(slots);
        }
        if library.clips.is_empty() {
            let stage = "edit".to_owned();
            return Err(RunError::Empty { stage });
        }
        Ok(library)
    }

    /// A library of arrays, for pictures of one size (height, width).
    pub fn of_arrays(clips: Vec<(ClipId, Array3<f32>, Looks)>, size: [usize; 2]) -> Self {
        let mut library = Self {
            clips: Vec::new(),
            slots: Vec::new(),
            looks: Vec::new(),
            size,
        };
        for (clip, slots, looks) in clips {
            library.clips.push(clip);
            library.slots.push(slots);
            library.looks.push(looks);
        }
        library
    }

    /// Height and width of the pictures.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The clips.
    pub fn clips(&self) -> &[ClipId] {
        &self.clips
    }

    /// The clip of that number.
    pub fn clip(&self, number: usize) -> &ClipId {
        &self.clips[number]
    }

    /// Slots, `[time, slots, dim]`, and looks, `[time, slots]`, of a clip that is there.
    pub fn of(&self, clip: &ClipId) -> Option<(ArrayView3<'_, f32>, &Looks)> {
        let at = self.clips.iter().position(|known| known == clip)?;
        Some((self.slots[at].view(), &self.looks[at]))
    }

    /// Whether a place is in the picture.
    pub fn holds(&self, [x, y]: [f64; 2]) -> bool {
        let [height, width] = self.size;
        x >= 0.0 && y >= 0.0 && x <= width as f64 - 1.0 && y <= height as f64 - 1.0
    }

    /// The numbers of a slot of the library.
    pub fn numbers(&self, found: &NearestSlot) -> ArrayView1<'_, f32> {
        self.slots[found.clip].slice(s![found.frame, found.slot, ..])
    }

    /// The slot that comes nearest to what is wanted, in place, colour and size.
    pub fn nearest(&self, wanted: &Appearance) -> Option<NearestSlot> {
        let unit = PLACE * self.size[0].max(self.size[1]) as f64;
        let cost = |found: &NearestSlot| {
            (found.place_off / unit).powi(2)
                + (found.colour_off / COLOUR).powi(2)
                + (found.size_factor.ln() / SIZE).powi(2)
        };
        let all = self.looks.iter().enumerate().flat_map(|(clip, looks)| {
            looks
                .indexed_iter()
                .filter_map(move |((frame, slot), look)| Some((clip, frame, slot, (*look)?)))
        });
        let all = all.map(|(clip, frame, slot, look)| NearestSlot {
            clip,
            frame,
            slot,
            place_off: distance(&wanted.place, &look.place),
            colour_off: distance(&wanted.colour, &look.colour) / 3_f64.sqrt(),
            size_factor: (wanted.share / look.share).max(look.share / wanted.share),
        });
        all.min_by(|one, other| cost(one).total_cmp(&cost(other)))
    }

    /// Looks of slots that have no masks, such as imagined ones: each has those of the nearest slot of the library.
    ///
    /// # Shape
    /// `[time, slots, dim]` → `[time, slots]`
    pub fn looks_like(&self, slots: ArrayView3<'_, f32>) -> Looks {
        let (time, count, _) = slots.dim();
        Looks::from_shape_fn((time, count), |(t, slot)| {
            let wanted = slots.slice(s![t, slot, ..]);
            if is_empty(wanted) {
                return None;
            }
            let mut best: (f32, Option<Appearance>) = (f32::INFINITY, None);
            for (slots, looks) in self.slots.iter().zip(&self.looks) {
                for ((frame, other), look) in looks.indexed_iter() {
                    let far = apart(wanted, slots.slice(s![frame, other, ..]));
                    if far < best.0 {
                        best = (far, *look);
                    }
                }
            }
            best.1
        })
    }
}

fn distance<const N: usize>(one: &[f64; N], other: &[f64; N]) -> f64 {
    let squares = one.iter().zip(other).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Squared distance of two slots.
fn apart(one: ArrayView1<'_, f32>, other: ArrayView1<'_, f32>) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
}
