//! The CPU's kernels, on slices; nothing of burn.
//!
//! Work is split over outputs, and no sum depends on the split: results are the same bytes for any
//! number of threads, and an image's results do not depend on the images beside it.
#![expect(
    unsafe_code,
    reason = "vector instructions and outputs shared among threads; each block names its invariant"
)]
#![expect(
    clippy::inline_always,
    reason = "arithmetic must be compiled inside the function that has the instructions"
)]

/// Multi-head attention, forward and backward.
pub mod attention;
/// Convolution and transposed convolution.
pub mod conv;
/// Gradients of a convolution's weights and bias.
pub mod conv_weight;
/// SiLU, GELU, GEGLU, sigmoid, tanh.
pub mod elementwise;
/// Vectorised exp, tanh, erf; sums and dot products.
pub mod math;
/// Linear layers: matrix products, forward and backward.
pub mod matmul;
/// Group and layer normalisation, forward and backward.
pub mod norm;
/// Max pooling over time, height and width.
pub mod pool;
/// Reused memory, and outputs that threads fill together.
pub mod scratch;
/// Vector registers of f32, and the instruction set chosen at run time.
pub mod simd;
/// Softmax over one dimension, forward and backward.
pub mod softmax;
/// The inner loop of convolutions and matrix products.
pub mod tile;
/// Transposes of matrices.
pub mod transpose;
