//! Attention → masks: which slot a pixel belongs to, and how that is shown.

use burn::tensor::Tensor;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4};
use rayon::prelude::*;

use crate::tensor_conversion::floats;

/// One colour a slot: easy to tell apart, also for most colour-blind eyes (after Okabe & Ito).
pub const PALETTE: [[u8; 3]; 12] = [
    [60, 60, 66],
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
    [148, 103, 189],
    [140, 86, 75],
    [127, 200, 60],
    [200, 200, 210],
];

/// The slot with most attention at every pixel, attention enlarged bilinearly to the frame's size first.
///
/// # Shape
/// - `attention`: `[batch, time, slots, height', width']`
/// - result: `[batch, time, height, width]`
///
/// # Source
/// SlotDiffusion `sa_diffusion.py`: half-pixel centres, no antialiasing (`spec/models.md` 1.11).
pub fn masks_from_attention(attention: Tensor<5>, [height, width]: [usize; 2]) -> Array4<u8> {
    let [batch, time, slots, rows, columns] = attention.dims();
    let values = floats(attention);
    let (down, across) = (taps(rows, height), taps(columns, width));
    let mut masks = vec![0_u8; batch * time * height * width];
    let frames = values.par_chunks((slots * rows * columns).max(1));
    masks
        .par_chunks_mut((height * width).max(1))
        .zip(frames)
        .for_each(|(mask, frame)| {
            for (place, out) in mask.iter_mut().enumerate() {
                let ((y0, y1, wy), (x0, x1, wx)) = (down[place / width], across[place % width]);
                let mut best = (0_u8, f32::NEG_INFINITY);
                for slot in 0..slots {
                    let at = |y: usize, x: usize| frame[(slot * rows + y) * columns + x];
                    let top = at(y0, x0) * (1.0 - wx) + at(y0, x1) * wx;
                    let bottom = at(y1, x0) * (1.0 - wx) + at(y1, x1) * wx;
                    let value = top * (1.0 - wy) + bottom * wy;
                    if value > best.1 {
                        best = (slot as u8, value);
                    }
                }
                *out = best.0;
            }
        });
    Array4::from_shape_fn((batch, time, height, width), |(b, t, y, x)| {
        masks[((b * time + t) * height + y) * width + x]
    })
}

/// For every output place: the two input places that it lies between, and the share of the second.
fn taps(input: usize, output: usize) -> Vec<(usize, usize, f32)> {
    let scale = input as f32 / output as f32;
    let tap = |index: usize| {
        let place = ((index as f32 + 0.5) * scale - 0.5).max(0.0);
        let low = (place as usize).min(input - 1);
        (low, (low + 1).min(input - 1), place - low as f32)
    };
    (0..output).map(tap).collect()
}

/// Masks as coloured images.
///
/// # Shape
/// `[time, height, width]` → `[time, height, width, rgb]`
pub fn painted(masks: ArrayView3<'_, u8>) -> Array4<u8> {
    let (time, height, width) = masks.dim();
    Array4::from_shape_fn((time, height, width, 3), |(t, y, x, c)| {
        PALETTE[usize::from(masks[[t, y, x]]) % PALETTE.len()][c]
    })
}

/// Frames made larger by repeating pixels.
///
/// # Shape
/// `[time, height', width', rgb]` → `[time, height, width, rgb]`
pub fn enlarged(frames: ArrayView4<'_, u8>, [height, width]: [usize; 2]) -> Array4<u8> {
    let (time, rows, columns, rgb) = frames.dim();
    Array4::from_shape_fn((time, height, width, rgb), |(t, y, x, c)| {
        frames[[t, y * rows / height, x * columns / width, c]]
    })
}

/// Slots that own a pixel somewhere.
pub fn used(masks: &Array3<u8>) -> usize {
    let mut seen = [false; 256];
    masks
        .iter()
        .for_each(|&slot| seen[usize::from(slot)] = true);
    seen.iter().filter(|&&seen| seen).count()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn a_pixel_belongs_to_the_slot_with_most_attention() {
        let values = TensorData::new(vec![0.9_f32, 0.2, 0.1, 0.8], [1, 1, 2, 1, 2]);
        let masks = masks_from_attention(Tensor::from_data(values, &Device::flex()), [2, 4]);
        assert_eq!(
            masks.iter().copied().collect::<Vec<u8>>(),
            [0, 0, 1, 1, 0, 0, 1, 1]
        );
        assert_eq!(used(&masks.index_axis(ndarray::Axis(0), 0).to_owned()), 2);
    }

    #[test]
    fn enlarging_uses_half_pixel_centres() {
        assert_eq!(
            taps(2, 4),
            [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.25)]
        );
    }
}
