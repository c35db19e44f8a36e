//! What auto-encoders of frames have in common: data, weights of pixels, reconstruction errors.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView4};

use crate::models::perceptual::lpips::Lpips;
use crate::train::data::clip_dataset::{ClipDataset, foreground_weights};
use crate::train::objectives::parts::figures::decibel;

/// An auto-encoder learns to reconstruct frames.
#[derive(Debug)]
pub struct Reconstruct<'a, M, C> {
    /// The model.
    pub model: M,
    /// Settings of the batches and the loss.
    pub config: C,
    /// LPIPS, frozen, on a device that records gradients; unset where the loss has no such part.
    pub lpips: Option<Lpips>,
    /// What it is trained on.
    pub train: &'a ClipDataset,
    /// What it is validated on.
    pub held_out: &'a ClipDataset,
    /// The empty scene of `train`, `[height, width, rgb]`.
    pub background: Array3<u8>,
}

impl<M, C> Reconstruct<'_, M, C> {
    /// Weight of each pixel in the loss, `[batch, 1, height, width]`; `None` where all count alike.
    pub fn weights(
        &self,
        frames: &Array4<u8>,
        strength: f32,
        device: &Device,
    ) -> Option<Tensor<4>> {
        (strength > 0.0).then(|| {
            let weights = foreground_weights(frames.view(), &self.background, strength);
            let (batch, height, width) = weights.dim();
            let values: Vec<f32> = weights.iter().copied().collect();
            Tensor::from_data(TensorData::new(values, [batch, 1, height, width]), device)
        })
    }
}

/// Squared errors of reconstructions: over all pixels, and over those that differ from the empty scene.
#[derive(Debug, Default)]
pub struct Errors {
    all: (f64, usize),
    object: (f64, usize),
}

impl Errors {
    /// Adds frames and their reconstructions, `[batch, height, width, rgb]`.
    pub fn observe(
        &mut self,
        truth: ArrayView4<'_, u8>,
        reconstruction: ArrayView4<'_, u8>,
        background: &Array3<u8>,
    ) {
        let far = foreground_weights(truth, background, 1e6);
        for ((frame, y, x, channel), value) in truth.indexed_iter() {
            let apart =
                (f64::from(*value) - f64::from(reconstruction[[frame, y, x, channel]])) / 255.0;
            self.all = (self.all.0 + apart * apart, self.all.1 + 1);
            if far[[frame, y, x]] > 1.0 {
                self.object = (self.object.0 + apart * apart, self.object.1 + 1);
            }
        }
    }

    /// The mean squared error, and both as signal-to-noise ratios.
    pub fn figures(&self) -> [(&'static str, f64); 3] {
        let mean = |(sum, count): (f64, usize)| sum / count.max(1) as f64;
        [
            ("squared", mean(self.all)),
            ("psnr", decibel(mean(self.all))),
            ("object-psnr", decibel(mean(self.object))),
        ]
    }
}
