//! A network that removes noise, as samplers see it.

use burn::tensor::Tensor;

use crate::models::decoder::diffusion::{NoiseLevel, NoiseSchedule, Prediction};

/// Prediction of a network for noisy images at a time step, `(x, time) → as x`.
type Network<'a> = dyn Fn(Tensor<4>, f64) -> Tensor<4> + 'a;

/// Projects an image onto what images can be, such as codes.
type Projection<'a> = dyn Fn(Tensor<4>) -> Tensor<4> + 'a;

/// A network, as samplers see it.
pub struct Denoiser<'a> {
    /// The process the network was trained for.
    pub schedule: &'a NoiseSchedule,
    /// Its prediction for noisy images at a time step; fractions are allowed.
    pub network: &'a Network<'a>,
    /// Projection of every predicted image, such as onto codes.
    pub project: Option<&'a Projection<'a>>,
}

impl Denoiser<'_> {
    /// Image, moved onto what it can be, and noise.
    pub fn predict(&self, x: Tensor<4>, time: f64, level: NoiseLevel) -> Prediction {
        let output = (self.network)(x.clone(), time);
        let prediction = self.schedule.predict(output, x, level);
        match self.project {
            Some(project) => Prediction {
                image: project(prediction.image),
                ..prediction
            },
            None => prediction,
        }
    }
}
