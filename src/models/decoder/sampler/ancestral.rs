//! Ancestral sampling: every step adds new noise (Ho et al. 2020, Alg. 2).
//! Reference: SlotDiffusion `video_based/models/ddpm/ddpm.py`.

use burn::tensor::Tensor;

use super::denoiser::Denoiser;
use crate::models::decoder::diffusion::NoiseLevel;

/// An image by steps that each add new noise (Ho et al. 2020, Alg. 2).
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`; `noise()` gives maps that broadcast to it
/// - `times`: what to visit, the noisiest first
pub fn sample(
    denoiser: &Denoiser,
    start: Tensor<4>,
    times: &[usize],
    mut noise: impl FnMut() -> Tensor<4>,
) -> Tensor<4> {
    let mut x = start;
    for (index, time) in times.iter().enumerate() {
        let before = times.get(index + 1).copied();
        x = step(denoiser, x, *time, before, &mut noise);
    }
    x
}

/// One step from `time` to `before`; the last step ends at the image and draws no noise.
pub fn step(
    denoiser: &Denoiser,
    x: Tensor<4>,
    time: usize,
    before: Option<usize>,
    noise: impl FnOnce() -> Tensor<4>,
) -> Tensor<4> {
    let image = NoiseLevel {
        signal: 1.0,
        noise: 0.0,
    };
    let level = |time: usize| denoiser.schedule.level(time);
    let (from, to) = (level(time), before.map_or(image, level));
    let prediction = denoiser.predict(x.clone(), time as f64, from);
    // Mean and variance of the step before, given this step and the image (eq. 6 and 7), at variances that are preserved.
    let (now, then) = (from.alpha_cumprod(), to.alpha_cumprod());
    let x = x / from.scale();
    let step = now / then;
    let to_image = then.sqrt() * (1.0 - step) / (1.0 - now);
    let to_x = step.sqrt() * (1.0 - then) / (1.0 - now);
    let mean = prediction.image * to_image + x * to_x;
    if before.is_none() {
        return mean;
    }
    let variance = (1.0 - step) * (1.0 - then) / (1.0 - now);
    (mean + noise() * variance.sqrt()) * to.scale()
}
