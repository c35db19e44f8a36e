//! Attention → masks: which slot a pixel belongs to, and how that is shown.

use burn::tensor::Tensor;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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

/// The colour of every slot number: the palette again and again.
pub fn colours() -> Vec<[u8; 3]> {
    PALETTE.iter().copied().cycle().take(256).collect()
}

/// How attention is brought to the size of masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Bilinear, half-pixel centres, no antialiasing.
    ///
    /// Source: SlotDiffusion `sa_diffusion.py`.
    #[default]
    Bilinear,
    /// Each pixel takes the attention of the nearest place.
    Nearest,
}

impl Interpolation {
    /// Its name, as plans spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Nearest => "nearest",
        }
    }

    /// For every output place: the two input places that it lies between, and the share of the second.
    fn taps(self, input: usize, output: usize) -> Vec<(usize, usize, f32)> {
        match self {
            Self::Bilinear => taps(input, output),
            Self::Nearest => (0..output)
                .map(|place| place * input / output)
                .map(|place| (place, place, 0.0))
                .collect(),
        }
    }
}

/// The slot with most attention at every pixel, attention enlarged bilinearly to the frame's size first.
///
/// # Shape
/// - `attention`: `[batch, time, slots, height', width']`
/// - result: `[batch, time, height, width]`
pub fn masks_from_attention(attention: Tensor<5>, size: [usize; 2]) -> Array4<u8> {
    let shape = attention.dims();
    masks_of(&floats(attention), shape, size, Interpolation::Bilinear)
}

/// The slot with most attention at every pixel of frames of `size`.
///
/// # Shape
/// - `attention`: `[time, slots, height', width']`
/// - result: `[time, height, width]`
pub fn masks_at_size(
    attention: &Array4<f32>,
    size: [usize; 2],
    interpolation: Interpolation,
) -> Array3<u8> {
    let (time, slots, rows, columns) = attention.dim();
    let values: Vec<f32> = attention.iter().copied().collect();
    let shape = [1, time, slots, rows, columns];
    masks_of(&values, shape, size, interpolation).index_axis_move(Axis(0), 0)
}

