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

pub mod attention;
pub mod conv;
pub mod conv_weight;
pub mod elementwise;
pub mod math;
pub mod matmul;
pub mod norm;
pub mod pool;
pub mod scratch;
pub mod simd;
pub mod softmax;
pub mod tile;
pub mod transpose;
