//! What the published networks are made of: a convolution with a rectifier behind it, and pools.
//!
//! Their batch norms are folded into the convolutions when weights are read, so none is here.

use burn::module::{Module, Param};
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Tensor, module};

use crate::kernels::{self, Windows};
use crate::rng::Init;

/// Sizes of a [`Conv`], and the name that its parameters have in published files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvSpec {
    /// Official name, without `.weight`.
    pub name: String,
    /// Channels that come in.
    pub input: usize,
    /// Channels that go out.
    pub output: usize,
    /// Time, height and width of the kernel; time is 1 for images.
    pub kernel: [usize; 3],
    /// Step over height and width.
    pub stride: usize,
    /// Zeros above and below, left and right.
    pub padding: [usize; 2],
}

impl ConvSpec {
    /// A square kernel for images.
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

    /// Shape of the weight in a published file; images have no axis of time.
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

/// A frozen convolution. A kernel over time lies in its channels: frame after frame.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    kernel: [usize; 3],
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: [usize; 2],
}

impl Conv {
    /// A convolution that waits for its weights.
    pub fn new(init: &mut Init, layer: &ConvSpec) -> Self {
        let [time, height, width] = layer.kernel;
        let shape = [layer.output, time * layer.input, height, width];
        let bound = 1.0 / (shape[1..].iter().product::<usize>() as f64).sqrt();
        Self {
            weight: init.uniform(shape, bound),
            bias: init.constant([layer.output], 0.0),
            kernel: layer.kernel,
            stride: layer.stride,
            padding: layer.padding,
        }
    }

    /// Of images, then a rectifier: `[batch, in, height, width]` → `[batch, out, height', width']`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [down, across] = self.padding;
        let windows = Windows {
            size: self.kernel,
            step: [1, self.stride, self.stride],
            zeros: [(0, 0), (down, down), (across, across)],
        };
        still(x, |x| self.through(x, windows, true))
    }

    /// Of clips, with zeros as TensorFlow's `SAME` has them, then a rectifier if `rectify`.
    ///
    /// # Shape
    /// `[batch, time, in, height, width]` → `[batch, time', out, height', width']`
    pub fn same(&self, x: Tensor<5>, rectify: bool) -> Tensor<5> {
        let [_, time, _, height, width] = x.dims();
        let windows = Windows::same(self.kernel, [self.stride; 3], [time, height, width]);
        self.through(x, windows, rectify)
    }

    fn through(&self, x: Tensor<5>, windows: Windows, rectify: bool) -> Tensor<5> {
        kernels::conv3d(x, self.weight.val(), self.bias.val(), windows, rectify)
    }
}

/// Images as clips of one frame.
fn still(x: Tensor<4>, work: impl FnOnce(Tensor<5>) -> Tensor<5>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let y = work(x.reshape([batch, 1, channels, height, width]));
    let [batch, _, channels, height, width] = y.dims();
    y.reshape([batch, channels, height, width])
}

/// Largest of every window; where the last window hangs over the edge, `overhang` keeps it.
pub fn max_pool(x: Tensor<4>, size: usize, stride: usize, overhang: bool) -> Tensor<4> {
    let [.., height, width] = x.dims();
    let mut windows = Windows::flat([size; 2], stride, 0);
    for (axis, length) in [(1, height), (2, width)] {
        let rest = length.saturating_sub(size) % stride;
        if overhang && rest > 0 {
            windows.zeros[axis].1 = stride - rest;
        }
    }
    still(x, |x| kernels::max_pool3d(x, windows))
}

/// Largest of every 3×3 neighbourhood.
pub fn max_around(x: Tensor<4>) -> Tensor<4> {
    still(x, |x| kernels::max_pool3d(x, Windows::flat([3; 2], 1, 1)))
}

/// Mean of every 3×3 neighbourhood, over the pixels that exist.
pub fn mean_around(x: Tensor<4>) -> Tensor<4> {
    let mut options = AvgPoolOptions::new([3; 2]);
    options.stride = [1; 2];
    options.padding = [(1, 1); 2];
    options.count_include_pad = false;
    module::avg_pool2d(x, options)
}
