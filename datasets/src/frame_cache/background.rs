//! The empty scene: every pixel's median over frames.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

/// Every pixel's median over frames of equal size, `[height, width, rgb]` each and together.
///
/// Nothing is known of objects here: with a camera at rest, most frames leave a given pixel free.
///
/// # Panics
/// When there is no frame, or they differ in size.
pub fn median(frames: &[ArrayView3<'_, u8>]) -> Array3<u8> {
    let (height, width, rgb) = frames[0].dim();
    let mut values = Array3::zeros((height, width, rgb));
    let rows = values.outer_iter_mut().into_par_iter().enumerate();
    rows.for_each(|(y, mut row)| {
        let mut seen = vec![0_u8; frames.len()];
        for ((x, channel), value) in row.indexed_iter_mut() {
            for (at, frame) in seen.iter_mut().zip(frames) {
                *at = frame[[y, x, channel]];
            }
            let middle = seen.len() / 2;
            *value = *seen.select_nth_unstable(middle).1;
        }
    });
    values
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::median;

    #[test]
    fn what_most_frames_show_stays() {
        let frame = |value| Array3::from_elem((2, 3, 3), value);
        let frames = [frame(9), frame(200), frame(9), frame(10), frame(8)];
        let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
        assert_eq!(median(&views), frame(9));
    }
}
