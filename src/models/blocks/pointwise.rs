//! One dense layer at every pixel.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::layers::{Conv2d, Kernel, Linear};
use crate::kernels;
use crate::rng::Init;

/// One dense layer at every pixel. Checkpoints store the same numbers in two shapes.
#[derive(Module, Debug)]
pub enum Pointwise {
    /// As a 1×1 convolution, `[out, in, 1, 1]`.
    Conv(Conv2d),
    /// As a matrix, `[out, in]`.
    Linear(Linear),
}

impl Pointwise {
    /// A layer with PyTorch's initialisation; `is_linear` says how it is stored.
    pub fn new(init: &mut Init, input: usize, output: usize, is_linear: bool) -> Self {
        if is_linear {
            Self::Linear(Linear::new(init, input, output))
        } else {
            Self::Conv(Conv2d::new(init, input, output, Kernel::same(1)))
        }
    }

    /// The same with all its parameters at zero.
    pub fn zeroed(init: &mut Init, input: usize, output: usize, is_linear: bool) -> Self {
        if is_linear {
            Self::Linear(Linear::zeros(init, input, output))
        } else {
            Self::Conv(Conv2d::zeroed(init, input, output, Kernel::same(1)))
        }
    }

    /// Pixels that stand in a row, `[batch, tokens, in]` → `[batch, tokens, out]`: one product of matrices.
    pub fn on_tokens(&self, tokens: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Linear(linear) => linear.forward(tokens),
            Self::Conv(conv) => {
                let [output, input, _, _] = conv.weight.dims();
                let weight = conv.weight.val().reshape([output, input]);
                kernels::linear(tokens, weight, conv.bias.as_ref().map(Param::val))
            }
        }
    }

    /// `[batch, in, height, width]` → `[batch, out, height, width]`
    pub fn on_map(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Linear(linear) => {
                let [batch, channels, height, width] = x.dims();
                let tokens = x.reshape([batch, channels, height * width]);
                let y = linear.forward(tokens.swap_dims(1, 2)).swap_dims(1, 2);
                let output = y.dims()[1];
                y.reshape([batch, output, height, width])
            }
        }
    }
}

#[cfg(test)]
impl Pointwise {
    /// Gives the layer values, so that a test sees what comes before.
    pub(crate) fn stir(&mut self, init: &mut Init) {
        match self {
            Self::Conv(conv) => conv.weight = init.normal(conv.weight.dims(), 0.1),
            Self::Linear(linear) => linear.weight = init.normal(linear.weight.dims(), 0.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn both_ways_to_store_a_layer_give_the_same() {
        let device = Device::flex();
        let mut init = Init::seeded(1, &device);
        let conv = Conv2d::new(&mut init, 3, 5, Kernel::same(1));
        let linear = Linear {
            weight: Param::from_tensor(conv.weight.val().reshape([5, 3])),
            bias: conv.bias.clone(),
        };
        let x = SeededRng::new(2, &["x"]).normal([2, 3, 4, 5], &device);
        let layers = [Pointwise::Conv(conv), Pointwise::Linear(linear)];
        let tokens = x.clone().reshape([2, 3, 20]).swap_dims(1, 2);
        let results = layers.map(|layer| {
            let row = layer.on_tokens(tokens.clone()).swap_dims(1, 2);
            [layer.on_map(x.clone()), row.reshape([2, 5, 4, 5])]
        });
        let first = results[0][0].clone();
        for result in results.into_iter().flatten() {
            let apart = (result - first.clone()).abs().max().into_scalar::<f32>();
            assert!(apart < 1e-6, "{apart}");
        }
    }
}
