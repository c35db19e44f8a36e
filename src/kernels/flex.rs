//! Operations on flex's tensors: shapes are checked and read, kernels called.

use burn::backend::flex::FlexTensor;

use dense::{Dense, three};

use super::cpu::{elementwise, matmul, norm, softmax};
use super::operation::{BackwardArgs, Operation};
use crate::kernels::cpu::simd::Isa;

mod attention;
mod convolution;
mod dense;

/// The result of `operation`.
pub fn forward(operation: Operation, inputs: &[FlexTensor]) -> FlexTensor {
    if let Operation::Attention { scale } = operation {
        return attention::forward(Isa::best(), inputs, scale);
    }
    let inputs: Vec<_> = inputs.iter().map(Dense::new).collect();
    let isa = Isa::best();
    match operation {
        Operation::Attention { .. } => unreachable!("attention was taken above"),
        Operation::Conv2d { .. } | Operation::ConvTranspose2d { .. } => {
            convolution::forward(isa, operation, &inputs)
        }
        Operation::Conv3d { windows, rectify } => {
            convolution::volume_forward(isa, &inputs, windows, rectify)
        }
        Operation::MaxPool3d { windows } => convolution::max_pool(isa, &inputs[0], windows),
        Operation::GroupNorm { .. } => {
            let sizes = groups(operation, &inputs[0]);
            let [x, gamma, beta] = three(&inputs);
            inputs[0].like(norm::group_forward(isa, x, gamma, beta, sizes))
        }
        Operation::LayerNorm { eps } => {
            let [x, gamma, beta] = three(&inputs);
            inputs[0].like(norm::layer_forward(isa, x, gamma, beta, eps))
        }
        Operation::Softmax { dim } => {
            let shape = inputs[0].around(dim);
            inputs[0].like(softmax::forward(isa, inputs[0].numbers(), shape))
        }
        Operation::Map(function) => {
            inputs[0].like(elementwise::map(isa, function, inputs[0].numbers()))
        }
        Operation::Linear => {
            let sizes = linear_sizes(&inputs[0], &inputs[1]);
            let bias = inputs.get(2).map(Dense::numbers);
            let (x, weight) = (inputs[0].numbers(), inputs[1].numbers());
            let y = matmul::linear(isa, x, weight, bias, sizes);
            inputs[0].with_last(y, sizes.outputs)
        }
        Operation::Geglu => {
            let half = inputs[0].last() / 2;
            let y = elementwise::geglu(isa, inputs[0].numbers(), half);
            inputs[0].with_last(y, half)
        }
    }
}

/// The gradients that are wanted of `operation`'s inputs.
pub fn backward(
    operation: Operation,
    step: &BackwardArgs<'_, FlexTensor>,
) -> Vec<Option<FlexTensor>> {
    if let Operation::Attention { scale } = operation {
        return attention::backward(Isa::best(), step, scale);
    }
    let isa = Isa::best();
    let step = Dense::step(step);
    let gradient = step.gradient.numbers();
    match operation {
        Operation::Attention { .. } => unreachable!("attention was taken above"),
        Operation::Conv2d { .. } | Operation::ConvTranspose2d { .. } => {
            convolution::backward(isa, operation, &step)
        }
        Operation::Conv3d { .. } | Operation::MaxPool3d { .. } => {
            unreachable!("{operation:?} is not called where gradients are wanted")
        }
        Operation::GroupNorm { .. } => {
            let sizes = groups(operation, &step.inputs[0]);
            let [x, gamma, beta] = three(&step.inputs);
            let found = norm::group_backward(isa, x, gradient, [gamma, beta], sizes);
            step.all([found.x, found.gamma, found.beta])
        }
        Operation::LayerNorm { eps } => {
            let [x, gamma, _] = three(&step.inputs);
            let found = norm::layer_backward(isa, x, gradient, gamma, eps);
            step.all([found.x, found.gamma, found.beta])
        }
        Operation::Softmax { dim } => {
            let y = step.output.as_ref().unwrap_or(&step.gradient);
            let found = softmax::backward(isa, y.numbers(), gradient, y.around(dim));
            vec![Some(y.like(found))]
        }
        Operation::Map(function) => {
            let x = step.inputs[0].numbers();
            step.all([elementwise::map_backward(isa, function, x, gradient)])
        }
        Operation::Linear => {
            let sizes = linear_sizes(&step.inputs[0], &step.inputs[1]);
            let (x, weight) = (step.inputs[0].numbers(), step.inputs[1].numbers());
            let wants = |index: usize| step.wanted.get(index) == Some(&true);
            let parameters = || matmul::weight_gradient(isa, x, gradient, sizes);
            let [dweight, dbias] = if wants(1) || wants(2) {
                parameters()
            } else {
                [vec![], vec![]]
            };
            vec![
                step.gradient(0, || matmul::input_gradient(isa, gradient, weight, sizes)),
                step.gradient(1, || dweight),
                step.gradient(2, || dbias),
            ]
        }
        Operation::Geglu => {
            let x = step.inputs[0].numbers();
            step.all([elementwise::geglu_backward(
                isa,
                x,
                step.inputs[0].last() / 2,
                gradient,
            )])
        }
    }
}

fn linear_sizes(x: &Dense, weight: &Dense) -> matmul::Sizes {
    let [outputs, inputs] = weight.dims();
    assert_eq!(
        x.last(),
        inputs,
        "numbers in a row and inputs of the weight"
    );
    let rows = x.count().checked_div(inputs).unwrap_or(0);
    matmul::Sizes {
        rows,
        inputs,
        outputs,
    }
}

fn groups(operation: Operation, x: &Dense) -> norm::Groups {
    let [_, channels, height, width] = x.dims();
    let Operation::GroupNorm { groups, eps, silu } = operation else {
        unreachable!("{operation:?} has no groups");
    };
    assert!(
        channels.is_multiple_of(groups),
        "{channels} channels in {groups} groups"
    );
    norm::Groups {
        channels,
        pixels: height * width,
        count: groups,
        eps,
        silu,
    }
}
