//! Masks as COCO writes them: lengths of runs down the columns, packed into printable characters.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::video::limits::{MAX_PIXELS, MAX_SIDE};

/// A mask in COCO's compressed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rle {
    /// Height and width.
    pub size: [usize; 2],
    /// The runs, the first of zeros, packed.
    pub counts: String,
}

/// Reason that a compressed mask cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RleError {
    /// A character that the packing does not use, or an end in the middle of a number.
    #[error("a mask's runs break off or hold a strange character at {place}")]
    Broken {
        /// The character's place.
        place: usize,
    },
    /// A mask of no pixels, or of more than any camera's frame has.
    #[error("a mask of {height}×{width} pixels")]
    Size {
        /// Pixels.
        height: usize,
        /// Pixels.
        width: usize,
    },
    /// Runs that do not fill the mask exactly.
    #[error("a mask's runs cover {found} pixels of {expected}")]
    Length {
        /// Pixels that the runs cover.
        found: u64,
        /// Pixels of the mask.
        expected: u64,
    },
}

/// Bits of a number in one character.
const BITS: u32 = 5;
/// Set where more characters of the number follow.
const MORE: i64 = 1 << BITS;
/// The sign of a number's last character.
const SIGN: i64 = 1 << (BITS - 1);
/// The character of zero.
const ZERO: u8 = b'0';

impl Rle {
    /// A mask in compressed form.
    ///
    /// # Shape
    /// - `mask`: `[height, width]`
    #[expect(
        clippy::needless_pass_by_value,
        reason = "views are handed over, as everywhere"
    )]
    pub fn encode(mask: ArrayView2<bool>) -> Self {
        let (height, width) = mask.dim();
        let mut runs: Vec<i64> = Vec::new();
        let (mut value, mut length) = (false, 0);
        for pixel in mask.reversed_axes() {
            if *pixel != value {
                runs.push(length);
                (value, length) = (*pixel, 0);
            }
            length += 1;
        }
        runs.push(length);
        Self {
            size: [height, width],
            counts: pack(&runs),
        }
    }

    /// The mask, `[height, width]`.
    ///
    /// # Errors
    /// When the runs are damaged or do not fill the mask.
    pub fn decode(&self) -> Result<Array2<bool>, RleError> {
        fill(self.size, &unpack(&self.counts)?)
    }
}

/// The mask of runs down the columns, the first of zeros, `[height, width]`: COCO's form without compression.
///
/// # Errors
/// When the runs do not fill the mask, or it has no size.
pub fn fill([height, width]: [usize; 2], runs: &[u64]) -> Result<Array2<bool>, RleError> {
    let sides = [height, width];
    let fine = sides.iter().all(|side| (1..=MAX_SIDE).contains(side));
    if !fine || height * width > MAX_PIXELS {
        return Err(RleError::Size { height, width });
    }
    let expected = height as u64 * width as u64;
    let found = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(*run));
    if found != expected {
        return Err(RleError::Length { found, expected });
    }
    let mut columns = Array2::from_elem((width, height), false);
    let mut pixels = columns.iter_mut();
    for (place, run) in runs.iter().enumerate() {
        for pixel in pixels.by_ref().take(*run as usize) {
            *pixel = place % 2 == 1;
        }
    }
    Ok(columns.reversed_axes())
}

/// Runs as text: from the fourth on the difference to the run two before, in groups of five bits, lowest first.
fn pack(runs: &[i64]) -> String {
    let mut text = String::new();
    for (place, run) in runs.iter().enumerate() {
        let mut rest = if place > 2 {
            run - runs[place - 2]
        } else {
            *run
        };
        loop {
            let group = rest & (MORE - 1);
            rest >>= BITS;
            let more = if group & SIGN == 0 {
                rest != 0
            } else {
                rest != -1
            };
            let group = if more { group | MORE } else { group };
            text.push(char::from(ZERO + group as u8));
            if !more {
                break;
            }
        }
    }
    text
}

