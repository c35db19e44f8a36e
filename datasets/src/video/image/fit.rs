//! Resizing of frames to another shape: crop, pad or stretch.
//!
//! The geometry serves FFmpeg's scaler and the plain one below, which frame folders and masks use.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};

use crate::window::Fit;

/// A part of a frame, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Rect {
    /// A centred part of a frame.
    fn centred(size: [usize; 2], [height, width]: [usize; 2]) -> Self {
        Self {
            top: (size[0] - height) / 2,
            left: (size[1] - width) / 2,
            height,
            width,
        }
    }
}

/// Rectangles of source and target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Part of the source that is shown.
    pub source: Rect,
    /// Part of the target that it fills; the rest of the target is black.
    pub target: Rect,
}

/// The placement of a source of `[height, width]` in a target of `[height, width]`.
///
/// `pixel_aspect` is the width of a source pixel over its height: 1 but for anamorphic video.
///
/// # Panics
/// When a side is zero.
pub fn place(source: [usize; 2], pixel_aspect: f64, target: [usize; 2], fit: Fit) -> Placement {
    assert!(
        source.iter().chain(&target).all(|side| *side > 0),
        "empty frame: {source:?} into {target:?}"
    );
    let [height, width] = source.map(|side| side as f64);
    let wanted = target[1] as f64 / target[0] as f64;
    let shape = width * pixel_aspect / height;
    let (mut seen, mut landed) = (source, target);
    match fit {
        Fit::Stretch => {}
        Fit::Crop if shape > wanted => seen[1] = rounded(height * wanted / pixel_aspect, source[1]),
        Fit::Crop => seen[0] = rounded(width * pixel_aspect / wanted, source[0]),
        Fit::Pad if shape > wanted => landed[0] = rounded(target[1] as f64 / shape, target[0]),
        Fit::Pad => landed[1] = rounded(target[0] as f64 * shape, target[1]),
    }
    Placement {
        source: Rect::centred(source, seen),
        target: Rect::centred(target, landed),
    }
}

/// A length in whole pixels, at least one and at most `limit`.
fn rounded(length: f64, limit: usize) -> usize {
    (length.round() as usize).clamp(1, limit)
}

/// A frame made to fit, without FFmpeg: area average where it shrinks, linear where it grows.
///
/// # Shape
/// - `frame`: `[height, width, channels]`, any number of channels
///
/// # Panics
/// When a side is zero.
pub fn resize(frame: ArrayView3<u8>, size: [usize; 2], fit: Fit) -> Array3<u8> {
    let (height, width, channels) = frame.dim();
    if [height, width] == size {
        return frame.to_owned();
    }
    let Placement { source, target } = place([height, width], 1.0, size, fit);
    let seen = frame.slice(s![
        source.top..source.top + source.height,
        source.left..source.left + source.width,
        ..
    ]);

    let mut wide = Array3::<f32>::zeros((source.height, target.width, channels));
    for (column, taps) in taps(source.width, target.width).iter().enumerate() {
        for (from, weight) in taps {
            let mut sum = wide.slice_mut(s![.., column, ..]);
            sum.zip_mut_with(&seen.slice(s![.., *from, ..]), |sum, pixel| {
                *sum += weight * f32::from(*pixel);
            });
        }
    }
    let mut small = Array3::<f32>::zeros((target.height, target.width, channels));
    for (row, taps) in taps(source.height, target.height).iter().enumerate() {
        for (from, weight) in taps {
            let mut sum = small.slice_mut(s![row, .., ..]);
            sum.zip_mut_with(&wide.slice(s![*from, .., ..]), |sum, pixel| {
                *sum += weight * pixel;
            });
        }
    }
    let mut out = Array3::zeros((size[0], size[1], channels));
    out.slice_mut(s![
        target.top..target.top + target.height,
        target.left..target.left + target.width,
        ..
    ])
    .assign(&small.mapv(|value| value.round().clamp(0.0, 255.0) as u8));
    out
}

