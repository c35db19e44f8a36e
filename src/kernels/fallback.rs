//! Every entry point of [`crate::kernels`] as burn's own operations.
//!
//! This is what runs on a GPU, and what the tests compare the CPU's kernels with.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Tensor, activation, module};

/// See [`crate::kernels::conv2d`].
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    module::conv2d(x, weight, bias, options)
}

/// See [`crate::kernels::conv_transpose2d`].
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    output_padding: usize,
) -> Tensor<4> {
    let options =
        ConvTransposeOptions::new([stride; 2], [padding; 2], [output_padding; 2], [1; 2], 1);
    module::conv_transpose2d(x, weight, bias, options)
}

/// See [`crate::kernels::linear`].
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    module::linear(x, weight.transpose(), bias)
}

/// See [`crate::kernels::group_norm`].
pub fn group_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f64,
) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let size = channels / groups * height * width;
    let x = x.reshape([batch, groups, size]);
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().powi_scalar(2).mean_dim(2);
    let normal = (centred / (variance + eps).sqrt()).reshape([batch, channels, height, width]);
    normal * gamma.reshape([1, channels, 1, 1]) + beta.reshape([1, channels, 1, 1])
}

/// See [`crate::kernels::layer_norm`].
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    module::layer_norm(x, gamma, Some(beta), eps)
}

/// See [`crate::kernels::softmax`].
pub fn softmax<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    activation::softmax(x, dim)
}

/// See [`crate::kernels::silu`].
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::silu(x)
}

/// See [`crate::kernels::gelu`].
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

/// See [`crate::kernels::geglu`].
pub fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let half = x.dims()[D - 1] / 2;
    let value = x.clone().narrow(D - 1, 0, half);
    value * activation::gelu(x.narrow(D - 1, half, half))
}

/// See [`crate::kernels::sigmoid`].
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::sigmoid(x)
}

/// See [`crate::kernels::tanh`].
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::tanh(x)
}

/// See [`crate::kernels::attention`].
pub fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    bias: Option<Tensor<4>>,
    scale: f64,
) -> Tensor<4> {
    let scores = q.matmul(k.transpose()) * scale;
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    activation::softmax(scores, 3).matmul(v)
}
