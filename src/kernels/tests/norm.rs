use burn::tensor::{Device, Tensor};

use super::{assert_close, numbers, tensor, with_threads};
use crate::kernels::cpu::norm;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::{self, fallback};

type Norm<const D: usize> = fn(Tensor<D>, Tensor<1>, Tensor<1>) -> Tensor<D>;

/// Result and gradients of input, scale and shift.
fn all<const D: usize>(
    dims: [usize; D],
    channels: usize,
    f: Norm<D>,
) -> (Tensor<D>, Tensor<D>, [Tensor<1>; 2]) {
    let device = Device::flex().autodiff();
    let x = (tensor(dims, 1, &device) * 3.0 + 0.5).require_grad();
    let gamma = tensor([channels], 2, &device).require_grad();
    let beta = tensor([channels], 3, &device).require_grad();
    let y = f(x.clone(), gamma.clone(), beta.clone());
    let grads = (y.clone() * tensor(dims, 4, &device)).sum().backward();
    let parameters = [gamma, beta].map(|parameter| parameter.grad(&grads).unwrap());
    (y, x.grad(&grads).unwrap(), parameters)
}

fn compare<const D: usize>(
    what: &str,
    dims: [usize; D],
    channels: usize,
    ours: Norm<D>,
    plain: Norm<D>,
) {
    let (ours, plain) = (all(dims, channels, ours), all(dims, channels, plain));
    assert_close(ours.0, plain.0, 5e-6, what);
    assert_close(ours.1, plain.1, 5e-6, what);
    for (ours, plain) in ours.2.into_iter().zip(plain.2) {
        assert_close(ours, plain, 5e-6, what);
    }
}

#[test]
fn group_norm_and_its_gradients_are_burns() {
    for dims in [[2, 12, 5, 7], [3, 12, 16, 16], [1, 12, 1, 1]] {
        compare(
            "3 groups",
            dims,
            12,
            |x, g, b| kernels::group_norm(x, g, b, 3, 1e-5),
            |x, g, b| fallback::group_norm(x, g, b, 3, 1e-5),
        );
        compare(
            "3 groups, SiLU",
            dims,
            12,
            |x, g, b| kernels::group_norm_silu(x, g, b, 3, 1e-5),
            |x, g, b| fallback::silu(fallback::group_norm(x, g, b, 3, 1e-5)),
        );
        compare(
            "1 group, SiLU",
            dims,
            12,
            |x, g, b| kernels::group_norm_silu(x, g, b, 1, 1e-3),
            |x, g, b| fallback::silu(fallback::group_norm(x, g, b, 1, 1e-3)),
        );
    }
}

#[test]
fn layer_norm_and_its_gradients_are_burns() {
    for dims in [[2, 3, 64], [40, 100, 7], [1, 1, 256]] {
        compare(
            "layer norm",
            dims,
            dims[2],
            |x, g, b| kernels::layer_norm(x, g, b, 1e-5),
            |x, g, b| fallback::layer_norm(x, g, b, 1e-5),
        );
    }
}

#[test]
fn a_view_is_normalised_as_its_copy() {
    let device = Device::flex();
    let x: Tensor<4> = tensor([2, 5, 6, 8], 1, &device).permute([0, 3, 1, 2]);
    let (gamma, beta) = (tensor([8], 2, &device), tensor([8], 3, &device));
    let ours = kernels::group_norm(x.clone(), gamma.clone(), beta.clone(), 4, 1e-5);
    assert_close(
        ours,
        fallback::group_norm(x, gamma, beta, 4, 1e-5),
        5e-6,
        "group norm",
    );
}

#[test]
fn every_instruction_set_normalises_alike() {
    let sizes = norm::Groups {
        channels: 6,
        pixels: 35,
        count: 2,
        eps: 1e-5,
        silu: true,
    };
    let (x, g) = (numbers(3 * 6 * 35, 1), numbers(3 * 6 * 35, 2));
    let (gamma, beta) = (numbers(6, 3), numbers(6, 4));
    let run = |isa| {
        let y = norm::group_forward(isa, &x, &gamma, &beta, sizes);
        let back = norm::group_backward(isa, &x, &g, [&gamma, &beta], sizes);
        [y, back.x, back.gamma, back.beta].concat()
    };
    let best = run(Isa::best());
    for isa in Isa::available() {
        for (a, b) in run(isa).iter().zip(&best) {
            assert!((a - b).abs() < 2e-5, "{isa:?}: {a}, not {b}");
        }
    }
}

#[test]
fn norms_have_the_same_bytes_for_any_threads_and_batch() {
    let sizes = norm::Groups {
        channels: 16,
        pixels: 256,
        count: 4,
        eps: 1e-5,
        silu: true,
    };
    let isa = Isa::best();
    let image = 16 * 256;
    let (x, g) = (numbers(5 * image, 1), numbers(5 * image, 2));
    let (gamma, beta) = (numbers(16, 3), numbers(16, 4));
    let run = |x: &[f32], g: &[f32]| {
        let group = norm::group_backward(isa, x, g, [&gamma, &beta], sizes);
        let layer = norm::layer_backward(isa, x, g, &gamma, 1e-5);
        let y = norm::group_forward(isa, x, &gamma, &beta, sizes);
        let z = norm::layer_forward(isa, x, &gamma, &beta, 1e-5);
        (
            [y, z, group.x, layer.x],
            [group.gamma, group.beta, layer.gamma, layer.beta],
        )
    };
    let one = with_threads(1, || run(&x, &g));
    assert!(one == with_threads(2, || run(&x, &g)));
    let alone = run(&x[image..2 * image], &g[image..2 * image]);
    for (all, alone) in one.0.iter().zip(&alone.0) {
        assert!(all[image..2 * image] == alone[..]);
    }
}

#[test]
fn an_empty_batch_is_normalised_to_an_empty_one() {
    let device = Device::flex();
    let (gamma, beta) = (tensor([4], 1, &device), tensor([4], 2, &device));
    let x: Tensor<4> = tensor([0, 4, 3, 3], 3, &device);
    assert_eq!(
        kernels::group_norm(x, gamma, beta, 2, 1e-5).dims(),
        [0, 4, 3, 3]
    );
}
