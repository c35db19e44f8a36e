//! Slots → an image, each slot drawn by itself and blended by its mask (Watters et al. 2019).
//! Reference: SlotDiffusion `img_based/models/slot_attention.py`, `_build_decoder` and `decode`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use crate::kernels;
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::soft_position::SoftPosition;
use crate::models::blocks::{Conv2d, ConvTranspose2d};
use crate::rng::Init;

/// The same for features of patches in place of colours of pixels.
pub mod features;

/// Sizes of a [`Mixture`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MixtureConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Channels behind each transposed convolution.
    pub channels: Vec<usize>,
    /// Height and width of every kernel, odd.
    pub kernel: usize,
    /// Height and width of the grid that a slot is first spread over.
    pub start: [usize; 2],
    /// Height and width of the image: a power of two times `start`. Below that of the frames
    /// where targets are frames made smaller.
    pub resolution: [usize; 2],
    /// Scale of the initial parameters of the position codes.
    pub position_scale: f64,
}

impl Default for MixtureConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            channels: vec![64; 4],
            kernel: 5,
            start: [8, 8],
            resolution: [64, 64],
            position_scale: 1.0,
        }
    }
}

impl MixtureConfig {
    /// Initial parameters.
    ///
    /// # Panics
    /// When the convolutions cannot reach `resolution` from `start`.
    pub fn init(&self, init: &mut Init) -> Mixture {
        let (mut size, mut input) = (self.start, self.dim);
        let mut layers = Vec::with_capacity(self.channels.len());
        for &output in &self.channels {
            // Double until the image is as large as it shall be, then refine.
            let stride = if size == self.resolution { 1 } else { 2 };
            let kernel = Kernel::same(self.kernel).strided(stride);
            layers.push(ConvTranspose2d::new(init, input, output, kernel));
            size = size.map(|side| side * stride);
            input = output;
        }
        assert_eq!(
            size, self.resolution,
            "doubling must lead from `start` to `resolution`"
        );
        Mixture {
            position: SoftPosition::new(init, self.dim, self.position_scale),
            layers,
            output: Conv2d::new(init, input, 4, Kernel::same(1)),
            start: self.start,
        }
    }
}

/// Spatial broadcast decoder: each slot is decoded to rgb and a mask, and masks blend them (Watters et al. 2019).
#[derive(Module, Debug)]
pub struct Mixture {
    /// Where a place of the first grid is.
    pub position: SoftPosition,
    /// Transposed convolutions in order.
    pub layers: Vec<ConvTranspose2d>,
    /// `[4, channels, 1, 1]`: red, green, blue, and the logit of the mask.
    pub output: Conv2d,
    #[module(skip)]
    start: [usize; 2],
}

/// Reconstructed frames, and the share of every slot in them.
#[derive(Debug, Clone)]
pub struct MixtureOutput {
    /// `[batch, rgb, height, width]`, about −1..1
    pub frames: Tensor<4>,
    /// What each slot would draw, `[batch, slots, rgb, height, width]`.
    pub rgb: Tensor<5>,
    /// How much of each pixel a slot drew, `[batch, slots, height, width]`; sums to 1 over slots.
    pub masks: Tensor<4>,
}

impl Mixture {
    /// The image of these slots.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    pub fn forward(&self, slots: Tensor<3>) -> MixtureOutput {
        let [batch, count, dim] = slots.dims();
        let [rows, columns] = self.start;
        let places = self.position.codes(self.start).swap_dims(1, 2);
        let x: Tensor<3> = slots.reshape([batch * count, dim, 1]) + places;
        let mut x: Tensor<4> = x.reshape([batch * count, dim, rows, columns]);
        for layer in &self.layers {
            x = relu(layer.forward(x));
        }
        let x = self.output.forward(x);

        let [_, _, height, width] = x.dims();
        let x: Tensor<4> = x.reshape([batch, count, 4, height * width]);
        let masks = kernels::softmax(x.clone().narrow(2, 3, 1), 1);
        let rgb = x.narrow(2, 0, 3);
        let frames = (rgb.clone() * masks.clone()).sum_dim(1);
        MixtureOutput {
            frames: frames.reshape([batch, 3, height, width]),
            rgb: rgb.reshape([batch, count, 3, height, width]),
            masks: masks.reshape([batch, count, height, width]),
        }
    }
}

/// Mean squared error of reconstructed frames.
///
/// # Shape
/// - both: `[batch, rgb, height, width]`
///
/// # Panics
/// When the two have different shapes.
pub fn mixture_loss(prediction: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    assert_eq!(
        prediction.dims(),
        target.dims(),
        "a picture is compared with one of its size"
    );
    let difference = prediction - target;
    (difference.clone() * difference).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    fn tiny() -> (Mixture, Tensor<3>) {
        let device = Device::default();
        let config = MixtureConfig {
            dim: 6,
            channels: vec![5, 4, 4],
            kernel: 3,
            start: [2, 3],
            resolution: [8, 12],
            ..MixtureConfig::default()
        };
        let slots = SeededRng::new(3, &["slots"]).normal([2, 4, 6], &device);
        (config.init(&mut Init::seeded(2, &device)), slots)
    }

    #[test]
    fn masks_share_every_pixel_out_and_blend_what_slots_drew() {
        let (mixture, slots) = tiny();
        let mixed = mixture.forward(slots);
        let sums = mixed.masks.clone().sum_dim(1);
        sums.into_data().assert_approx_eq::<f32>(
            &Tensor::<4>::ones([2, 1, 8, 12], &Device::default()).into_data(),
            Tolerance::absolute(1e-5),
        );

        let blended = (mixed.rgb * mixed.masks.unsqueeze_dim(2)).sum_dim(1);
        let blended: Tensor<4> = blended.reshape([2, 3, 8, 12]);
        assert_eq!(mixed.frames.dims(), [2, 3, 8, 12]);
        blended
            .into_data()
            .assert_approx_eq::<f32>(&mixed.frames.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    fn the_order_of_slots_changes_no_image() {
        let (mixture, slots) = tiny();
        let turned = mixture.forward(slots.clone().flip([1])).frames;
        let frames = mixture.forward(slots).frames;
        turned
            .into_data()
            .assert_approx_eq::<f32>(&frames.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    #[should_panic(expected = "doubling must lead")]
    fn a_image_that_doubling_cannot_reach_is_refused() {
        let config = MixtureConfig {
            start: [8, 8],
            resolution: [48, 48],
            ..MixtureConfig::default()
        };
        config.init(&mut Init::blank(&Device::default()));
    }
}
