//! Transposes of matrices, in squares of eight.

use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// The side of a square.
pub const SIDE: usize = 8;

/// Writes the matrix `from` of `size` rows and columns as its transpose; both sides come with the
/// distance between their rows.
pub fn transpose(
    isa: Isa,
    (from, from_pitch): (&[f32], usize),
    [rows, columns]: [usize; 2],
    (to, to_pitch): (&mut [f32], usize),
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let from = &from[..(rows - 1) * from_pitch + columns];
    let to = &mut to[..(columns - 1) * to_pitch + rows];
    isa.run(Transpose {
        from,
        from_pitch,
        rows,
        columns,
        to,
        to_pitch,
    });
}

struct Transpose<'a> {
    from: &'a [f32],
    from_pitch: usize,
    rows: usize,
    columns: usize,
    to: &'a mut [f32],
    to_pitch: usize,
}

impl Work for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let [whole_rows, whole_columns] = [self.rows, self.columns].map(|size| size / SIDE * SIDE);
        for column in (0..whole_columns).step_by(SIDE) {
            for row in (0..whole_rows).step_by(SIDE) {
                let from = self.from[row * self.from_pitch + column..].as_ptr();
                let to = self.to[column * self.to_pitch + row..].as_mut_ptr();
                // SAFETY: the square lies within both matrices, whose lengths were cut to size.
                unsafe { L::transpose((from, self.from_pitch), (to, self.to_pitch)) };
            }
        }
        for row in 0..self.rows {
            let first = if row < whole_rows { whole_columns } else { 0 };
            for column in first..self.columns {
                self.to[column * self.to_pitch + row] = self.from[row * self.from_pitch + column];
            }
        }
    }
}
