use burn::tensor::{Device, Tensor};

use crate::kernels::cpu::matmul::{self, Sizes};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cpu::transpose::transpose;
use crate::kernels::tests::{assert_close, numbers, tensor, with_threads};
use crate::kernels::{self, fallback};

const SIZES: [[usize; 3]; 7] = [
    [1, 1, 1],
    [7, 5, 3],
    [100, 64, 49],
    [300, 33, 130],
    [2000, 70, 20],
    [64, 1000, 50],
    [0, 4, 6],
];

#[test]
fn every_instruction_set_multiplies_as_f64_does() {
    for isa in Isa::available() {
        for [rows, inputs, outputs] in SIZES {
            let sizes = Sizes {
                rows,
                inputs,
                outputs,
            };
            let (x, weight) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
            let bias = numbers(outputs, 3);
            let y = matmul::linear(isa, &x, &weight, Some(&bias), sizes);
            assert_eq!(y.len(), rows * outputs);
            for (index, y) in y.iter().enumerate() {
                let (row, output) = (index / outputs, index % outputs);
                let products = x[row * inputs..][..inputs]
                    .iter()
                    .zip(&weight[output * inputs..][..inputs])
                    .map(|(&x, &weight)| f64::from(x) * f64::from(weight));
                let exact = products.sum::<f64>() + f64::from(bias[output]);
                assert!(
                    (f64::from(*y) - exact).abs() < 5e-5,
                    "{isa:?} {sizes:?}: {y}, not {exact}"
                );
            }
        }
    }
}

#[test]
fn a_linear_layer_and_its_gradients_are_burns() {
    let device = Device::flex().autodiff();
    for [rows, inputs, outputs] in &SIZES[..6] {
        for biased in [true, false] {
            let run = |ours: bool| {
                let x: Tensor<3> = tensor([2, *rows, *inputs], 1, &device).require_grad();
                let weight = tensor([*outputs, *inputs], 2, &device).require_grad();
                let bias = tensor([*outputs], 3, &device).require_grad();
                let given = biased.then(|| bias.clone());
                let f = if ours {
                    kernels::linear
                } else {
                    fallback::linear
                };
                let y = f(x.clone(), weight.clone(), given);
                let grads = (y.clone() * tensor(y.dims(), 4, &device)).sum().backward();
                (
                    y,
                    x.grad(&grads).unwrap(),
                    weight.grad(&grads).unwrap(),
                    bias.grad(&grads),
                )
            };
            let (ours, plain) = (run(true), run(false));
            assert_close(ours.0, plain.0, 1e-5, "y");
            assert_close(ours.1, plain.1, 1e-5, "x");
            assert_close(ours.2, plain.2, 1e-5, "weight");
            assert_eq!(ours.3.is_some(), biased);
            if let (Some(ours), Some(plain)) = (ours.3, plain.3) {
                assert_close(ours, plain, 1e-5, "bias");
            }
        }
    }
}

#[test]
fn a_linear_layer_takes_views_and_single_rows() {
    let device = Device::flex();
    let x: Tensor<3> = tensor([3, 8, 5], 1, &device).swap_dims(1, 2);
    let weight: Tensor<2> = tensor([8, 6], 2, &device).transpose();
    let ours = kernels::linear(x.clone(), weight.clone(), None);
    assert_close(ours, fallback::linear(x, weight.clone(), None), 1e-5, "y");
    let x: Tensor<1> = tensor([8], 1, &device);
    assert_close(
        kernels::linear(x.clone(), weight.clone(), None),
        fallback::linear(x, weight, None),
        1e-5,
        "y",
    );
}

#[test]
fn a_linear_layer_has_the_same_bytes_for_any_threads_and_batch() {
    let isa = Isa::best();
    for [rows, inputs, outputs] in [[5 * 40, 64, 100], [5 * 300, 33, 20]] {
        let sizes = Sizes {
            rows,
            inputs,
            outputs,
        };
        let (x, weight) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
        let run = |x: &[f32], sizes: Sizes| {
            let y = matmul::linear(isa, x, &weight, None, sizes);
            let back = matmul::input_gradient(isa, &y, &weight, sizes);
            (matmul::weight_gradient(isa, x, &y, sizes), y, back)
        };
        let one = with_threads(1, || run(&x, sizes));
        assert!(one == with_threads(2, || run(&x, sizes)));
        assert!(one == with_threads(5, || run(&x, sizes)));
        let part = rows / 5;
        let alone = run(
            &x[part * inputs..2 * part * inputs],
            Sizes {
                rows: part,
                ..sizes
            },
        );
        assert!(one.1[part * outputs..2 * part * outputs] == alone.1[..]);
        assert!(one.2[part * inputs..2 * part * inputs] == alone.2[..]);
    }
}

#[test]
fn a_transpose_moves_every_number() {
    for isa in Isa::available() {
        for [rows, columns] in [[1, 1], [8, 8], [19, 33], [16, 7], [3, 40]] {
            let from = numbers(rows * columns, 1);
            let mut to = vec![0.0; columns * (rows + 2)];
            transpose(isa, (&from, columns), [rows, columns], (&mut to, rows + 2));
            for row in 0..rows {
                for column in 0..columns {
                    assert!(
                        to[column * (rows + 2) + row].to_bits()
                            == from[row * columns + column].to_bits()
                    );
                }
            }
        }
    }
}
