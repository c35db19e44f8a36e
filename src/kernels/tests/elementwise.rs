use burn::tensor::{Device, Tensor};

use super::{assert_close, numbers, tensor, values, with_threads};
use crate::kernels::cpu::elementwise::{self, Function};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cpu::softmax;
use crate::kernels::{self, fallback};

/// The error function by its Taylor series, good for |x| < 6 in f64.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn exact(function: Function, x: f64) -> f64 {
    match function {
        Function::Silu => x / (1.0 + (-x).exp()),
        Function::Gelu => x * 0.5 * (1.0 + erf(x / 2.0_f64.sqrt())),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
    }
}

const FUNCTIONS: [Function; 4] = [
    Function::Silu,
    Function::Gelu,
    Function::Sigmoid,
    Function::Tanh,
];

#[test]
fn every_instruction_set_gives_functions_as_f64_does() {
    let x: Vec<f32> = (-4501..=4501).map(|step| step as f32 * 1e-3).collect();
    for isa in Isa::available() {
        for function in FUNCTIONS {
            let y = elementwise::map(isa, function, &x);
            let slope = elementwise::map_backward(isa, function, &x, &vec![1.0; x.len()]);
            for ((&x, y), slope) in x.iter().zip(y).zip(slope) {
                let x = f64::from(x);
                let expected = exact(function, x);
                assert!(
                    (f64::from(y) - expected).abs() < 4e-7 * (1.0 + x.abs()),
                    "{function:?} {x}"
                );
                let expected = (exact(function, x + 1e-4) - exact(function, x - 1e-4)) / 2e-4;
                assert!(
                    (f64::from(slope) - expected).abs() < 1e-6,
                    "{isa:?} {function:?} at {x}"
                );
            }
        }
    }
}

#[test]
fn extreme_numbers_stay_finite_and_nan_stays_nan() {
    let x = [
        -1e30,
        -200.0,
        -88.0,
        88.0,
        200.0,
        1e30,
        f32::NEG_INFINITY,
        f32::INFINITY,
        f32::NAN,
    ];
    for isa in Isa::available() {
        let y = elementwise::map(isa, Function::Sigmoid, &x);
        assert!(
            y[..8].iter().all(|y| (0.0..=1.0).contains(y)),
            "{isa:?}: {y:?}"
        );
        assert!(
            y[6] < 1e-38 && y[7] > 0.999_999 && y[8].is_nan(),
            "{isa:?}: {y:?}"
        );
        let y = elementwise::map(isa, Function::Tanh, &x);
        assert!(
            y[0] < -0.999_999 && y[5] > 0.999_999 && y[8].is_nan(),
            "{isa:?}: {y:?}"
        );
    }
}

/// Result and gradient of a function of one tensor.
fn both<const D: usize>(
    dims: [usize; D],
    f: impl Fn(Tensor<D>) -> Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    let device = Device::flex().autodiff();
    let x = (tensor(dims, 1, &device) * 4.0).require_grad();
    let y = f(x.clone());
    let grads = (y.clone() * tensor(y.dims(), 2, &device)).sum().backward();
    (y, x.grad(&grads).unwrap())
}

fn compare<const D: usize>(
    what: &str,
    dims: [usize; D],
    ours: impl Fn(Tensor<D>) -> Tensor<D>,
    plain: impl Fn(Tensor<D>) -> Tensor<D>,
) {
    let (ours, plain) = (both(dims, ours), both(dims, plain));
    assert_close(ours.0, plain.0, 2e-6, what);
    assert_close(ours.1, plain.1, 4e-6, what);
}

#[test]
fn functions_and_their_gradients_are_burns() {
    let dims = [3, 5, 1231];
    compare("silu", dims, kernels::silu, fallback::silu);
    compare("gelu", dims, kernels::gelu, fallback::gelu);
    compare("sigmoid", dims, kernels::sigmoid, fallback::sigmoid);
    compare("tanh", dims, kernels::tanh, fallback::tanh);
    compare("geglu", [7, 3, 46], kernels::geglu, fallback::geglu);
    compare(
        "silu of a view",
        dims,
        |x| kernels::silu(x.swap_dims(0, 2)),
        |x| fallback::silu(x.swap_dims(0, 2)),
    );
}

#[test]
fn softmax_and_its_gradient_are_burns_over_every_dimension() {
    for dims in [[2, 7, 100], [3, 130, 5], [1, 1, 1], [4, 64, 64]] {
        for dim in 0..3 {
            let what = format!("{dims:?} over {dim}");
            compare(
                &what,
                dims,
                |x| kernels::softmax(x, dim),
                |x| fallback::softmax(x, dim),
            );
        }
    }
}

#[test]
fn hidden_scores_get_no_share() {
    let x = [1.0, f32::NEG_INFINITY, 2.0, f32::NEG_INFINITY];
    for isa in Isa::available() {
        for [outer, count, inner] in [[1, 4, 1], [1, 2, 2], [2, 2, 1]] {
            let y = softmax::forward(
                isa,
                &x,
                softmax::Shape {
                    outer,
                    count,
                    inner,
                },
            );
            let hidden = if inner == 2 {
                [y[1], y[3]].map(f32::is_nan) == [true; 2]
            } else {
                y[1] == 0.0 && y[3] == 0.0
            };
            assert!(hidden, "{isa:?} {y:?}");
        }
    }
}

#[test]
fn an_empty_batch_gives_an_empty_result() {
    let device = Device::flex();
    assert_eq!(kernels::silu(tensor([0, 4], 1, &device)).dims(), [0, 4]);
    assert_eq!(kernels::geglu(tensor([0, 4], 1, &device)).dims(), [0, 2]);
    assert_eq!(
        kernels::softmax(tensor([0, 4], 1, &device), 1).dims(),
        [0, 4]
    );
}

#[test]
fn functions_and_softmax_have_the_same_bytes_for_any_threads_and_batch() {
    let isa = Isa::best();
    let (x, g) = (numbers(5 * 70_000, 1), numbers(5 * 70_000, 2));
    let shapes = [[5, 70_000, 1], [5, 7, 10_000], [5 * 700, 100, 1]];
    let run = |x: &[f32], g: &[f32], images: usize| {
        let mut all = Vec::new();
        for function in FUNCTIONS {
            all.push(elementwise::map(isa, function, x));
            all.push(elementwise::map_backward(isa, function, x, g));
        }
        for [outer, count, inner] in shapes {
            let shape = softmax::Shape {
                outer: outer * images / 5,
                count,
                inner,
            };
            all.push(softmax::forward(isa, x, shape));
            all.push(softmax::backward(isa, x, g, shape));
        }
        all
    };
    let one = with_threads(1, || run(&x, &g, 5));
    assert!(one == with_threads(2, || run(&x, &g, 5)));
    for (all, alone) in one
        .iter()
        .zip(run(&x[70_000..140_000], &g[70_000..140_000], 1))
    {
        assert!(all[70_000..140_000] == alone[..]);
    }
}

#[test]
fn tensors_that_are_not_f32_take_burns_way() {
    let device = Device::flex();
    let x: Tensor<2> = tensor([2, 3], 1, &device).cast(burn::tensor::DType::F64);
    assert!(!kernels::takes(&x));
    assert!(kernels::takes(&tensor([1], 1, &device)));
    assert!(kernels::takes(&tensor([1], 1, &device.autodiff())));
    let y = kernels::silu(x).cast(burn::tensor::DType::F32);
    assert_eq!(values(y).len(), 6);
}
