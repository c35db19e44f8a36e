//! Where a kernel or a pool looks: boxes over time, height and width.

/// Boxes over time, height and width, as they step over a clip with zeros around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Time, height and width of a box.
    pub size: [usize; 3],
    /// From one box to the next.
    pub step: [usize; 3],
    /// Zeros in front of and behind each axis.
    pub zeros: [(usize, usize); 3],
}

impl Windows {
    /// Over height and width only.
    pub const fn flat([height, width]: [usize; 2], step: usize, padding: usize) -> Self {
        let zeros = (padding, padding);
        Self {
            size: [1, height, width],
            step: [1, step, step],
            zeros: [(0, 0), zeros, zeros],
        }
    }

    /// With zeros as TensorFlow's `SAME` has them over `lengths`: as many outputs as steps fit, the odd zero behind.
    pub fn same(size: [usize; 3], step: [usize; 3], lengths: [usize; 3]) -> Self {
        let zeros = std::array::from_fn(|axis| {
            let (length, step) = (lengths[axis], step[axis]);
            let rest = if length.is_multiple_of(step) {
                step
            } else {
                length % step
            };
            let total = size[axis].saturating_sub(rest);
            (total / 2, total - total / 2)
        });
        Self { size, step, zeros }
    }

    /// How many there are over a clip of `lengths`.
    pub fn count(&self, lengths: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| {
            let (before, after) = self.zeros[axis];
            (lengths[axis] + before + after)
                .checked_sub(self.size[axis])
                .map_or(0, |room| room / self.step[axis] + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_split_as_tensorflow_does() {
        let cases = [
            ((224, 7, 2), (2, 3)),
            ((112, 3, 2), (0, 1)),
            ((9, 7, 2), (3, 3)),
            ((7, 3, 1), (1, 1)),
        ];
        for ((length, size, step), expected) in cases {
            let windows = Windows::same([size; 3], [step; 3], [length; 3]);
            assert_eq!(windows.zeros, [expected; 3]);
            assert_eq!(windows.count([length; 3]), [length.div_ceil(step); 3]);
        }
    }
}
