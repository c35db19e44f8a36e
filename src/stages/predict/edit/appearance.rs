//! What a slot looks like in a frame, and where it is: mean colour, size and middle of the pixels that it owns.

use ndarray::{Array2, Array3, Array4};
use serde::{Deserialize, Serialize};

/// A slot's pixels in a frame, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Appearance {
    /// Share of the frame's pixels, above 0 and at most 1.
    pub share: f64,
    /// Middle of the pixels, from the left and from the top, pixels.
    pub place: [f64; 2],
    /// Mean colour, 0..255 each.
    pub colour: [f64; 3],
}

/// Looks of the slots of a clip, `[time, slots]`; unset where a slot owns no pixel.
pub type Looks = Array2<Option<Appearance>>;

/// Looks of every slot in every frame, `[time, slots]`; unset where a slot owns no pixel.
///
/// # Shape
/// - `frames`: `[time, height, width, rgb]`
/// - `masks`: the slot of each pixel, `[time, height, width]`
///
/// # Panics
/// When the two have other sizes.
pub fn looks(frames: &Array4<u8>, masks: &Array3<u8>, slots: usize) -> Looks {
    let (time, height, width, _) = frames.dim();
    assert_eq!(masks.dim(), (time, height, width), "masks cover the frames");
    let mut sums = vec![[0.0_f64; 6]; time * slots];
    for ((t, y, x), slot) in masks.indexed_iter() {
        if usize::from(*slot) >= slots {
            continue;
        }
        let sum = &mut sums[t * slots + usize::from(*slot)];
        sum[0] += 1.0;
        sum[1] += x as f64;
        sum[2] += y as f64;
        for (part, sum) in sum[3..].iter_mut().enumerate() {
            *sum += f64::from(frames[[t, y, x, part]]);
        }
    }
    Looks::from_shape_fn((time, slots), |(t, slot)| {
        let [count, x, y, red, green, blue] = sums[t * slots + slot];
        (count > 0.0).then(|| Appearance {
            share: count / (height * width) as f64,
            place: [x / count, y / count],
            colour: [red / count, green / count, blue / count],
        })
    })
}
