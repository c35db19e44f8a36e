//! Empty slots: in an array of slots, a slot without an object is the all-zero vector.
//!
//! No model ever sees it. Decoders, SlotFormer and Aloe attend over a set, and an empty slot is left out of the set; zeros
//! stand in its place in what comes back. Slot encoders give none; edits and compositions do.

use ndarray::{Array3, ArrayView1, ArrayView2, ArrayView3, Axis};

/// Whether a slot is empty: all its numbers are zero.
pub fn is_empty(slot: ArrayView1<'_, f32>) -> bool {
    slot.iter().all(|value| *value == 0.0)
}

/// The slots of a frame that are not empty, in their order.
///
/// # Shape
/// `[slots, dim]`
pub fn occupied(frame: ArrayView2<'_, f32>) -> Vec<usize> {
    let slots = frame.axis_iter(Axis(0)).enumerate();
    slots
        .filter(|(_, slot)| !is_empty(*slot))
        .map(|(index, _)| index)
        .collect()
}

/// The same, with the next value that is there in place of each empty one, so that a slot's first value also stands in
/// for the frames before it.
///
/// # Shape
/// `[time, slots, dim]`, before and after
pub fn filled_backwards(slots: ArrayView3<'_, f32>) -> Array3<f32> {
    let mut filled = slots.to_owned();
    for mut slot in filled.axis_iter_mut(Axis(1)) {
        for time in (1..slot.dim().0).rev() {
            let (mut before, after) =
                slot.multi_slice_mut((ndarray::s![time - 1, ..], ndarray::s![time, ..]));
            if is_empty(before.view()) {
                before.assign(&after);
            }
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_slot_s_next_value_stands_in_for_empty_frames_before_it() {
        let slots = array![
            [[0.0], [1.0]],
            [[2.0], [0.0]],
            [[0.0], [3.0]],
            [[4.0], [0.0]]
        ];
        let filled = filled_backwards(slots.view());
        let expected = array![
            [[2.0], [1.0]],
            [[2.0], [3.0]],
            [[4.0], [3.0]],
            [[4.0], [0.0]]
        ];
        assert_eq!(filled, expected);
        assert_eq!(occupied(slots.index_axis(Axis(0), 1)), [0]);
    }
}
