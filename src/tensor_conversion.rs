//! Pixels in 0..255 ↔ tensors in −1..1. Metric networks scale their inputs further by themselves (`models/perceptual`).

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, ArrayView4, ArrayView5};
use rayon::prelude::*;

/// Frames as a normalised tensor.
///
/// # Shape
/// `[time, height, width, rgb]` in 0..255 → `[time, rgb, height, width]` in −1..1
pub fn frames_from_clip(frames: ArrayView4<'_, u8>, device: &Device) -> Tensor<4> {
    let (time, height, width, rgb) = frames.dim();
    let view = frames.permuted_axes([0, 3, 1, 2]);
    let values: Vec<f32> = view.iter().map(|&value| normalised(value)).collect();
    Tensor::from_data(TensorData::new(values, [time, rgb, height, width]), device)
}

/// A batch of clips as a normalised tensor.
///
/// # Shape
/// `[batch, time, height, width, rgb]` in 0..255 → `[batch, time, rgb, height, width]` in −1..1
pub fn batch_from_clips(clips: ArrayView5<'_, u8>, device: &Device) -> Tensor<5> {
    let (batch, time, height, width, rgb) = clips.dim();
    let view = clips.permuted_axes([0, 1, 4, 2, 3]);
    let values: Vec<f32> = view.iter().map(|&value| normalised(value)).collect();
    Tensor::from_data(
        TensorData::new(values, [batch, time, rgb, height, width]),
        device,
    )
}

/// A pixel value in −1..1.
pub fn normalised(value: u8) -> f32 {
    f32::from(value) / 127.5 - 1.0
}

/// Pixels of generated frames: clamped and rounded to the nearest of 256 values.
///
/// # Shape
/// `[time, rgb, height, width]` in −1..1 → `[time, height, width, rgb]` in 0..255
pub fn clip_from_frames(frames: Tensor<4>) -> Array4<u8> {
    let shape = frames.dims();
    pixels(shape, &floats(frames))
}

/// The same of what a decoder rendered for a user; `None` where a value is no number.
pub fn rendered_clip(frames: Tensor<4>) -> Option<Array4<u8>> {
    let shape = frames.dims();
    let values = floats(frames);
    let are_numbers = values.iter().all(|value| value.is_finite());
    are_numbers.then(|| pixels(shape, &values))
}

fn pixels([time, rgb, height, width]: [usize; 4], values: &[f32]) -> Array4<u8> {
    let plane = height * width;
    let mut pixels = Array4::zeros((time, height, width, rgb));
    if let Some(out) = pixels.as_slice_mut() {
        out.par_chunks_mut((plane * rgb).max(1))
            .zip(values.par_chunks((plane * rgb).max(1)))
            .for_each(|(out, frame)| {
                for (index, value) in out.iter_mut().enumerate() {
                    *value = quantised(frame[(index % rgb) * plane + index / rgb]);
                }
            });
    }
    pixels
}

/// The nearest of 256 values to one in −1..1.
pub fn quantised(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8
}

/// A tensor's values in row-major order, read back to the CPU.
///
/// # Panics
/// When the device is lost.
#[expect(
    clippy::expect_used,
    reason = "every tensor of the house converts to f32"
)]
pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .convert::<f32>()
        .try_into_vec::<f32>()
        .expect("a float tensor is f32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_survive_the_way_to_a_tensor_and_back() {
        let clip = Array4::from_shape_fn((2, 3, 5, 3), |(t, y, x, c)| {
            ((t * 97 + y * 41 + x * 13 + c * 7) % 256) as u8
        });
        let frames = frames_from_clip(clip.view(), &Device::flex());
        assert_eq!(frames.dims(), [2, 3, 3, 5]);
        assert_eq!(clip_from_frames(frames), clip);
    }

    #[test]
    fn values_outside_the_range_are_clamped() {
        assert_eq!(
            (quantised(-3.0), quantised(3.0), quantised(0.0)),
            (0, 255, 128)
        );
    }
}
