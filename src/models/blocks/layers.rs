//! The layers with parameters. Each holds `weight` and `bias` as PyTorch lays them out and calls one kernel.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Int, Tensor};

use crate::kernels;
use crate::rng::Init;

/// A dense layer, `y = x Wᵀ + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A dense layer with PyTorch's initialisation, uniform in ±1/√in.
    pub fn new(init: &mut Init, input: usize, output: usize) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        Self {
            weight: init.uniform([output, input], bound),
            bias: Some(init.uniform([output], bound)),
        }
    }

    /// The same without a bias.
    pub fn without_bias(init: &mut Init, input: usize, output: usize) -> Self {
        Self {
            weight: init.uniform([output, input], 1.0 / (input as f64).sqrt()),
            bias: None,
        }
    }

    /// The same with all its parameters at zero: it learns from an output of nothing.
    pub fn zeros(init: &mut Init, input: usize, output: usize) -> Self {
        Self {
            weight: init.constant([output, input], 0.0),
            bias: Some(init.constant([output], 0.0)),
        }
    }

    /// `[…, in]` → `[…, out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::linear(x, self.weight.val(), self.bias.as_ref().map(Param::val))
    }
}

/// A convolution over height and width.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, height, width]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Height and width of the kernel, pixels.
    pub size: usize,
    /// Step, pixels.
    pub stride: usize,
    /// Zeros added on every side.
    pub padding: usize,
}

impl Kernel {
    /// A kernel of `size` with step one that keeps the image's size; `size` is odd.
    pub fn same(size: usize) -> Self {
        Self {
            size,
            stride: 1,
            padding: size / 2,
        }
    }

    /// The same with another step.
    #[must_use]
    pub fn strided(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
}

impl Conv2d {
    /// A convolution with PyTorch's initialisation, uniform in ±1/√fan-in.
    pub fn new(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Self {
        let bound = 1.0 / ((input * kernel.size * kernel.size) as f64).sqrt();
        let bias = Some(init.uniform([output], bound));
        Self {
            bias,
            ..Self::without_bias(init, input, output, kernel)
        }
    }

    /// The same without a bias.
    pub fn without_bias(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Self {
        let bound = 1.0 / ((input * kernel.size * kernel.size) as f64).sqrt();
        let weight = init.uniform([output, input, kernel.size, kernel.size], bound);
        Self {
            weight,
            bias: None,
            stride: kernel.stride,
            padding: kernel.padding,
        }
    }

    /// A convolution that starts as zero, as the last one of a residual branch does.
    pub fn zeroed(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Self {
        Self {
            weight: init.constant([output, input, kernel.size, kernel.size], 0.0),
            bias: Some(init.constant([output], 0.0)),
            stride: kernel.stride,
            padding: kernel.padding,
        }
    }

    /// `[batch, in, height, width]` → `[batch, out, height', width']`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        kernels::conv2d(
            x,
            self.weight.val(),
            self.bias.as_ref().map(Param::val),
            self.stride,
            self.padding,
        )
    }
}

/// A transposed convolution.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    /// `[in, out, height, width]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
    #[module(skip)]
    output_padding: usize,
}

impl ConvTranspose2d {
    /// A transposed convolution that makes images exactly `stride` times as large.
    pub fn new(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Self {
        // PyTorch takes the second axis for the fan-in, also where the layout is transposed.
        let bound = 1.0 / ((output * kernel.size * kernel.size) as f64).sqrt();
        Self {
            weight: init.uniform([input, output, kernel.size, kernel.size], bound),
            bias: Some(init.uniform([output], bound)),
            stride: kernel.stride,
            padding: kernel.padding,
            output_padding: kernel.stride - 1,
        }
    }

    /// `[batch, in, height, width]` → `[batch, out, height·stride, width·stride]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(Param::val);
        kernels::conv_transpose2d(
            x,
            self.weight.val(),
            bias,
            self.stride,
            self.padding,
            self.output_padding,
        )
    }
}

/// Group normalisation (Wu & He 2018) with an affine map per channel.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[channels]`
    pub weight: Param<Tensor<1>>,
    /// `[channels]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    epsilon: f64,
}

impl GroupNorm {
    /// A norm over `groups` groups that starts without an effect of its affine map.
    ///
    /// # Panics
    /// When the channels do not split into so many groups.
    pub fn new(init: &mut Init, groups: usize, channels: usize, epsilon: f64) -> Self {
        assert_eq!(
            channels % groups,
            0,
            "{channels} channels do not split into {groups} groups"
        );
        let (weight, bias) = (
            init.constant([channels], 1.0),
            init.constant([channels], 0.0),
        );
        Self {
            weight,
            bias,
            groups,
            epsilon,
        }
    }

    /// `[batch, channels, height, width]` → the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        kernels::group_norm(
            x,
            self.weight.val(),
            self.bias.val(),
            self.groups,
            self.epsilon,
        )
    }

    /// The norm, then `SiLU`, in one pass.
    pub fn forward_silu(&self, x: Tensor<4>) -> Tensor<4> {
        kernels::group_norm_silu(
            x,
            self.weight.val(),
            self.bias.val(),
            self.groups,
            self.epsilon,
        )
    }
}

/// Layer normalisation over the last axis (Ba et al. 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[dim]`
    pub weight: Param<Tensor<1>>,
    /// `[dim]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm {
    /// A norm with PyTorch's ε of 1e-5.
    pub fn new(init: &mut Init, dim: usize) -> Self {
        Self::with_epsilon(init, dim, 1e-5)
    }

    /// A norm with another ε.
    pub fn with_epsilon(init: &mut Init, dim: usize, epsilon: f64) -> Self {
        Self {
            weight: init.constant([dim], 1.0),
            bias: init.constant([dim], 0.0),
            epsilon,
        }
    }

    /// `[…, dim]` → the same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::layer_norm(x, self.weight.val(), self.bias.val(), self.epsilon)
    }
}

/// A table of vectors.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[entries, dim]`
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// A table with PyTorch's initialisation, standard normal.
    pub fn new(init: &mut Init, entries: usize, dim: usize) -> Self {
        Self {
            weight: init.normal([entries, dim], 1.0),
        }
    }

    /// `[batch, tokens]` → `[batch, tokens, dim]`
    pub fn forward(&self, index: Tensor<2, Int>) -> Tensor<3> {
        let [batch, tokens] = index.dims();
        let rows = self.weight.val().select(0, index.reshape([batch * tokens]));
        rows.reshape([batch as i64, tokens as i64, -1])
    }
}

/// Dropout (Srivastava et al. 2014): active wherever gradients are recorded, absent elsewhere.
///
/// Its draws come from the device's own generator, which the training loop seeds before every step.
#[derive(Module, Debug)]
pub struct Dropout {
    #[module(skip)]
    probability: f64,
}

impl Dropout {
    /// Drops a value with `probability`, 0..1.
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }

    /// Whether anything is dropped on that device.
    pub fn is_active(&self, device: &Device) -> bool {
        self.probability > 0.0 && device.is_autodiff()
    }

    /// The same shape; scaled so that the mean stays.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        if !self.is_active(&x.device()) {
            return x;
        }
        let keep = 1.0 - self.probability;
        let kept = Tensor::<D>::random(x.shape(), Distribution::Bernoulli(keep), &x.device());
        x * kept / keep
    }
}