/// Object ids made to fit as [`resize`] makes the frame fit: the id at each pixel's centre, 0 outside.
///
/// # Panics
/// When a side is zero.
pub fn resize_ids(ids: ArrayView2<u8>, size: [usize; 2], fit: Fit) -> Array2<u8> {
    let (height, width) = ids.dim();
    let Placement { source, target } = place([height, width], 1.0, size, fit);
    let centre = |at: usize, from: usize, to: usize| ((2 * at + 1) * from / (2 * to)).min(from - 1);
    let mut out = Array2::zeros(size);
    for row in 0..target.height {
        let from_row = source.top + centre(row, source.height, target.height);
        for column in 0..target.width {
            let from_column = source.left + centre(column, source.width, target.width);
            out[[target.top + row, target.left + column]] = ids[[from_row, from_column]];
        }
    }
    out
}

/// For each of `to` pixels, the source pixels that make it and their weights, which sum to 1.
fn taps(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f64 / to as f64;
    let area = |at: usize| {
        let (start, end) = (at as f64 * step, (at + 1) as f64 * step);
        let last = (end.ceil() as usize).min(from);
        let share = |pixel: usize| (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)) / step;
        (start as usize..last)
            .map(|pixel| (pixel, share(pixel) as f32))
            .collect()
    };
    let linear = |at: usize| {
        let centre = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, from as f64 - 1.0);
        let (first, share) = (centre as usize, centre.fract() as f32);
        vec![(first, 1.0 - share), ((first + 1).min(from - 1), share)]
    };
    (0..to)
        .map(|at| if step > 1.0 { area(at) } else { linear(at) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_is_the_largest_centred_part_of_the_right_shape() {
        let placement = place([272, 640], 1.0, [64, 64], Fit::Crop);
        assert_eq!(
            placement.source,
            Rect {
                top: 0,
                left: 184,
                height: 272,
                width: 272
            }
        );
        assert_eq!(
            placement.target,
            Rect {
                top: 0,
                left: 0,
                height: 64,
                width: 64
            }
        );
        assert_eq!(
            place([30, 10], 1.0, [8, 8], Fit::Crop).source,
            Rect {
                top: 10,
                left: 0,
                height: 10,
                width: 10
            }
        );
    }

    #[test]
    fn a_padded_frame_keeps_its_shape_between_bars() {
        let placement = place([272, 640], 1.0, [64, 64], Fit::Pad);
        assert_eq!(
            placement.source,
            Rect {
                top: 0,
                left: 0,
                height: 272,
                width: 640
            }
        );
        assert_eq!(
            placement.target,
            Rect {
                top: 18,
                left: 0,
                height: 27,
                width: 64
            }
        );
    }

    #[test]
    fn wide_pixels_count_as_wide() {
        // 16:15 pixels make 720×576 a 4:3 picture: the 3:4 centre is a square of the display.
        let placement = place([576, 720], 16.0 / 15.0, [64, 64], Fit::Crop);
        assert_eq!(
            (placement.source.height, placement.source.width),
            (576, 540)
        );
    }

    #[test]
    fn shrinking_keeps_the_mean_and_growing_keeps_the_range() {
        let frame = Array3::from_shape_fn((9, 6, 3), |(y, x, c)| (y * 20 + x * 5 + c) as u8);
        let small = resize(frame.view(), [3, 2], Fit::Stretch);
        let mean = |a: &Array3<u8>| a.iter().map(|v| f64::from(*v)).sum::<f64>() / a.len() as f64;
        assert!((mean(&frame) - mean(&small)).abs() < 0.5);
        assert_eq!(small[[0, 0, 0]], 25);
        let large = resize(frame.view(), [90, 60], Fit::Stretch);
        assert_eq!(
            (large[[0, 0, 0]], large[[89, 59, 2]]),
            (frame[[0, 0, 0]], frame[[8, 5, 2]])
        );
    }

    #[test]
    fn ids_are_never_mixed() {
        let ids = Array2::from_shape_fn((8, 8), |(y, _)| if y < 4 { 3 } else { 7 });
        let small = resize_ids(ids.view(), [2, 4], Fit::Pad);
        assert_eq!(small, ndarray::arr2(&[[0, 3, 3, 0], [0, 7, 7, 0]]));
    }
}
