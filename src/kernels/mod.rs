//! The operations that models spend their time in, fast on the CPU, forward and backward.
//!
//! Models call these instead of burn's own. Weights have PyTorch's layout. On burn's CPU back end
//! (flex), with or without autodiff, our kernels run; on any other device, and for any type but
//! f32, the same call becomes burn's own operations (see `fallback`).

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

use cpu::elementwise::Function;
use operation::Operation;

/// Memory-mapped files.
pub mod mmap;

/// What the allocator does with freed memory.
pub mod memory;

/// The kernels themselves, on slices.
mod cpu;
/// Operations as a backend extension of burn, with gradients.
mod extension;
/// burn's own operations: on GPUs, and what tests compare with.
mod fallback;
/// Operations on the tensors of burn's CPU backend (flex).
mod flex;
/// Operations as values.
mod operation;
#[cfg(test)]
mod tests;
/// Convolution and pooling over time, height and width.
mod volume;
/// Boxes that a kernel or a pool steps over.
mod windows;

pub use volume::{conv3d, max_pool3d};
pub use windows::Windows;

/// Whether our kernels take tensors such as `x`: f32, on the CPU.
fn takes<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device().without_autodiff();
    x.dtype() == DType::F32 && matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// Convolution.
///
/// # Shape
/// - `x`: `[batch, inputs, height, width]`
/// - `weight`: `[outputs, inputs, kernel height, kernel width]`
/// - `bias`: `[outputs]`
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    if !takes(&x) {
        return fallback::conv2d(x, weight, bias, stride, padding);
    }
    let operation = Operation::Conv2d { stride, padding };
    match bias {
        Some(bias) => extension::three(x, weight, bias, operation),
        None => extension::two(x, weight, operation),
    }
}

/// Transposed convolution.
///
/// # Shape
/// - `x`: `[batch, inputs, height, width]`
/// - `weight`: `[inputs, outputs, kernel height, kernel width]`
/// - `bias`: `[outputs]`
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    output_padding: usize,
) -> Tensor<4> {
    if !takes(&x) {
        return fallback::conv_transpose2d(x, weight, bias, stride, padding, output_padding);
    }
    let operation = Operation::ConvTranspose2d {
        stride,
        padding,
        output_padding,
    };
    match bias {
        Some(bias) => extension::three(x, weight, bias, operation),
        None => extension::two(x, weight, operation),
    }
}

/// `x · weightᵀ + bias`, over the last dimension of `x`.
///
/// # Shape
/// - `x`: `[.., inputs]`
/// - `weight`: `[outputs, inputs]`
/// - `bias`: `[outputs]`
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    if !takes(&x) {
        return fallback::linear(x, weight, bias);
    }
    match bias {
        Some(bias) => extension::three(x, weight, bias, Operation::Linear),
        None => extension::two(x, weight, Operation::Linear),
    }
}

/// Normalised over each group of channels and all pixels, then scaled and shifted per channel.
///
/// # Shape
/// - `x`: `[batch, channels, height, width]`
/// - `gamma`, `beta`: `[channels]`
pub fn group_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f64,
) -> Tensor<4> {
    if !takes(&x) {
        return fallback::group_norm(x, gamma, beta, groups, eps);
    }
    let operation = Operation::GroupNorm {
        groups,
        eps: eps as f32,
        silu: false,
    };
    extension::three(x, gamma, beta, operation)
}

/// [`silu`] of [`group_norm`], in one pass.
pub fn group_norm_silu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f64,
) -> Tensor<4> {
    if !takes(&x) {
        return fallback::silu(fallback::group_norm(x, gamma, beta, groups, eps));
    }
    let operation = Operation::GroupNorm {
        groups,
        eps: eps as f32,
        silu: true,
    };
    extension::three(x, gamma, beta, operation)
}

/// Normalised over the last dimension, then scaled and shifted.
///
/// # Shape
/// - `x`: `[.., dim]`
/// - `gamma`, `beta`: `[dim]`
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    if !takes(&x) {
        return fallback::layer_norm(x, gamma, beta, eps);
    }
    extension::three(x, gamma, beta, Operation::LayerNorm { eps: eps as f32 })
}

/// Shares that sum to 1 over `dim`.
pub fn softmax<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    if !takes(&x) {
        return fallback::softmax(x, dim);
    }
    extension::one(x, Operation::Softmax { dim })
}

/// `x · sigmoid(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !takes(&x) {
        return fallback::silu(x);
    }
    extension::one(x, Operation::Map(Function::Silu))
}

/// `x · Φ(x)`, with the exact normal distribution function Φ.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !takes(&x) {
        return fallback::gelu(x);
    }
    extension::one(x, Operation::Map(Function::Gelu))
}

/// First half of the last dimension times [`gelu`] of its second half.
///
/// # Shape
/// - `x`: `[.., 2 · dim]`, result `[.., dim]`
pub fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !takes(&x) {
        return fallback::geglu(x);
    }
    extension::one(x, Operation::Geglu)
}

/// `1 / (1 + exp(−x))`.
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !takes(&x) {
        return fallback::sigmoid(x);
    }
    extension::one(x, Operation::Map(Function::Sigmoid))
}

/// Hyperbolic tangent.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !takes(&x) {
        return fallback::tanh(x);
    }
    extension::one(x, Operation::Map(Function::Tanh))
}

/// `softmax(q · kᵀ · scale + bias) · v`.
///
/// # Shape
/// - `q`: `[batch, heads, tokens, dim]`; `k`, `v`: `[batch, heads, sources, dim]`
/// - `bias`: broadcastable to `[batch, heads, tokens, sources]`; −∞ hides a source
///
/// On the CPU the result lies in memory as `[batch, tokens, heads, dim]`, so that
/// `swap_dims(1, 2)` and a reshape that joins the heads copy nothing.
pub fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    bias: Option<Tensor<4>>,
    scale: f64,
) -> Tensor<4> {
    if !takes(&q) {
        return fallback::attention(q, k, v, bias, scale);
    }
    let operation = Operation::Attention {
        scale: scale as f32,
    };
    match bias {
        Some(bias) => extension::four([q, k, v, bias], operation),
        None => extension::three(q, k, v, operation),
    }
}
