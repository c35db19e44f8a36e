//! Convolution and transposed convolution of flex's tensors.

use burn::backend::flex::FlexTensor;

use super::dense::{Dense, DenseArgs, tensor, three};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cpu::{conv, conv_weight, pool};
use crate::kernels::operation::Operation;
use crate::kernels::windows::Windows;

/// The sizes of the convolution that an operation is, or is the adjoint of.
fn shape(operation: Operation, x: &Dense, weight: &Dense) -> conv::Shape {
    let [batch, channels, height, width] = x.dims();
    let [first, second, kernel_height, kernel_width] = weight.dims();
    let kernel = [kernel_height, kernel_width];
    match operation {
        Operation::Conv2d { stride, padding } => {
            assert_eq!(channels, second, "channels of the input and of the weight");
            let (inputs, outputs) = (channels, first);
            conv::Shape {
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
        Operation::ConvTranspose2d {
            stride,
            padding,
            output_padding,
        } => {
            assert_eq!(channels, first, "channels of the input and of the weight");
            assert!(
                output_padding < stride,
                "output padding must be less than the stride"
            );
            let size = |size: usize, kernel: usize| {
                (size.max(1) - 1) * stride + kernel + output_padding - 2 * padding
            };
            let (height, width) = (size(height, kernel[0]), size(width, kernel[1]));
            let (inputs, outputs) = (second, channels);
            conv::Shape {
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
        _ => unreachable!("{operation:?} is no convolution"),
    }
}

/// The result of either.
pub fn forward(isa: Isa, operation: Operation, inputs: &[Dense]) -> FlexTensor {
    let (x, weight) = (&inputs[0], &inputs[1]);
    let bias = inputs.get(2).map(Dense::numbers);
    let shape = shape(operation, x, weight);
    let (x, weight) = (x.numbers(), weight.numbers());
    if matches!(operation, Operation::Conv2d { .. }) {
        let [height, width] = shape.output();
        let y = conv::forward(isa, x, weight, bias, shape);
        tensor(y, [shape.batch, shape.outputs, height, width])
    } else {
        let y = conv::adjoint(isa, x, weight, bias, shape);
        tensor(y, [shape.batch, shape.inputs, shape.height, shape.width])
    }
}

/// The convolution of clips.
pub fn volume_forward(isa: Isa, inputs: &[Dense], windows: Windows, rectify: bool) -> FlexTensor {
    let [clips, time, channels, height, width] = inputs[0].dims();
    let [outputs, depth, kernel_height, kernel_width] = inputs[1].dims();
    let [long, ..] = windows.size;
    assert_eq!(
        windows.size,
        [long, kernel_height, kernel_width],
        "windows and weight"
    );
    assert_eq!(
        long * channels,
        depth,
        "channels under a window and of the weight"
    );
    let volume = conv::Volume {
        clips,
        inputs: channels,
        size: [time, height, width],
        outputs,
        windows,
        rectify,
    };
    let [x, weight, bias] = three(inputs);
    let y = conv::volume_forward(isa, x, weight, Some(bias), volume);
    let [time, height, width] = windows.count(volume.size);
    tensor(y, [clips, time, outputs, height, width])
}

/// The largest values of clips.
pub fn max_pool(isa: Isa, x: &Dense, windows: Windows) -> FlexTensor {
    let [clips, time, channels, height, width] = x.dims();
    let size = [time, height, width];
    let y = pool::largest(isa, x.numbers(), channels, size, windows);
    let [time, height, width] = windows.count(size);
    tensor(y, [clips, time, channels, height, width])
}

/// The wanted gradients of either.
pub fn backward(isa: Isa, operation: Operation, step: &DenseArgs<'_>) -> Vec<Option<FlexTensor>> {
    let shape = shape(operation, &step.inputs[0], &step.inputs[1]);
    let (x, weight) = (step.inputs[0].numbers(), step.inputs[1].numbers());
    let gradient = step.gradient.numbers();
    if matches!(operation, Operation::Conv2d { .. }) {
        let pixels = shape.output().iter().product();
        vec![
            step.gradient(0, || conv::adjoint(isa, gradient, weight, None, shape)),
            step.gradient(1, || conv_weight::gradient(isa, x, gradient, shape)),
            step.gradient(2, || {
                conv_weight::bias_gradient(gradient, shape.outputs, pixels)
            }),
        ]
    } else {
        let pixels = shape.height * shape.width;
        vec![
            step.gradient(0, || conv::forward(isa, gradient, weight, None, shape)),
            step.gradient(1, || conv_weight::gradient(isa, gradient, x, shape)),
            step.gradient(2, || {
                conv_weight::bias_gradient(gradient, shape.inputs, pixels)
            }),
        ]
    }
}
