use burn::tensor::{Device, Tensor};

use super::{assert_close, numbers, tensor, values, with_threads};
use crate::kernels::cpu::conv::{self, Shape};
use crate::kernels::cpu::conv_weight;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::{self, fallback};

/// batch, inputs, height, width, outputs, kernel, stride, padding
const SIZES: [[usize; 8]; 12] = [
    [2, 3, 9, 11, 7, 3, 1, 1],
    [5, 16, 16, 16, 24, 3, 1, 1],
    [2, 5, 8, 8, 9, 5, 1, 2],
    [3, 4, 32, 32, 8, 3, 2, 1],
    [1, 2, 11, 13, 7, 4, 2, 1],
    [2, 6, 16, 16, 7, 1, 1, 0],
    [2, 6, 5, 5, 7, 1, 2, 0],
    [1, 3, 12, 12, 4, 4, 4, 0],
    [1, 1, 6, 6, 1, 3, 3, 1],
    [2, 17, 4, 4, 9, 3, 1, 1],
    [1, 3, 7, 20, 2, 7, 2, 3],
    [0, 3, 8, 8, 4, 3, 1, 1],
];

fn shape(
    [
        batch,
        inputs,
        height,
        width,
        outputs,
        kernel,
        stride,
        padding,
    ]: [usize; 8],
) -> Shape {
    let kernel = [kernel; 2];
    Shape {
        batch,
        inputs,
        height,
        width,
        outputs,
        kernel,
        stride,
        padding,
    }
}

/// The convolution, summed in f64.
fn reference(x: &[f32], weight: &[f32], bias: &[f32], shape: Shape) -> Vec<f64> {
    let [height, width] = shape.output();
    let mut y = Vec::new();
    for image in 0..shape.batch {
        for output in 0..shape.outputs {
            for pixel in 0..height * width {
                let mut sum = f64::from(bias[output]);
                for index in 0..shape.inputs * shape.taps() {
                    let (input, tap) = (index / shape.taps(), index % shape.taps());
                    let row = pixel / width * shape.stride + tap / shape.kernel[1];
                    let column = pixel % width * shape.stride + tap % shape.kernel[1];
                    let inside = |position: usize, size: usize| {
                        position
                            .checked_sub(shape.padding)
                            .filter(|&position| position < size)
                    };
                    let (Some(row), Some(column)) =
                        (inside(row, shape.height), inside(column, shape.width))
                    else {
                        continue;
                    };
                    let plane = image * shape.inputs + input;
                    sum += f64::from(x[(plane * shape.height + row) * shape.width + column])
                        * f64::from(weight[output * shape.inputs * shape.taps() + index]);
                }
                y.push(sum);
            }
        }
    }
    y
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}

#[test]
fn every_instruction_set_convolves_as_f64_does() {
    for isa in Isa::available() {
        for size in SIZES {
            let shape = shape(size);
            let x = numbers(shape.batch * shape.inputs * shape.height * shape.width, 1);
            let weight = numbers(shape.outputs * shape.inputs * shape.taps(), 2);
            let bias = numbers(shape.outputs, 3);
            let y = conv::forward(isa, &x, &weight, Some(&bias), shape);
            let exact = reference(&x, &weight, &bias, shape);
            assert_eq!(y.len(), exact.len());
            for (y, exact) in y.iter().zip(exact) {
                assert!(
                    (f64::from(*y) - exact).abs() < 2e-5,
                    "{isa:?} {size:?}: {y}, not {exact}"
                );
            }
        }
    }
}

#[test]
fn the_two_gradients_are_adjoints_of_the_convolution() {
    for isa in Isa::available() {
        for size in SIZES {
            let shape = shape(size);
            let x = numbers(shape.batch * shape.inputs * shape.height * shape.width, 1);
            let weight = numbers(shape.outputs * shape.inputs * shape.taps(), 2);
            let y = conv::forward(isa, &x, &weight, None, shape);
            let other = numbers(y.len(), 3);
            let expected = dot(&y, &other);
            let by_x = dot(&x, &conv::adjoint(isa, &other, &weight, None, shape));
            let by_weight = dot(&weight, &conv_weight::gradient(isa, &x, &other, shape));
            assert!(
                (by_x - expected).abs() < 1e-3,
                "{isa:?} {size:?}: {by_x}, not {expected}"
            );
            assert!(
                (by_weight - expected).abs() < 1e-3,
                "{isa:?} {size:?}: {by_weight}"
            );
        }
    }
}

