//! The U-Net's convolutional parts.
//! Reference: SlotDiffusion `video_based/models/unet/openaimodel.py`.

use burn::module::Module;
use burn::tensor::Tensor;

use super::config::UNetConfig;
use crate::kernels;
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, Dropout, GroupNorm, Linear};
use crate::rng::Init;

/// ε of the norms outside of attention.
pub const EPSILON: f64 = 1e-5;

/// Sinusoidal embedding of the time step through two dense layers.
#[derive(Module, Debug)]
pub struct TimeEmbedding {
    expand: Linear,
    mix: Linear,
    #[module(skip)]
    width: usize,
}

impl TimeEmbedding {
    /// A vector four times as wide as the sinusoids.
    pub fn new(init: &mut Init, width: usize) -> Self {
        Self {
            expand: Linear::new(init, width, 4 * width),
            mix: Linear::new(init, 4 * width, 4 * width),
            width,
        }
    }

    /// `[batch]` → `[batch, 4·width]`
    pub fn forward(&self, times: Tensor<1>) -> Tensor<2> {
        let h = self.expand.forward(sinusoids(times, self.width));
        self.mix.forward(kernels::silu(h))
    }
}

/// Cosines, then sines, of a time that may be fractional, `[batch]` → `[batch, width]`.
pub fn sinusoids(times: Tensor<1>, width: usize) -> Tensor<2> {
    let half = width / 2;
    // In f32 as in the reference, whose frequencies differ from the exact ones in the last bit.
    let frequency = |index| (-(10_000_f64.ln() as f32) * index as f32 / half as f32).exp();
    let frequencies: Vec<f32> = (0..half).map(frequency).collect();
    let frequencies = Tensor::<1>::from_floats(frequencies.as_slice(), &times.device());
    let angles = times.unsqueeze_dim::<2>(1) * frequencies.unsqueeze::<2>();
    Tensor::cat(vec![angles.clone().cos(), angles.sin()], 1)
}

/// Residual block of two convolutions, conditioned on the time embedding.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm_in: GroupNorm,
    conv_in: Conv2d,
    time: Linear,
    norm_out: GroupNorm,
    dropout: Dropout,
    conv_out: Conv2d,
    shortcut: Option<Conv2d>,
}

impl ResidualBlock {
    /// A block that starts as its shortcut.
    pub fn new(init: &mut Init, config: &UNetConfig, input: usize, output: usize) -> Self {
        let shortcut = |init: &mut Init| Conv2d::new(init, input, output, Kernel::same(1));
        Self {
            norm_in: GroupNorm::new(init, config.norm_groups, input, EPSILON),
            conv_in: Conv2d::new(init, input, output, Kernel::same(3)),
            time: Linear::new(init, 4 * config.channels, output),
            norm_out: GroupNorm::new(init, config.norm_groups, output, EPSILON),
            dropout: Dropout::new(config.dropout),
            conv_out: Conv2d::zeroed(init, output, output, Kernel::same(3)),
            shortcut: (input != output).then(|| shortcut(init)),
        }
    }

    /// The block's result.
    ///
    /// # Shape
    /// - `x`: `[batch, input, height, width]`
    /// - `time`: the time embedding after `SiLU`, `[batch or 1, 4·channels]`
    pub fn forward(&self, x: Tensor<4>, time: &Tensor<2>) -> Tensor<4> {
        let h = self.conv_in.forward(self.norm_in.forward_silu(x.clone()));
        let shift = self.time.forward(time.clone());
        let h = h + shift.unsqueeze_dims::<4>(&[-1, -1]);
        let h = self.dropout.forward(self.norm_out.forward_silu(h));
        let h = self.conv_out.forward(h);
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x) + h,
            None => x + h,
        }
    }
}

#[cfg(test)]
impl ResidualBlock {
    /// Gives the last layer values, so that a test sees what comes before.
    pub(crate) fn stir(&mut self, init: &mut Init) {
        self.conv_out.weight = init.normal(self.conv_out.weight.dims(), 0.1);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_time_embedding_has_the_reference_s_values() {
        let times = Tensor::from_floats([500.0], &Device::flex());
        let values = sinusoids(times, 128)
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let golden = [
            (0, -0.883_849),
            (1, 0.848_507),
            (63, 0.998_334),
            (64, -0.467_772),
            (65, -0.529_184),
            (127, 0.057_707),
        ];
        for (index, value) in golden {
            assert!(
                (values[index] - value).abs() < 2e-5,
                "{index}: {}",
                values[index]
            );
        }
    }
}
