use ndarray::{Array3, Axis, s};

use crate::plan::edit::{ClipEdit, EditError, EditedFrames, NamedFrames};

use super::appearance::looks;
use super::*;

const SIZE: [usize; 2] = [16, 16];
const TIME: usize = 3;

/// Squares of a colour at a place, one a slot behind the background; slot `k` of clip `c` in frame `t` has the numbers
/// `[c + 1, t + 1, k + 1]`.
fn clip(number: usize, squares: &[([usize; 2], [u8; 3])]) -> (ClipId, Array3<f32>, Looks) {
    let mut frames = ndarray::Array4::from_elem((TIME, SIZE[0], SIZE[1], 3), 90_u8);
    let mut masks = Array3::zeros((TIME, SIZE[0], SIZE[1]));
    for t in 0..TIME {
        for (slot, ([x, y], colour)) in squares.iter().enumerate() {
            let x = x + t;
            for (row, column) in (*y..y + 3).flat_map(|row| (x..x + 3).map(move |at| (row, at))) {
                masks[[t, row, column]] = slot as u8 + 1;
                for (part, value) in colour.iter().enumerate() {
                    frames[[t, row, column, part]] = *value;
                }
            }
        }
    }
    let slots = squares.len() + 1;
    let numbers = Array3::from_shape_fn((TIME, slots, 3), |(t, slot, part)| {
        [number + 1, t + 1, slot + 1][part] as f32
    });
    (
        ClipId::new(&format!("clip-{number}")),
        numbers,
        looks(&frames, &masks, slots),
    )
}

const RED: [u8; 3] = [200, 20, 20];
const BLUE: [u8; 3] = [20, 20, 200];

fn library() -> SlotLibrary {
    let clips = vec![
        clip(0, &[([1, 1], RED), ([1, 9], BLUE)]),
        clip(1, &[([7, 1], RED), ([1, 1], BLUE)]),
    ];
    SlotLibrary::of_arrays(clips, SIZE)
}

fn edited(operations: &[Operation]) -> Edited {
    let library = library();
    let own = ClipId::new("clip-0");
    let (slots, looks) = library.of(&own).unwrap();
    let others = library.clips().iter().map(|clip| {
        let (slots, looks) = library.of(clip).unwrap();
        (clip.clone(), (slots.to_owned(), looks.clone()))
    });
    let donors = Donors {
        looks,
        others: &others.collect(),
        library: &library,
    };
    apply(operations, slots, &donors)
}

fn other(slot: usize) -> OtherSlot {
    OtherSlot {
        clip: ClipId::new("clip-1"),
        slot,
    }
}

/// Clip, frame and number of a slot's donor, each from 1; zeros where it is empty.
fn donor(edited: &Edited, frame: usize, slot: usize) -> Vec<f32> {
    edited.slots.slice(s![frame, slot, ..]).to_vec()
}

#[test]
fn a_removed_slot_is_empty_and_an_added_one_takes_its_place() {
    let gone = edited(&[Operation::Remove { slot: 1 }]);
    assert_eq!(gone.slots.dim(), (3, 3, 3));
    assert_eq!(donor(&gone, 2, 1), [0.0; 3]);
    assert_eq!(donor(&gone, 2, 2), [1.0, 3.0, 3.0]);
    let taken = edited(&[
        Operation::Add { from: other(2) },
        Operation::Remove { slot: 1 },
    ]);
    assert_eq!(taken.slots.dim(), (3, 3, 3));
    assert_eq!(donor(&taken, 1, 1), [2.0, 2.0, 3.0]);
}

#[test]
fn added_and_duplicated_slots_stand_behind_the_clips_own() {
    let more = edited(&[
        Operation::Add { from: other(0) },
        Operation::Duplicate { slot: 2 },
    ]);
    assert_eq!(more.slots.dim(), (3, 5, 3));
    assert_eq!(donor(&more, 0, 3), [2.0, 1.0, 1.0]);
    assert_eq!(donor(&more, 0, 4), [1.0, 1.0, 3.0]);
}

#[test]
fn replaced_and_exchanged_slots_have_the_numbers_of_the_same_frame() {
    let swapped = edited(&[Operation::Replace {
        slot: 1,
        with: other(2),
    }]);
    assert_eq!(donor(&swapped, 2, 1), [2.0, 3.0, 3.0]);
    let exchanged = edited(&[Operation::Exchange { slots: [1, 2] }]);
    assert_eq!(donor(&exchanged, 2, 1), [1.0, 3.0, 3.0]);
    assert_eq!(donor(&exchanged, 2, 2), [1.0, 3.0, 2.0]);
}

#[test]
fn a_slot_moves_by_exchange_with_one_that_looks_like_it_at_the_wanted_place() {
    // The red square of clip 1 stands six pixels to the right of clip 0's.
    let moved = edited(&[Operation::Move {
        slot: 1,
        by: [6.0, 0.0],
    }]);
    for frame in 0..TIME {
        assert_eq!(donor(&moved, frame, 1), [2.0, frame as f32 + 1.0, 2.0]);
    }
    let [exchange] = &moved.exchanges[..] else {
        panic!("one exchange")
    };
    assert_eq!(
        (exchange.frames, exchange.clips, exchange.outside),
        (3, 1, 0)
    );
    assert!(exchange.place_greatest < 1e-9 && exchange.colour_mean < 1e-9);
    assert_eq!(exchange.first, "clip-1:1 in frame 0");
    // One pixel less is one pixel off.
    let near = edited(&[Operation::Move {
        slot: 1,
        by: [5.0, 0.0],
    }]);
    assert!(
        (0.1..=1.0).contains(&near.exchanges[0].place_mean),
        "{:?}",
        near.exchanges
    );
}

