//! How a picture is turned before it is shown: the display matrix of phones and cameras.

use ndarray::{Array3, Axis};

/// One of the eight ways to lay a rectangle on itself: transposed first, then flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Turn {
    /// Rows become columns.
    pub(crate) transpose: bool,
    /// Upside down.
    pub(crate) flip_rows: bool,
    /// Left to right.
    pub(crate) flip_columns: bool,
}

impl Turn {
    /// The turn nearest to a display matrix: nine native-endian `i32`, of which the first, second, fourth and fifth
    /// say where the axes go (FFmpeg `libavutil/display.h`). `None` for anything else.
    pub(crate) fn from_matrix(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes
            .chunks_exact(4)
            .map(|number| i32::from_ne_bytes([number[0], number[1], number[2], number[3]]));
        let (a, b, _, c, d) = (
            numbers.next()?,
            numbers.next()?,
            numbers.next()?,
            numbers.next()?,
            numbers.next()?,
        );
        if [a, b, c, d] == [0; 4] {
            return None;
        }
        // x' = a·x + c·y and y' = b·x + d·y, both counted from the top left.
        let transpose =
            b.unsigned_abs().max(c.unsigned_abs()) > a.unsigned_abs().max(d.unsigned_abs());
        let (rows, columns) = if transpose { (b, c) } else { (d, a) };
        Some(Self {
            transpose,
            flip_rows: rows < 0,
            flip_columns: columns < 0,
        })
    }

    /// The height and width of a turned frame, or of a frame before it is turned.
    pub(crate) fn size(self, [height, width]: [usize; 2]) -> [usize; 2] {
        if self.transpose {
            [width, height]
        } else {
            [height, width]
        }
    }

    /// A frame as it is shown.
    pub(crate) fn apply(self, mut frame: Array3<u8>) -> Array3<u8> {
        if self == Self::default() {
            return frame;
        }
        if self.transpose {
            frame.swap_axes(0, 1);
        }
        if self.flip_rows {
            frame.invert_axis(Axis(0));
        }
        if self.flip_columns {
            frame.invert_axis(Axis(1));
        }
        frame.as_standard_layout().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Vec<u8> {
        [a, b, 0, c, d, 0, 0, 0, 1 << 30]
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect()
    }

    #[test]
    fn a_quarter_turn_clockwise_moves_the_top_left_to_the_top_right() {
        let turn = Turn::from_matrix(&matrix(0, 65536, -65536, 0)).unwrap();
        let mut frame = Array3::zeros((2, 3, 3));
        frame[[0, 0, 0]] = 9;
        let shown = turn.apply(frame);
        assert_eq!(shown.dim(), (3, 2, 3));
        assert_eq!(shown[[0, 1, 0]], 9);
    }

    #[test]
    fn a_half_turn_moves_the_top_left_to_the_bottom_right() {
        let turn = Turn::from_matrix(&matrix(-65536, 0, 0, -65536)).unwrap();
        let mut frame = Array3::zeros((2, 3, 3));
        frame[[0, 0, 0]] = 9;
        assert_eq!(turn.apply(frame)[[1, 2, 0]], 9);
    }

    #[test]
    fn a_broken_matrix_turns_nothing() {
        assert_eq!(Turn::from_matrix(&[0; 36]), None);
        assert_eq!(Turn::from_matrix(&[1, 2, 3]), None);
    }
}
