//! DDIM: steps without new noise (Song et al. 2021, eq. 12).
//! Reference: SlotDiffusion `video_based/models/ddpm/cond_ddpm.py`.

use burn::tensor::Tensor;

use super::denoiser::Denoiser;
use super::timesteps::LastStep;

/// An image by steps without new noise (Song et al. 2021, eq. 12 with σ = 0).
///
/// By default the last step ends at the first level of the schedule and not at the image, as in the reference.
///
/// # Shape
/// - `start`: `[batch, channels, height, width]`
/// - `times`: what to visit, the noisiest first
pub fn sample(denoiser: &Denoiser, start: Tensor<4>, times: &[usize], end: LastStep) -> Tensor<4> {
    let schedule = denoiser.schedule;
    let mut x = start;
    for (index, time) in times.iter().enumerate() {
        let prediction = denoiser.predict(x, *time as f64, schedule.level(*time));
        if index + 1 == times.len() && end == LastStep::Image {
            return prediction.image;
        }
        let before = schedule.level(times.get(index + 1).copied().unwrap_or(0));
        x = prediction.image * before.signal + prediction.noise * before.noise;
    }
    x
}
