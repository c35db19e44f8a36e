//! The resize kernels that evaluation networks were fed with; each gives other pixels, hence another score.
//!
//! All are separable. An output pixel is a weighted mean of a few input pixels along one axis (`Taps`); with
//! `s = input / output`, output `i` looks at `(i + ½)s − ½`, but for the legacy grid, which looks at `i·s`.
//!
//! Sources: PyTorch `interpolate` (`align_corners=False`, with and without `antialias`), TensorFlow 1
//! `resize_bilinear`, Pillow `Image.resize` in mode F.

use ndarray::{Array2, Array4, ArrayView2, ArrayView4, Axis, s};
use rayon::prelude::*;

use crate::error::EvalError;
use crate::metric::profiles_macro::profiles;

profiles! {
    /// A way to change the size of a picture.
    pub enum Kernel as "resize kernel" {
        /// Bilinear on pixel centres, no antialias (torch; torchvision before 0.17 on tensors).
        HalfPixel = "bilinear-half-pixel",
        /// Bilinear on pixel corners, no antialias (TensorFlow 1).
        Tf1Legacy = "bilinear-tf1-legacy",
        /// Bilinear whose triangle widens when shrinking (torch `antialias=True`, Pillow).
        Antialias = "bilinear-antialias",
        /// Bicubic with a = −½ that widens when shrinking (Pillow).
        PilBicubic = "bicubic-pil",
    }
}

/// Where one output pixel looks along one axis.
struct Taps {
    /// First input pixel.
    start: usize,
    /// Weights from there on; they sum to 1.
    weights: Vec<f64>,
}

/// The frames at another size.
///
/// # Shape
/// `[time, height, width, rgb]` → `[time, size.0, size.1, rgb]`; any range of values.
///
/// # Errors
/// An empty input or output.
pub fn resize(
    kernel: Kernel,
    frames: ArrayView4<f32>,
    size: (usize, usize),
) -> Result<Array4<f32>, EvalError> {
    let (time, height, width, rgb) = frames.dim();
    if frames.is_empty() || size.0 == 0 || size.1 == 0 {
        return Err(EvalError::Empty { what: "pixels" });
    }
    let (rows, columns) = (taps(kernel, height, size.0), taps(kernel, width, size.1));
    let mut out = Array4::zeros((time, size.0, size.1, rgb));
    let planes = out
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(frames.axis_iter(Axis(0)).into_par_iter());
    planes.for_each(|(mut out, frame)| {
        for channel in 0..rgb {
            let plane = resize_plane(frame.slice(s![.., .., channel]), &rows, &columns);
            out.slice_mut(s![.., .., channel]).assign(&plane);
        }
    });
    Ok(out)
}

/// One channel at another size: along the width first, then along the height, as Pillow does.
fn resize_plane(plane: ArrayView2<f32>, rows: &[Taps], columns: &[Taps]) -> Array2<f32> {
    let wide = Array2::from_shape_fn((plane.nrows(), columns.len()), |(y, x)| {
        weigh(&columns[x], |column| f64::from(plane[[y, column]]))
    });
    Array2::from_shape_fn((rows.len(), columns.len()), |(y, x)| {
        weigh(&rows[y], |row| wide[[row, x]]) as f32
    })
}

fn weigh(taps: &Taps, pixel: impl Fn(usize) -> f64) -> f64 {
    taps.weights
        .iter()
        .enumerate()
        .map(|(k, weight)| weight * pixel(taps.start + k))
        .sum()
}

/// Taps of every output pixel along one axis.
fn taps(kernel: Kernel, input: usize, output: usize) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let at = |i: usize| match kernel {
        Kernel::HalfPixel => between(((i as f64 + 0.5) * scale - 0.5).max(0.0), input),
        Kernel::Tf1Legacy => between(i as f64 * scale, input),
        Kernel::Antialias => around(
            (i as f64 + 0.5) * scale,
            scale.max(1.0),
            1.0,
            input,
            triangle,
        ),
        Kernel::PilBicubic => around((i as f64 + 0.5) * scale, scale.max(1.0), 2.0, input, cubic),
    };
    (0..output).map(at).collect()
}

/// The two pixels on either side of `position`, the last one repeated beyond the edge.
fn between(position: f64, input: usize) -> Taps {
    let start = (position.floor() as usize).min(input - 1);
    if start + 1 == input {
        return Taps {
            start,
            weights: vec![1.0],
        };
    }
    let right = position - start as f64;
    Taps {
        start,
        weights: vec![1.0 - right, right],
    }
}

/// All pixels within `support` filter widths of `centre`, weighted by `filter` and normalised over what exists.
fn around(centre: f64, stretch: f64, support: f64, input: usize, filter: fn(f64) -> f64) -> Taps {
    let reach = support * stretch;
    let start = (centre - reach + 0.5).max(0.0) as usize;
    let end = ((centre + reach + 0.5) as usize).min(input);
    let weights: Vec<f64> = (start..end)
        .map(|k| filter((k as f64 - centre + 0.5) / stretch))
        .collect();
    let sum: f64 = weights.iter().sum();
    Taps {
        start,
        weights: weights.into_iter().map(|weight| weight / sum).collect(),
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic with a = −½.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_under_every_kernel() {
        let flat = Array4::from_elem((1, 5, 9, 3), 0.25_f32);
        for &kernel in Kernel::ALL {
            for size in [(1, 1), (3, 20), (11, 4)] {
                let out = resize(kernel, flat.view(), size).unwrap();
                assert!(
                    out.iter().all(|pixel| (pixel - 0.25).abs() < 1e-6),
                    "{kernel} to {size:?}"
                );
            }
        }
    }

    #[test]
    fn the_same_size_gives_the_same_picture() {
        let frames = Array4::from_shape_fn((2, 4, 5, 3), |(t, y, x, c)| {
            (t * 60 + y * 15 + x * 3 + c) as f32
        });
        for &kernel in Kernel::ALL {
            assert_eq!(
                resize(kernel, frames.view(), (4, 5)).unwrap(),
                frames,
                "{kernel}"
            );
        }
    }

    #[test]
    fn no_pixels_are_refused() {
        assert!(
            resize(
                Kernel::HalfPixel,
                Array4::zeros((1, 2, 2, 3)).view(),
                (0, 4)
            )
            .is_err()
        );
    }
}
