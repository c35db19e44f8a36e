//! Clips on one still picture: a row each, time to the right.

use std::path::Path;

use ndarray::{Array3, ArrayView4, s};

use super::png::write_png;
use crate::error::DataError;

/// Between frames and rows, pixels.
const GAP: usize = 2;

/// Draws clips under each other, each from left to right, and writes them as PNG.
///
/// # Shape
/// - `rows`: `[time, height, width, rgb]` each; they need not agree
///
/// # Errors
/// When there is no frame, or the disk says no.
pub fn contact_sheet(rows: &[ArrayView4<u8>], path: &Path) -> Result<(), DataError> {
    write_png(path, draw(rows).view())
}

/// The picture of [`contact_sheet`].
fn draw(rows: &[ArrayView4<u8>]) -> Array3<u8> {
    let wide = |row: &ArrayView4<u8>| (row.dim().0 * (row.dim().2 + GAP)).saturating_sub(GAP);
    let width = rows.iter().map(wide).max().unwrap_or(0);
    let height = rows
        .iter()
        .map(|row| row.dim().1 + GAP)
        .sum::<usize>()
        .saturating_sub(GAP);
    let mut sheet = Array3::from_elem((height, width, 3), u8::MAX);
    let mut top = 0;
    for row in rows {
        let (_, height, width, _) = row.dim();
        for (number, frame) in row.outer_iter().enumerate() {
            let left = number * (width + GAP);
            sheet
                .slice_mut(s![top..top + height, left..left + width, ..])
                .assign(&frame);
        }
        top += height + GAP;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn rows_lie_under_each_other_and_time_goes_right() {
        let (first, second) = (
            Array4::from_elem((3, 4, 5, 3), 10),
            Array4::from_elem((1, 2, 6, 3), 20),
        );
        let sheet = draw(&[first.view(), second.view()]);
        assert_eq!(sheet.dim(), (4 + GAP + 2, 3 * 5 + 2 * GAP, 3));
        assert_eq!(
            (sheet[[0, 0, 0]], sheet[[3, 5, 0]], sheet[[0, 5 + GAP, 0]]),
            (10, u8::MAX, 10)
        );
        assert_eq!(
            (sheet[[4 + GAP, 5, 0]], sheet[[4 + GAP, 6, 0]]),
            (20, u8::MAX)
        );
    }
}
