//! Edits of slots: slots taken away, added, exchanged; one function on arrays, used by the command and by whatever else edits.
//!
//! All changes are made to the slots as they were before the edit, so their order does not matter. A slot that is taken away
//! is [empty](crate::inference::empty_slots); an added one takes the place of one that is taken away, else stands behind
//! the clip's own.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, ArrayView3, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use crate::plan::edit::{Operation, OtherSlot};

use appearance::{Appearance, Looks};
use library::{NearestSlot, SlotLibrary};

/// What a slot looks like in a frame, and where it is.
pub mod appearance;

/// All slots of a run's clips, found by looks and place.
pub mod library;

/// Edits against the truth.
pub mod benchmark;

/// What can be refused before work.
pub mod refusals;

/// The stages: edited slots, and their roll-out.
pub mod stage;

/// Where the numbers of an edit come from.
pub struct Donors<'a> {
    /// Looks of the edited slots.
    pub looks: &'a Looks,
    /// Slots and looks of the other clips that operations name, in the same frames.
    pub others: &'a BTreeMap<ClipId, (Array3<f32>, Looks)>,
    /// All slots of the run's clips.
    pub library: &'a SlotLibrary,
}

/// Slots behind an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// `[time, slots, dim]`; as many slots as before, or more where some were added.
    pub slots: Array3<f32>,
    /// What was found in place of what, for each operation that looks for a slot.
    pub exchanges: Vec<Exchange>,
}

/// How well an operation found what it looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exchange {
    /// The operation in words.
    pub change: String,
    /// Frames in which another slot took the place.
    pub frames: usize,
    /// Frames in which the wanted place is outside of the picture; the slot is empty there.
    pub outside: usize,
    /// Clips that slots came from.
    pub clips: usize,
    /// Distance from the wanted place, pixels: mean.
    pub place_mean: f64,
    /// Distance from the wanted place, pixels: greatest.
    pub place_greatest: f64,
    /// Distance from the wanted mean colour, of 255 a channel: mean.
    pub colour_mean: f64,
    /// Size as a multiple of the wanted one, whichever is larger: mean.
    pub size_mean: f64,
    /// The slot of the first of these frames: `CLIP:SLOT` and its frame.
    pub first: String,
}

impl std::fmt::Display for Exchange {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{}: in {} frames by exchange with slots of {} clips, {:.1} pixels off on average and {:.1} at most; colours are \
             {:.0} of 255 off and sizes differ by a factor of {:.2} on average; the first is {}",
            self.change,
            self.frames,
            self.clips,
            self.place_mean,
            self.place_greatest,
            self.colour_mean,
            self.size_mean,
            self.first
        )?;
        match self.outside {
            0 => Ok(()),
            count => write!(
                out,
                "; in {count} frames the place is outside of the picture, and the slot is empty"
            ),
        }
    }
}

/// `slots` with all operations applied in every frame.
///
/// # Shape
/// `[time, slots, dim]` → `[time, slots + added, dim]`
///
/// # Panics
/// When an operation names a slot or a clip that is not there: [`refusals`] refuses it before.
pub fn apply(operations: &[Operation], slots: ArrayView3<'_, f32>, donors: &Donors<'_>) -> Edited {
    let (time, count, dim) = slots.dim();
    let added = operations.iter().filter(|operation| adds(operation));
    let mut free = removed(operations);
    let more = added.count().saturating_sub(free.len());
    let mut edited = Array3::zeros((time, count + more, dim));
    edited.slice_mut(s![.., ..count, ..]).assign(&slots);
    free.extend(count..count + more);
    let mut free = free.into_iter();
    let mut exchanges = Vec::new();
    for slot in removed(operations) {
        edited.slice_mut(s![.., slot, ..]).fill(0.0);
    }
    for operation in operations {
        match operation {
            Operation::Remove { .. } => {}
            Operation::Add { from } => {
                if let Some(place) = free.next() {
                    let mut place = edited.slice_mut(s![.., place, ..]);
                    place.assign(&donors.slot(from, time));
                }
            }
            Operation::Duplicate { slot } => {
                if let Some(place) = free.next() {
                    let mut place = edited.slice_mut(s![.., place, ..]);
                    place.assign(&slots.slice(s![.., *slot, ..]));
                }
            }
            Operation::Replace { slot, with } => {
                let mut place = edited.slice_mut(s![.., *slot, ..]);
                place.assign(&donors.slot(with, time));
            }
            Operation::Exchange {
                slots: [one, other],
            } => {
                for (to, from) in [(one, other), (other, one)] {
                    let mut place = edited.slice_mut(s![.., *to, ..]);
                    place.assign(&slots.slice(s![.., *from, ..]));
                }
            }
            Operation::Move { slot, .. } | Operation::Recolour { slot, .. } => {
                let mut place = edited.slice_mut(s![.., *slot, ..]);
                let found = donors.search(operation, *slot, time);
                for (mut numbers, found) in place.outer_iter_mut().zip(&found) {
                    match found {
                        Sought::Kept => {}
                        Sought::Outside => numbers.fill(0.0),
                        Sought::Slot(found) => numbers.assign(&donors.library.numbers(found)),
                    }
                }
                exchanges.push(exchange(operation, &found, donors.library));
            }
        }
    }
    Edited {
        slots: edited,
        exchanges,
    }
}

