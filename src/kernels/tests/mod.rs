//! Kernels against burn's own operations and against sums in f64.

use burn::tensor::{Device, Tensor, TensorData};

/// Attention, with and without bias.
mod attention;
/// Convolution and transposed convolution.
mod conv;
/// Activations.
mod elementwise;
/// Linear layers.
mod matmul;
/// Group and layer normalisation.
mod norm;
/// Convolution and pooling over time.
mod volume;

/// Numbers in −1..1 that look random, from a seed.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A tensor of [`numbers`].
pub fn tensor<const D: usize>(dims: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let count = dims.iter().product();
    Tensor::from_data(TensorData::new(numbers(count, seed), dims), device)
}

/// Asserts that numbers agree to `tolerance` of the largest.
pub fn assert_close<const D: usize>(ours: Tensor<D>, plain: Tensor<D>, tolerance: f32, what: &str) {
    assert_eq!(ours.dims(), plain.dims(), "{what}");
    let (ours, plain) = (values(ours), values(plain));
    let scale = plain.iter().fold(1e-3, |scale: f32, x| scale.max(x.abs()));
    for (index, (a, b)) in ours.iter().zip(&plain).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "{what} at {index}: {a}, not {b} (of {scale})"
        );
    }
}

/// The numbers of a tensor.
pub fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap()
}

/// `work` on a pool of `threads` threads.
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}