fn masks_of(
    values: &[f32],
    [batch, time, slots, rows, columns]: [usize; 5],
    [height, width]: [usize; 2],
    interpolation: Interpolation,
) -> Array4<u8> {
    let (down, across) = (
        interpolation.taps(rows, height),
        interpolation.taps(columns, width),
    );
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

/// Frames with their masks laid over them: each slot's colour over its pixels, its border in full colour. `background`, mostly
/// the slot that owns [most](most_frequent) pixels of the clip, leaves its own as they are.
///
/// # Shape
/// - `frames`: `[time, height, width, rgb]`
/// - `masks`: `[time, height, width]`
pub fn overlaid(
    frames: ArrayView4<'_, u8>,
    masks: ArrayView3<'_, u8>,
    background: u8,
) -> Array4<u8> {
    const SHARE: f32 = 0.45;
    let (time, height, width, rgb) = frames.dim();
    Array4::from_shape_fn((time, height, width, rgb), |(t, y, x, c)| {
        let slot = masks[[t, y, x]];
        if slot == background {
            return frames[[t, y, x, c]];
        }
        let colour = PALETTE[usize::from(slot) % PALETTE.len()][c];
        let differs = |y: usize, x: usize| masks[[t, y, x]] != slot;
        let beside = (y > 0 && differs(y - 1, x)) || (x > 0 && differs(y, x - 1));
        let border =
            beside || (y + 1 < height && differs(y + 1, x)) || (x + 1 < width && differs(y, x + 1));
        if border {
            return colour;
        }
        let mixed = f32::from(frames[[t, y, x, c]]) * (1.0 - SHARE) + f32::from(colour) * SHARE;
        mixed.round() as u8
    })
}

/// The label of most pixels, the lowest of several.
pub fn most_frequent(masks: ArrayView3<'_, u8>) -> u8 {
    let mut pixels = [0_usize; 256];
    masks
        .iter()
        .for_each(|&slot| pixels[usize::from(slot)] += 1);
    let most = pixels.iter().copied().max().unwrap_or(0);
    pixels.iter().position(|&count| count == most).unwrap_or(0) as u8
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

/// Masks made larger by repeating pixels.
///
/// # Shape
/// `[time, height', width']` → `[time, height, width]`
pub fn enlarged_masks(masks: ArrayView3<'_, u8>, [height, width]: [usize; 2]) -> Array3<u8> {
    let (time, rows, columns) = masks.dim();
    Array3::from_shape_fn((time, height, width), |(t, y, x)| {
        masks[[t, y * rows / height, x * columns / width]]
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

/// Share of the pixels that each of `slots` slots owns, over all frames, 0..1.
pub fn shares(masks: ArrayView3<'_, u8>, slots: usize) -> Vec<f64> {
    let mut counts = [0_usize; 256];
    masks
        .iter()
        .for_each(|&slot| counts[usize::from(slot)] += 1);
    let all = masks.len().max(1) as f64;
    counts[..slots.min(256)]
        .iter()
        .map(|&count| count as f64 / all)
        .collect()
}

/// How much two slots overlap, each in masks of its own: the greatest intersection over union of a frame, 0..1.
///
/// # Shape
/// masks: `[time, height, width]`, equal
///
/// # Panics
/// When the masks have different sizes.
pub fn overlap(slots: [(ArrayView3<'_, u8>, u8); 2]) -> f64 {
    let [(one, slot), (other, second)] = slots;
    assert_eq!(one.dim(), other.dim(), "masks must cover the same pixels");
    let of_frame = |(one, other): (ndarray::ArrayView2<'_, u8>, ndarray::ArrayView2<'_, u8>)| {
        let (mut both, mut either) = (0_usize, 0_usize);
        for (one, other) in one.iter().zip(other) {
            let owns = (*one == slot, *other == second);
            both += usize::from(owns.0 && owns.1);
            either += usize::from(owns.0 || owns.1);
        }
        both as f64 / either.max(1) as f64
    };
    let frames = one.outer_iter().zip(other.outer_iter());
    frames.map(of_frame).fold(0.0, f64::max)
}

/// A picture with a line in `colour` along the edge of what `slot` owns, inside of it.
///
/// # Shape
/// - `picture`: `[height, width, rgb]`
/// - `mask`: `[height, width]`
///
/// # Panics
/// When the mask has another size than the picture.
pub fn outlined(
    mut picture: ndarray::ArrayViewMut3<'_, u8>,
    mask: ndarray::ArrayView2<'_, u8>,
    slot: u8,
    colour: [u8; 3],
) {
    let (height, width) = mask.dim();
    assert_eq!(
        picture.dim(),
        (height, width, 3),
        "a mask must cover its picture"
    );
    let owns = |y: usize, x: usize| mask.get([y, x]) == Some(&slot);
    for ((y, x), _) in mask.indexed_iter().filter(|(_, of)| **of == slot) {
        let inside = owns(y.wrapping_sub(1), x)
            && owns(y + 1, x)
            && owns(y, x.wrapping_sub(1))
            && owns(y, x + 1);
        if !inside {
            for (channel, value) in colour.into_iter().enumerate() {
                picture[[y, x, channel]] = value;
            }
        }
    }
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
    fn shares_and_overlaps_are_counted_in_pixels() {
        let one = Array3::from_shape_vec((2, 1, 4), vec![0, 1, 1, 0, 0, 0, 1, 1]).unwrap();
        let other = Array3::from_shape_vec((2, 1, 4), vec![2, 2, 0, 0, 0, 0, 2, 2]).unwrap();
        assert_eq!(shares(one.view(), 3), [0.5, 0.5, 0.0]);
        // 1 of 3 pixels in the first frame, 2 of 2 in the second.
        assert_eq!(overlap([(one.view(), 1), (other.view(), 2)]), 1.0);
        let first = [&one, &other].map(|masks| masks.slice(ndarray::s![..1, .., ..]));
        assert_eq!(overlap([(first[0], 1), (first[1], 2)]), 1.0 / 3.0);
        assert_eq!(overlap([(one.view(), 7), (other.view(), 7)]), 0.0);
    }

    #[test]
    fn an_outline_lies_inside_of_what_the_slot_owns() {
        let mask = ndarray::Array2::from_shape_fn((5, 5), |(y, x)| {
            u8::from((1..4).contains(&y) && (1..4).contains(&x))
        });
        let mut picture = Array3::zeros((5, 5, 3));
        outlined(picture.view_mut(), mask.view(), 1, [9, 8, 7]);
        let painted = |y: usize, x: usize| picture[[y, x, 0]] == 9;
        let count = (0..25)
            .filter(|place| painted(place / 5, place % 5))
            .count();
        assert!(count == 8 && !painted(2, 2) && !painted(0, 0));
    }

    #[test]
    fn masks_come_at_any_size_by_either_interpolation() {
        let attention = Array4::from_shape_vec((1, 2, 1, 2), vec![0.9, 0.2, 0.1, 0.8]).unwrap();
        let at = |interpolation| masks_at_size(&attention, [1, 8], interpolation);
        let row = |masks: Array3<u8>| masks.iter().copied().collect::<Vec<u8>>();
        assert_eq!(row(at(Interpolation::Nearest)), [0, 0, 0, 0, 1, 1, 1, 1]);
        // 0.9 → 0.2 against 0.1 → 0.8: the lines cross behind the middle.
        assert_eq!(row(at(Interpolation::Bilinear)), [0, 0, 0, 0, 1, 1, 1, 1]);
        let leaning = Array4::from_shape_vec((1, 2, 1, 2), vec![0.9, 0.4, 0.1, 0.6]).unwrap();
        let bilinear = masks_at_size(&leaning, [1, 8], Interpolation::Bilinear);
        assert_eq!(row(bilinear), [0, 0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn an_overlay_colours_objects_and_leaves_the_background_alone() {
        let mut masks = Array3::zeros((1, 6, 6));
        masks.slice_mut(ndarray::s![0, 1..5, 1..5]).fill(2);
        masks[[0, 0, 0]] = 1;
        let frames = Array4::from_elem((1, 6, 6, 3), 100);
        let shown = overlaid(frames.view(), masks.view(), 0);
        let pixel = |y: usize, x: usize| [0, 1, 2].map(|c| shown[[0, y, x, c]]);
        assert_eq!(pixel(5, 5), [100; 3]);
        assert_eq!(
            (pixel(1, 1), pixel(4, 3)),
            (PALETTE[2], PALETTE[2]),
            "a border"
        );
        assert_eq!(pixel(0, 0), PALETTE[1]);
        assert_eq!(
            pixel(2, 2),
            [94, 136, 160],
            "inside: 0.55 of the frame, 0.45 of the colour"
        );
    }

    #[test]
    fn enlarging_uses_half_pixel_centres() {
        assert_eq!(
            taps(2, 4),
            [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.25)]
        );
    }
}
