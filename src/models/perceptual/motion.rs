//! A small video network of our own: features of how things move, for a Fréchet distance that ships with the program.
//!
//! It is trained once to tell the generator's events (a collision, an entrance, a departure) from pixels, then
//! frozen; the name `fvd` belongs to I3D's features, these make `fvd-motion`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, GroupNorm, Linear};
use crate::rng::Init;

/// Events that a step may hold.
pub const EVENTS: usize = 3;

/// Sizes of a [`Motion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MotionConfig {
    /// Height and width of frames.
    pub resolution: [usize; 2],
    /// Channels behind each convolution; each halves the image.
    pub channels: Vec<usize>,
    /// Groups of every norm.
    pub norm_groups: usize,
    /// Width of the features.
    pub dim: usize,
    /// Frames of a window.
    pub window: usize,
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            resolution: [64, 64],
            channels: vec![16, 32, 48],
            norm_groups: 8,
            dim: 32,
            window: 8,
        }
    }
}

impl MotionConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> Motion {
        // A frame and its difference from the one before.
        let mut input = 6;
        let (mut convs, mut norms) = (Vec::new(), Vec::new());
        for &output in &self.channels {
            let kernel = Kernel {
                size: 3,
                stride: 2,
                padding: 1,
            };
            convs.push(Conv2d::new(init, input, output, kernel));
            norms.push(GroupNorm::new(init, self.norm_groups, output, 1e-5));
            input = output;
        }
        Motion {
            convs,
            norms,
            step: Linear::new(init, 2 * input, self.dim),
            around: Linear::new(init, 3 * self.dim, self.dim),
            events: Linear::new(init, self.dim, EVENTS),
        }
    }
}

/// Features of how things move.
#[derive(Module, Debug)]
pub struct Motion {
    convs: Vec<Conv2d>,
    norms: Vec<GroupNorm>,
    step: Linear,
    around: Linear,
    events: Linear,
}

impl Motion {
    /// Features of every step from one frame to the next, each seen with its neighbours.
    ///
    /// # Shape
    /// - `clips`: `[batch, time, rgb, height, width]` in −1..1, two frames at least
    /// - result: `[batch, time − 1, dim]`
    pub fn steps(&self, clips: Tensor<5>) -> Tensor<3> {
        let [batch, time, rgb, height, width] = clips.dims();
        let later = clips.clone().narrow(1, 1, time - 1);
        let earlier = clips.narrow(1, 0, time - 1);
        let pairs: Tensor<5> = Tensor::cat(vec![later.clone(), later - earlier], 2);
        let mut x = pairs.reshape([batch * (time - 1), 2 * rgb, height, width]);
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = relu(norm.forward(conv.forward(x)));
        }
        let [frames, channels, rows, columns] = x.dims();
        let x = x.reshape([frames, channels, rows * columns]);
        // What is there on the whole, and what is there most strongly somewhere.
        let pooled: Tensor<3> = Tensor::cat(vec![x.clone().mean_dim(2), x.max_dim(2)], 1);
        let step = relu(
            self.step
                .forward(pooled.reshape([batch, time - 1, 2 * channels])),
        );
        let [_, steps, dim] = step.dims();
        let nothing = Tensor::zeros([batch, 1, dim], &step.device());
        let padded = Tensor::cat(vec![nothing.clone(), step, nothing], 1);
        let around = (0..3)
            .map(|shift| padded.clone().narrow(1, shift, steps))
            .collect();
        relu(self.around.forward(Tensor::cat(around, 2)))
    }

    /// Logits of a collision, an entrance and a departure at every step.
    ///
    /// # Shape
    /// `[batch, time, rgb, height, width]` → `[batch, time − 1, events]`
    pub fn forward(&self, clips: Tensor<5>) -> Tensor<3> {
        self.events.forward(self.steps(clips))
    }

    /// One feature vector a window.
    ///
    /// # Shape
    /// `[batch, time, rgb, height, width]` → `[batch, dim]`
    pub fn features(&self, clips: Tensor<5>) -> Tensor<2> {
        let steps = self.steps(clips);
        let [batch, _, dim] = steps.dims();
        steps.mean_dim(1).reshape([batch, dim])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn a_clip_that_stands_still_has_the_same_features_at_every_inner_step() {
        let device = Device::flex();
        let model = MotionConfig::default().init(&mut Init::seeded(1, &device));
        let frame: Tensor<5> = SeededRng::new(2, &["frame"]).normal([1, 1, 3, 64, 64], &device);
        let still = Tensor::cat(vec![frame; 5], 1);
        let steps = crate::tensor_conversion::floats(model.steps(still));
        assert_eq!(steps.len(), 4 * 32);
        assert_eq!(steps[32..64], steps[64..96]);
    }

    #[test]
    fn features_do_not_depend_on_the_rest_of_the_batch() {
        let device = Device::flex();
        let model = MotionConfig::default().init(&mut Init::seeded(1, &device));
        let clips: Tensor<5> = SeededRng::new(3, &["clips"]).normal([2, 4, 3, 64, 64], &device);
        let both = crate::tensor_conversion::floats(model.features(clips.clone()));
        let first = crate::tensor_conversion::floats(model.features(clips.narrow(0, 0, 1)));
        assert_eq!(both[..32], first[..]);
    }
}
