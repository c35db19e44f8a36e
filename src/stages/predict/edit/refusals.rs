//! What can be refused before work: slots and clips that are not there, places outside of the picture, nothing left.

use slotflow_datasets::ClipId;

use super::appearance::Looks;
use super::library::SlotLibrary;
use super::{adds, removed};
use crate::plan::edit::{ClipEdit, EditError, Operation, OtherSlot};

/// Clips of a run that an error names.
const NAMED: usize = 6;

/// Refuses an edit that cannot be made.
///
/// `observed` and `count` are the frames that were seen before the roll-out, and all frames with those imagined.
///
/// # Errors
/// The first thing that is not there or makes no sense.
pub fn check(
    edit: &ClipEdit,
    library: &SlotLibrary,
    [observed, count]: [usize; 2],
) -> Result<(), EditError> {
    edit.check()?;
    let lost = || no_clip(library, &edit.clip);
    let (slots, looks) = library.of(&edit.clip).ok_or_else(lost)?;
    let first = edit.frames.first(observed);
    if first >= count {
        return Err(EditError::NoFrame {
            frame: first,
            count,
        });
    }
    let (time, number, dim) = slots.dim();
    for operation in &edit.operations {
        for slot in operation.own_slots() {
            if slot >= number {
                return Err(EditError::NoSlot {
                    slot,
                    clip: edit.clip.clone(),
                    last: number.saturating_sub(1),
                });
            }
        }
        if let Some(other) = operation.other_slot() {
            check_other(other, library, [time, dim])?;
        }
        check_looks(edit, operation, library, looks, first.min(time - 1))?;
    }
    if removed(&edit.operations).len() == number && !edit.operations.iter().any(adds) {
        return Err(EditError::NothingLeft {
            clip: edit.clip.clone(),
        });
    }
    Ok(())
}

/// Refuses another clip's slot that is not there or does not fit frames of `time` and slots of `dim` numbers.
fn check_other(
    other: &OtherSlot,
    library: &SlotLibrary,
    [time, dim]: [usize; 2],
) -> Result<(), EditError> {
    let clip = || other.clip.clone();
    let lost = || no_clip(library, &other.clip);
    let (slots, _) = library.of(&other.clip).ok_or_else(lost)?;
    let (frames, number, width) = slots.dim();
    if width != dim {
        return Err(EditError::Width {
            clip: clip(),
            found: width,
            expected: dim,
        });
    }
    if other.slot >= number {
        return Err(EditError::NoSlot {
            slot: other.slot,
            clip: clip(),
            last: number.saturating_sub(1),
        });
    }
    if frames < time {
        return Err(EditError::Short {
            clip: clip(),
            found: frames,
            needed: time,
        });
    }
    Ok(())
}

/// Refuses to move or recolour what is nowhere to be seen, and to move it out of the picture at once.
fn check_looks(
    edit: &ClipEdit,
    operation: &Operation,
    library: &SlotLibrary,
    looks: &Looks,
    first: usize,
) -> Result<(), EditError> {
    let (Operation::Move { slot, .. } | Operation::Recolour { slot, .. }) = operation else {
        return Ok(());
    };
    let seen = (first..looks.dim().0).find_map(|frame| Some((frame, looks[[frame, *slot]]?)));
    let Some((frame, look)) = seen else {
        return Err(EditError::Invisible {
            slot: *slot,
            clip: edit.clip.clone(),
        });
    };
    if let Operation::Recolour { like, .. } = operation {
        let lost = || no_clip(library, &like.clip);
        let (_, looks) = library.of(&like.clip).ok_or_else(lost)?;
        if looks.column(like.slot).iter().all(Option::is_none) {
            return Err(EditError::Invisible {
                slot: like.slot,
                clip: like.clip.clone(),
            });
        }
    }
    if let Operation::Move { by: [x, y], .. } = operation {
        let place = [look.place[0] + x, look.place[1] + y];
        if !library.holds(place) {
            let [height, width] = library.size();
            return Err(EditError::Outside {
                slot: *slot,
                frame,
                x: place[0],
                y: place[1],
                width,
                height,
            });
        }
    }
    Ok(())
}

/// The refusal of a clip that a run does not have, or could not do.
pub fn no_clip(library: &SlotLibrary, clip: &ClipId) -> EditError {
    let clips = library.clips();
    let names: Vec<String> = clips
        .iter()
        .take(NAMED)
        .map(|clip| format!("`{clip}`"))
        .collect();
    let more = match clips.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    EditError::NoClip {
        clip: clip.clone(),
        known: names.join(", ") + &more,
    }
}

/// The slots of a clip as lines of text: number, mean share of the pixels, and place and colour where they are seen first.
///
/// # Errors
/// When there is no such clip.
pub fn slot_table(library: &SlotLibrary, clip: &ClipId) -> Result<String, EditError> {
    let lost = || no_clip(library, clip);
    let (_, looks) = library.of(clip).ok_or_else(lost)?;
    let (time, slots) = looks.dim();
    let mut lines = vec![
        format!(
            "slots of {clip}; places and colours are those of the first frame in which a slot owns a pixel"
        ),
        "slot  pixels  frame  place        colour".to_owned(),
    ];
    for slot in 0..slots {
        let shares: f64 = looks
            .column(slot)
            .iter()
            .flatten()
            .map(|look| look.share)
            .fold(0.0, |sum, share| sum + share);
        let seen = (0..time).find_map(|frame| Some((frame, looks[[frame, slot]]?)));
        let rest = seen.map_or_else(
            || "    –  –            –".to_owned(),
            |(frame, look)| {
                let [x, y] = look.place;
                let [red, green, blue] = look.colour.map(|part| part.round() as u8);
                let place = format!("({x:.0}, {y:.0})");
                format!("{frame:>5}  {place:<11}  #{red:02x}{green:02x}{blue:02x}")
            },
        );
        lines.push(format!(
            "{slot:>4}  {:>5.1}%  {rest}",
            100.0 * shares / time.max(1) as f64
        ));
    }
    Ok(lines.join("\n"))
}