fn unpack(text: &str) -> Result<Vec<u64>, RleError> {
    let mut runs: Vec<i64> = Vec::new();
    let (mut number, mut shift) = (0_i64, 0);
    for (place, character) in text.bytes().enumerate() {
        let broken = RleError::Broken { place };
        let group = i64::from(character.checked_sub(ZERO).ok_or(broken)?);
        // Seven groups hold every run of a mask that fits in memory.
        if group >= 2 * MORE || shift > 6 * BITS {
            return Err(broken);
        }
        number |= (group & (MORE - 1)) << shift;
        shift += BITS;
        if group & MORE != 0 {
            continue;
        }
        if group & SIGN != 0 {
            number |= -1 << shift;
        }
        let base = if runs.len() > 2 {
            runs[runs.len() - 2]
        } else {
            0
        };
        let run = base + number;
        if run < 0 {
            return Err(broken);
        }
        runs.push(run);
        (number, shift) = (0, 0);
    }
    if shift != 0 {
        return Err(RleError::Broken { place: text.len() });
    }
    Ok(runs.into_iter().map(|run| run as u64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn runs_go_down_the_columns_and_begin_with_zeros() {
        let mask = arr2(&[[false, true, true], [false, true, false]]);
        // Runs 2, 3, 1: each fits one character.
        let rle = Rle::encode(mask.view());
        assert_eq!((rle.size, rle.counts.as_str()), ([2, 3], "231"));
        assert_eq!(rle.decode().unwrap(), mask);
    }

    #[test]
    fn long_and_falling_runs_are_packed_as_coco_does() {
        // 100 = 00011 00100: lowest five bits with the mark of more, then the rest. The fourth run, 3, is written as
        // 3 − 5 = −2.
        assert_eq!(pack(&[100, 5, 7, 3]), "T357N");
        assert_eq!(unpack("T357N").unwrap(), [100, 5, 7, 3]);
    }

    #[test]
    fn masks_are_packed_as_pycocotools_packs_them() {
        // Counts that pycocotools 2.0.11 gave for the same masks.
        let disc = |(y, x): (usize, usize)| y.abs_diff(15).pow(2) + x.abs_diff(20).pow(2) < 81;
        let cases = [
            (
                Array2::from_shape_fn((32, 48), disc),
                "[<9f02N2N2N2O0000000000000001N2N2N2Nfb0",
            ),
            (
                Array2::from_shape_fn((9, 7), |(y, x)| (x * 5 + y * 3) % 4 == 0),
                "013000N02020N020N0N02000N02020N0O",
            ),
            (Array2::from_elem((4, 4), true), "0`0"),
            (Array2::from_elem((4, 4), false), "`0"),
        ];
        for (mask, counts) in cases {
            let rle = Rle::encode(mask.view());
            assert_eq!(rle.counts, counts);
            assert_eq!(rle.decode().unwrap(), mask);
        }
    }

    #[test]
    fn every_mask_comes_back() {
        for seed in 0_usize..40 {
            let (height, width) = (1 + seed % 7 * 9, 1 + seed % 5 * 13);
            let pixel =
                |(y, x): (usize, usize)| (y * (seed + 3) + x * x * 7) % (seed + 2) < seed % 4;
            let mask = Array2::from_shape_fn((height, width), pixel);
            assert_eq!(
                Rle::encode(mask.view()).decode().unwrap(),
                mask,
                "seed {seed}"
            );
        }
        let full = Array2::from_elem((320, 480), true);
        assert_eq!(Rle::encode(full.view()).decode().unwrap(), full);
    }

    #[test]
    fn damaged_runs_are_refused() {
        let refused = |size, counts: &str| {
            Rle {
                size,
                counts: counts.to_owned(),
            }
            .decode()
            .unwrap_err()
        };
        assert_eq!(
            refused([2, 3], "23"),
            RleError::Length {
                found: 5,
                expected: 6
            }
        );
        for size in [[0, 0], [1 << 33, 1 << 31], [65_536, 65_536]] {
            let [height, width] = size;
            assert_eq!(refused(size, "0"), RleError::Size { height, width });
        }
        assert_eq!(refused([2, 3], "2 1"), RleError::Broken { place: 1 });
        assert_eq!(refused([2, 3], "2T"), RleError::Broken { place: 2 });
        assert_eq!(refused([2, 3], "N"), RleError::Broken { place: 0 });
    }
}
