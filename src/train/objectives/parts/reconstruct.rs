//! What auto-encoders of frames have in common: data, weights of pixels, reconstruction errors.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView4, Axis, s};
use slotflow_datasets::DataError;

use crate::models::perceptual::lpips::Lpips;
use crate::rng::SeededRng;
use crate::train::data::clip_dataset::{Background, ClipDataset, WindowStart};
use crate::train::data::pixel_weights::{foreground_weights, window_weights};
use crate::train::data::source::Splits;
use crate::train::interface::Figures;
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
    /// The empty scenes of both.
    pub backgrounds: Splits<Background>,
}

/// Single frames, and how much their pixels count.
#[derive(Debug, Clone)]
pub struct FrameBatch {
    /// `[batch, height, width, rgb]`
    pub frames: Array4<u8>,
    /// `[batch, height, width]`; unset where all pixels count alike.
    weights: Option<Array3<f32>>,
}

impl FrameBatch {
    /// Weight of each pixel in the loss, `[batch, 1, height, width]`; `None` where all count alike.
    pub fn weights(&self, device: &Device) -> Option<Tensor<4>> {
        let weights = self.weights.as_ref()?;
        let (batch, height, width) = weights.dim();
        let values: Vec<f32> = weights.iter().copied().collect();
        Some(Tensor::from_data(
            TensorData::new(values, [batch, 1, height, width]),
            device,
        ))
    }
}

impl<M, C> Reconstruct<'_, M, C> {
    /// Frames drawn at random; those far from the empty scene count more by `strength`.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn draw(
        &self,
        count: usize,
        strength: f32,
        noise: &mut SeededRng,
    ) -> Result<FrameBatch, DataError> {
        let starts = self.train.draw_windows(count, 1, noise);
        let frames = self.train.windows(&starts, 1)?;
        let weights = if strength > 0.0 {
            let scenes = ClipDataset::scenes(&self.backgrounds.train, &starts)?;
            Some(window_weights(&frames, &scenes, strength))
        } else {
            None
        };
        Ok(FrameBatch {
            frames: frames.remove_axis(Axis(1)),
            weights,
        })
    }

    /// Held-out frames, evenly spread, at most `count`, and the empty scene of each.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn held_out_frames(
        &self,
        count: usize,
    ) -> Result<(Array4<u8>, Vec<Array3<u8>>), DataError> {
        let starts: Vec<WindowStart> = self.held_out.spread(count);
        let scenes = ClipDataset::scenes(&self.backgrounds.held_out, &starts)?;
        Ok((self.held_out.single(&starts)?, scenes))
    }
}

/// Squared errors of reconstructions: over all pixels, and over those that differ from the empty scene.
#[derive(Debug, Default)]
pub struct Errors {
    all: (f64, usize),
    object: (f64, usize),
}

impl Errors {
    /// Adds frames and their reconstructions, `[batch, height, width, rgb]`, and the empty scene of each.
    pub fn observe(
        &mut self,
        truth: ArrayView4<'_, u8>,
        reconstruction: ArrayView4<'_, u8>,
        scenes: &[Array3<u8>],
    ) {
        for (frame, scene) in scenes.iter().enumerate() {
            let seen = truth.slice(s![frame..=frame, .., .., ..]);
            let far = foreground_weights(seen, scene, 1e6);
            for ((_, y, x, channel), value) in seen.indexed_iter() {
                let guess = f64::from(reconstruction[[frame, y, x, channel]]);
                let apart = (f64::from(*value) - guess) / 255.0;
                self.all = (self.all.0 + apart * apart, self.all.1 + 1);
                if far[[0, y, x]] > 1.0 {
                    self.object = (self.object.0 + apart * apart, self.object.1 + 1);
                }
            }
        }
    }

    /// The mean squared error, and both as signal-to-noise ratios; that of objects only where a pixel differs from the
    /// empty scene, which of single pictures none does.
    pub fn figures(&self) -> Figures {
        let mean = |(sum, count): (f64, usize)| sum / count.max(1) as f64;
        let mut figures = vec![
            ("squared", mean(self.all)),
            ("psnr", decibel(mean(self.all))),
        ];
        if self.object.1 > 0 {
            figures.push(("object-psnr", decibel(mean(self.object))));
        }
        figures
    }
}
