//! What the published networks are made of: a convolution with a rectifier behind it, and pools.
//!
//! Their batch norms are folded into the convolutions when weights are read, so none is here.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions, PadMode};
use burn::tensor::{Tensor, module};

use crate::kernels;
use crate::noise::Init;

/// Sizes of a [`Conv`], and the name that its parameters have in published files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Official name, without `.weight`.
    pub name: String,
    /// Channels that come in.
    pub input: usize,
    /// Channels that go out.
    pub output: usize,
    /// Time, height and width of the kernel; time is 1 for pictures.
    pub kernel: [usize; 3],
    /// Step over height and width.
    pub stride: usize,
    /// Zeros above and below, left and right.
    pub padding: [usize; 2],
}

impl Layer {
    /// A square kernel for pictures.
    pub fn square(name: &str, [input, output]: [usize; 2], size: usize) -> Self {
        Self {
            name: name.to_owned(),
            input,
            output,
            kernel: [1, size, size],
            stride: 1,
            padding: [0, 0],
        }
    }

    /// The same with zeros around.
    #[must_use]
    pub fn padded(self, padding: usize) -> Self {
        Self {
            padding: [padding; 2],
            ..self
        }
    }

    /// The same with another step.
    #[must_use]
    pub fn strided(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Shape of the weight in a published file; pictures have no axis of time.
    pub fn official_shape(&self, is_video: bool) -> Vec<usize> {
        let [time, height, width] = self.kernel;
        let mut shape = vec![self.output, self.input];
        if is_video {
            shape.push(time);
        }
        shape.extend([height, width]);
        shape
    }
}

/// A frozen convolution over height and width. A kernel over time lies in its channels: frame after frame.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: [usize; 2],
}

impl Conv {
    /// A convolution that waits for its weights.
    pub fn new(init: &mut Init, layer: &Layer) -> Self {
        let [time, height, width] = layer.kernel;
        let shape = [layer.output, time * layer.input, height, width];
        let bound = 1.0 / (shape[1..].iter().product::<usize>() as f64).sqrt();
        Self {
            weight: init.uniform(shape, bound),
            bias: init.constant([layer.output], 0.0),
            stride: layer.stride,
            padding: layer.padding,
        }
    }

    /// `[batch, in, height, width]` → `[batch, out, height', width']`
    pub fn linear(&self, x: Tensor<4>) -> Tensor<4> {
        let [down, across] = self.padding;
        let (x, padding) = if down == across {
            (x, down)
        } else {
            (zeros_around(x, [(down, down), (across, across)]), 0)
        };
        let bias = Some(self.bias.val());
        kernels::conv2d(x, self.weight.val(), bias, self.stride, padding)
    }

    /// The same, then a rectifier.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.linear(x))
    }
}

/// Zeros above and below, left and right.
pub fn zeros_around(x: Tensor<4>, sides: [(usize, usize); 2]) -> Tensor<4> {
    if sides == [(0, 0); 2] {
        return x;
    }
    x.pad(sides, PadMode::Constant(0.0))
}

/// Largest of every window; where the last window hangs over the edge, `overhang` keeps it.
pub fn max_pool(x: Tensor<4>, size: usize, stride: usize, overhang: bool) -> Tensor<4> {
    let mut options = MaxPoolOptions::new([size; 2]);
    options.stride = [stride; 2];
    options.ceil_mode = overhang;
    module::max_pool2d(x, options)
}

/// Largest of every 3×3 neighbourhood.
pub fn max_around(x: Tensor<4>) -> Tensor<4> {
    let mut options = MaxPoolOptions::new([3; 2]);
    options.stride = [1; 2];
    options.padding = [(1, 1); 2];
    module::max_pool2d(x, options)
}

/// Mean of every 3×3 neighbourhood, over the pixels that exist.
pub fn mean_around(x: Tensor<4>) -> Tensor<4> {
    let mut options = AvgPoolOptions::new([3; 2]);
    options.stride = [1; 2];
    options.padding = [(1, 1); 2];
    options.count_include_pad = false;
    module::avg_pool2d(x, options)
}