fn adds(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Add { .. } | Operation::Duplicate { .. }
    )
}

/// The slots that are taken away.
fn removed(operations: &[Operation]) -> Vec<usize> {
    let removed = operations.iter().filter_map(|operation| match operation {
        Operation::Remove { slot } => Some(*slot),
        _ => None,
    });
    removed.collect()
}

/// What came of looking for a slot in one frame.
enum Sought {
    /// The slot owns no pixel there and stays as it is.
    Kept,
    /// The wanted place is outside of the picture.
    Outside,
    /// Another slot.
    Slot(NearestSlot),
}

impl Donors<'_> {
    /// The numbers of another clip's slot, `[time, dim]`.
    fn slot(&self, other: &OtherSlot, time: usize) -> Array2<f32> {
        let (slots, _) = &self.others[&other.clip];
        slots.slice(s![..time, other.slot, ..]).to_owned()
    }

    /// For each frame the slot of the library that an operation asks for.
    fn search(&self, operation: &Operation, slot: usize, time: usize) -> Vec<Sought> {
        let wanted = |frame: usize| -> Option<Appearance> {
            let own = self.looks[[frame, slot]]?;
            match operation {
                Operation::Move { by: [x, y], .. } => Some(Appearance {
                    place: [own.place[0] + x, own.place[1] + y],
                    ..own
                }),
                Operation::Recolour { like, .. } => {
                    let (_, looks) = &self.others[&like.clip];
                    let like = nearest_seen(looks, like.slot, frame)?;
                    Some(Appearance {
                        colour: like.colour,
                        ..own
                    })
                }
                _ => None,
            }
        };
        let one = |frame: usize| match wanted(frame) {
            None => Sought::Kept,
            Some(wanted) if !self.library.holds(wanted.place) => Sought::Outside,
            Some(wanted) => self
                .library
                .nearest(&wanted)
                .map_or(Sought::Kept, Sought::Slot),
        };
        (0..time).map(one).collect()
    }
}

/// What a slot looks like in the frame nearest to `frame` in which it owns a pixel.
fn nearest_seen(looks: &Looks, slot: usize, frame: usize) -> Option<Appearance> {
    let frames = looks.dim().0;
    let mut seen: Vec<usize> = (0..frames)
        .filter(|at| looks[[*at, slot]].is_some())
        .collect();
    seen.sort_by_key(|at| at.abs_diff(frame));
    seen.first().and_then(|at| looks[[*at, slot]])
}

/// How well an operation found what it looked for.
fn exchange(operation: &Operation, sought: &[Sought], library: &SlotLibrary) -> Exchange {
    let found: Vec<&NearestSlot> = sought
        .iter()
        .filter_map(|sought| match sought {
            Sought::Slot(found) => Some(found),
            _ => None,
        })
        .collect();
    let mean = |of: fn(&NearestSlot) -> f64| {
        found.iter().map(|found| of(found)).sum::<f64>() / found.len().max(1) as f64
    };
    let mut clips: Vec<usize> = found.iter().map(|found| found.clip).collect();
    clips.sort_unstable();
    clips.dedup();
    Exchange {
        change: operation.to_string(),
        frames: found.len(),
        outside: sought
            .iter()
            .filter(|sought| matches!(sought, Sought::Outside))
            .count(),
        clips: clips.len(),
        place_mean: mean(|found| found.place_off),
        place_greatest: found
            .iter()
            .map(|found| found.place_off)
            .fold(0.0, f64::max),
        colour_mean: mean(|found| found.colour_off),
        size_mean: mean(|found| found.size_factor),
        first: found.first().map_or_else(String::new, |found| {
            format!(
                "{}:{} in frame {}",
                library.clip(found.clip),
                found.slot,
                found.frame
            )
        }),
    }
}

/// The slots of a clip behind an edit that begins at a frame: before it they are as they were, and added ones are empty.
///
/// # Shape
/// `before`: `[time, slots, dim]`, `edited`: `[time, slots + added, dim]` → `[time, slots + added, dim]`
pub fn from_frame(
    before: ArrayView3<'_, f32>,
    edited: ArrayView3<'_, f32>,
    first: usize,
) -> Array3<f32> {
    let (time, count, _) = before.dim();
    let first = first.min(time);
    let mut slots = edited.to_owned();
    slots.slice_mut(s![..first, .., ..]).fill(0.0);
    let mut own = slots.slice_mut(s![..first, ..count, ..]);
    own.assign(&before.slice(s![..first, .., ..]));
    slots
}

#[cfg(test)]
mod tests;
