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
    let alphas_cumprod = &denoiser.schedule.alphas_cumprod;
    let (now, then) = (
        alphas_cumprod[time],
        before.map_or(1.0, |before| alphas_cumprod[before]),
    );
    let prediction = denoiser.predict(x.clone(), time as f64, NoiseLevel::from_alpha_cumprod(now));
    // Mean and variance of the step before, given this step and the image (eq. 6 and 7).
    let step = now / then;
    let to_image = then.sqrt() * (1.0 - step) / (1.0 - now);
    let to_x = step.sqrt() * (1.0 - then) / (1.0 - now);
    let mean = prediction.image * to_image + x * to_x;
    if before.is_none() {
        return mean;
    }
    let variance = (1.0 - step) * (1.0 - then) / (1.0 - now);
    mean + noise() * variance.sqrt()
}
