//! How much the pixels of frames count: more, the farther they are from the empty scene.

use ndarray::{Array3, Array5, ArrayView4, Axis};

/// Weight of each pixel: one, and more the farther it is from the empty scene.
///
/// # Shape
/// - `frames`: `[batch, height, width, rgb]`
/// - `background`: `[height, width, rgb]`
/// - result: `[batch, height, width]`, of mean one in every frame
pub fn foreground_weights(
    frames: ArrayView4<'_, u8>,
    background: &Array3<u8>,
    strength: f32,
) -> Array3<f32> {
    let (batch, height, width, rgb) = frames.dim();
    let mut weights = Array3::from_shape_fn((batch, height, width), |(b, y, x)| {
        let apart = |c| f32::from(frames[[b, y, x, c]].abs_diff(background[[y, x, c]]));
        let most = (0..rgb).map(apart).fold(0.0, f32::max);
        1.0 + strength * ((most - 12.0) / 36.0).clamp(0.0, 1.0)
    });
    for mut frame in weights.outer_iter_mut() {
        let mean = frame.sum() / frame.len().max(1) as f32;
        frame.mapv_inplace(|weight| weight / mean);
    }
    weights
}

/// Weights of the pixels of windows, each against its own empty scene, `[batch · time, height, width]`.
///
/// # Shape
/// - `frames`: `[batch, time, height, width, rgb]`
/// - `scenes`: `[height, width, rgb]`, one a window
pub fn window_weights(frames: &Array5<u8>, scenes: &[Array3<u8>], strength: f32) -> Array3<f32> {
    let (batch, time, height, width, _) = frames.dim();
    let mut weights = Array3::zeros((batch * time, height, width));
    let parts = weights.axis_chunks_iter_mut(Axis(0), time.max(1));
    for ((mut to, window), scene) in parts.zip(frames.outer_iter()).zip(scenes) {
        to.assign(&foreground_weights(window, scene, strength));
    }
    weights
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn a_pixel_far_from_the_background_counts_more_and_the_mean_is_one() {
        let background = Array3::from_elem((2, 4, 3), 100);
        let mut frames = Array4::from_elem((3, 2, 4, 3), 100);
        frames[[0, 0, 0, 1]] = 255;
        let weights = foreground_weights(frames.view(), &background, 9.0);
        assert!(weights[[0, 0, 0]] > 4.0 * weights[[0, 1, 0]]);
        for frame in weights.outer_iter() {
            assert!((frame.mean().unwrap() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn every_window_is_compared_with_its_own_scene() {
        let frames = Array5::from_shape_fn((2, 1, 2, 2, 3), |(window, ..)| 50 * window as u8);
        let scene = |value| Array3::from_elem((2, 2, 3), value);
        let own = window_weights(&frames, &[scene(0), scene(50)], 9.0);
        assert!(own.iter().all(|weight| (weight - 1.0).abs() < 1e-6));
    }
}