#[test]
fn a_slot_that_moves_out_of_the_picture_is_empty_there() {
    let moved = edited(&[Operation::Move {
        slot: 1,
        by: [13.0, 0.0],
    }]);
    assert_eq!(moved.exchanges[0].outside, 2);
    assert_eq!(donor(&moved, 2, 1), [0.0; 3]);
    assert_ne!(donor(&moved, 0, 1), [0.0; 3]);
}

#[test]
fn a_slot_is_recoloured_by_exchange_with_one_of_the_wanted_looks_at_its_own_place() {
    // A blue square stands in clip 1 where clip 0 has a red one.
    let blue = edited(&[Operation::Recolour {
        slot: 1,
        like: other(2),
    }]);
    assert_eq!(donor(&blue, 1, 1), [2.0, 2.0, 3.0]);
    assert!(blue.exchanges[0].place_greatest < 1e-9);
}

#[test]
fn before_the_edit_begins_slots_are_as_they_were_and_added_ones_are_empty() {
    let library = library();
    let (before, _) = library.of(&ClipId::new("clip-0")).unwrap();
    let after = edited(&[Operation::Add { from: other(1) }]);
    let slots = from_frame(before, after.slots.view(), 2);
    assert_eq!(slots.slice(s![..2, ..3, ..]), before.slice(s![..2, .., ..]));
    assert!(
        slots
            .slice(s![..2, 3, ..])
            .iter()
            .all(|value| *value == 0.0)
    );
    assert_eq!(
        slots.index_axis(Axis(0), 2),
        after.slots.index_axis(Axis(0), 2)
    );
}

#[test]
fn slots_without_masks_look_like_the_nearest_slots_that_have_some() {
    let library = library();
    let own = ClipId::new("clip-0");
    let (slots, looks) = library.of(&own).unwrap();
    let mut slots = &slots + 0.1;
    slots.slice_mut(s![0, 0, ..]).fill(0.0);
    let guessed = library.looks_like(slots.view());
    assert_eq!(guessed[[0, 0]], None);
    assert_eq!(guessed.slice(s![1.., ..]), looks.slice(s![1.., ..]));
}

#[test]
fn what_is_not_there_is_refused_before_work() {
    let refused = |operations: Vec<Operation>, frames: EditedFrames| {
        let edit = ClipEdit {
            clip: ClipId::new("clip-0"),
            frames,
            operations,
        };
        refusals::check(&edit, &library(), [2, 5]).unwrap_err()
    };
    let all = EditedFrames::default();
    let remove = |slot| Operation::Remove { slot };
    let said = |error: EditError| {
        assert!(!error.hint().is_empty());
        error.to_string()
    };
    assert_eq!(
        said(refused(vec![remove(3)], all)),
        "no slot 3 in `clip-0`; its slots are 0 to 2"
    );
    assert_eq!(
        said(refused(vec![Operation::Add { from: other(7) }], all)),
        "no slot 7 in `clip-1`; its slots are 0 to 2"
    );
    let stranger = OtherSlot {
        clip: ClipId::new("x"),
        slot: 0,
    };
    assert_eq!(
        said(refused(vec![Operation::Add { from: stranger }], all)),
        "no clip `x` in the run; it has `clip-0`, `clip-1`"
    );
    assert_eq!(
        said(refused(
            vec![Operation::Move {
                slot: 1,
                by: [0.0, -4.0]
            }],
            all
        )),
        "slot 1 would move to (2, -2) in frame 0, outside of the 16×16 picture"
    );
    assert_eq!(
        said(refused(vec![remove(0), remove(1), remove(2)], all)),
        "every slot of `clip-0` would be removed: nothing is left to render"
    );
    assert_eq!(
        said(refused(vec![remove(0)], EditedFrames::From(5))),
        "no frame 5: the clip has 5 frames, the imagined ones included"
    );
    let edit = ClipEdit {
        clip: ClipId::new("clip-1"),
        frames: EditedFrames::Named(NamedFrames::Imagined),
        operations: vec![remove(2)],
    };
    refusals::check(&edit, &library(), [2, 5]).unwrap();
}

#[test]
fn a_clip_of_another_width_or_length_is_refused() {
    let (name, slots, looks) = clip(1, &[([7, 1], RED), ([1, 1], BLUE)]);
    let refused = |slots: Array3<f32>| {
        let time = slots.dim().0;
        let looks = looks.slice(s![..time, ..]).to_owned();
        let clips = vec![clip(0, &[([1, 1], RED)]), (name.clone(), slots, looks)];
        let edit = ClipEdit {
            clip: ClipId::new("clip-0"),
            frames: EditedFrames::default(),
            operations: vec![Operation::Replace {
                slot: 1,
                with: other(1),
            }],
        };
        let library = SlotLibrary::of_arrays(clips, SIZE);
        refusals::check(&edit, &library, [2, 5]).unwrap_err()
    };
    let narrow = slots.slice(s![.., .., ..2]).to_owned();
    assert!(matches!(refused(narrow), EditError::Width { found: 2, .. }));
    let short = slots.slice(s![..2, .., ..]).to_owned();
    assert!(matches!(
        refused(short),
        EditError::Short {
            found: 2,
            needed: 3,
            ..
        }
    ));
}