#[test]
fn convolution_and_its_gradients_are_burns() {
    let device = Device::flex().autodiff();
    for size in &SIZES[..11] {
        let [
            batch,
            inputs,
            height,
            width,
            outputs,
            kernel,
            stride,
            padding,
        ] = *size;
        let run = |ours: bool| {
            let x = tensor([batch, inputs, height, width], 1, &device).require_grad();
            let weight = tensor([outputs, inputs, kernel, kernel], 2, &device).require_grad();
            let bias = tensor([outputs], 3, &device).require_grad();
            let f = if ours {
                kernels::conv2d
            } else {
                fallback::conv2d
            };
            let y = f(
                x.clone(),
                weight.clone(),
                Some(bias.clone()),
                stride,
                padding,
            );
            let grads = (y.clone() * tensor(y.dims(), 4, &device)).sum().backward();
            (y, x.grad(&grads), weight.grad(&grads), bias.grad(&grads))
        };
        let (ours, plain) = (run(true), run(false));
        assert_close(ours.0, plain.0, 1e-5, "y");
        assert_close(ours.1.unwrap(), plain.1.unwrap(), 1e-5, "x");
        assert_close(ours.2.unwrap(), plain.2.unwrap(), 1e-5, "weight");
        assert_close(ours.3.unwrap(), plain.3.unwrap(), 1e-5, "bias");
    }
}

#[test]
fn transposed_convolution_and_its_gradients_are_burns() {
    let device = Device::flex().autodiff();
    for [inputs, outputs, kernel, stride, padding, output_padding] in [
        [3, 7, 5, 2, 2, 1],
        [8, 4, 4, 2, 1, 0],
        [5, 2, 3, 1, 1, 0],
        [2, 3, 2, 3, 0, 1],
    ] {
        let run = |ours: bool| {
            let x = tensor([2, inputs, 6, 8], 1, &device).require_grad();
            let weight = tensor([inputs, outputs, kernel, kernel], 2, &device).require_grad();
            let bias = tensor([outputs], 3, &device).require_grad();
            let f = if ours {
                kernels::conv_transpose2d
            } else {
                fallback::conv_transpose2d
            };
            let bias_given = Some(bias.clone());
            let y = f(
                x.clone(),
                weight.clone(),
                bias_given,
                stride,
                padding,
                output_padding,
            );
            let grads = (y.clone() * tensor(y.dims(), 4, &device)).sum().backward();
            (y, x.grad(&grads), weight.grad(&grads), bias.grad(&grads))
        };
        let (ours, plain) = (run(true), run(false));
        assert_close(ours.0, plain.0, 1e-5, "y");
        assert_close(ours.1.unwrap(), plain.1.unwrap(), 1e-5, "x");
        assert_close(ours.2.unwrap(), plain.2.unwrap(), 1e-5, "weight");
        assert_close(ours.3.unwrap(), plain.3.unwrap(), 1e-5, "bias");
    }
}

#[test]
fn views_convolve_as_their_copies_do() {
    let device = Device::flex();
    let x: Tensor<4> = tensor([4, 12, 10, 3], 1, &device)
        .permute([0, 3, 1, 2])
        .narrow(0, 1, 2);
    let weight: Tensor<4> = tensor([3, 5, 3, 3], 2, &device).swap_dims(0, 1);
    let ours = kernels::conv2d(x.clone(), weight.clone(), None, 1, 1);
    assert_close(ours, fallback::conv2d(x, weight, None, 1, 1), 1e-5, "y");
}

#[test]
fn a_convolution_has_the_same_bytes_for_any_threads_and_batch() {
    for size in [
        [5, 16, 16, 16, 24, 3, 1, 1],
        [5, 7, 20, 20, 9, 3, 2, 1],
        [5, 32, 8, 8, 40, 1, 1, 0],
    ] {
        let shape = shape(size);
        let isa = Isa::best();
        let image = shape.inputs * shape.height * shape.width;
        let x = numbers(shape.batch * image, 1);
        let weight = numbers(shape.outputs * shape.inputs * shape.taps(), 2);
        let run = |x: &[f32], shape: Shape| {
            let y = conv::forward(isa, x, &weight, None, shape);
            let back = conv::adjoint(isa, &y, &weight, None, shape);
            let gradient = conv_weight::gradient(isa, x, &y, shape);
            (y, back, gradient)
        };
        let one = with_threads(1, || run(&x, shape));
        assert!(
            one == with_threads(2, || run(&x, shape)),
            "{size:?}: two threads"
        );
        assert!(
            one == with_threads(5, || run(&x, shape)),
            "{size:?}: five threads"
        );
        let alone = run(&x[image..2 * image], Shape { batch: 1, ..shape });
        assert!(
            one.0[alone.0.len()..2 * alone.0.len()] == alone.0[..],
            "{size:?}: alone"
        );
        assert!(
            one.1[image..2 * image] == alone.1[..],
            "{size:?}: alone, back"
        );
    }
}

#[test]
fn gradients_stop_where_none_is_wanted() {
    let device = Device::flex().autodiff();
    let x: Tensor<4> = tensor([1, 2, 5, 5], 1, &device);
    let weight = tensor([3, 2, 3, 3], 2, &device).require_grad();
    let grads = kernels::conv2d(x.clone(), weight.clone(), None, 1, 1)
        .sum()
        .backward();
    assert!(x.grad(&grads).is_none());
    assert!(
        values(weight.grad(&grads).unwrap())
            .iter()
            .any(|&number| number != 0.0)
    );
}
