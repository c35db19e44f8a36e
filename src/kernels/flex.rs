//! Operations on flex's tensors: shapes are checked and read, kernels called.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, TensorData};

use super::cpu::lanes::Isa;
use super::cpu::{conv, conv_weight, elementwise, norm, softmax};
use super::extension::{Operation, Step};

/// The result of `operation`.
pub fn forward(operation: Operation, inputs: &[FlexTensor]) -> FlexTensor {
    let inputs: Vec<_> = inputs.iter().map(Dense::new).collect();
    let isa = Isa::best();
    match operation {
        Operation::Conv2d { .. } | Operation::ConvTranspose2d { .. } => {
            convolution(isa, operation, &inputs)
        }
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
        Operation::Geglu => {
            let mut dims = inputs[0].0.layout().shape().to_vec();
            let half = dims.last().map_or(0, |last| last / 2);
            dims.pop();
            dims.push(half);
            let y = elementwise::geglu(isa, inputs[0].numbers(), half);
            FlexTensor::from_data(TensorData::new(y, dims))
        }
    }
}

/// The gradients that are wanted of `operation`'s inputs.
pub fn backward(operation: Operation, step: Step<'_, FlexTensor>) -> Vec<Option<FlexTensor>> {
    let isa = Isa::best();
    let step = Dense::step(&step);
    let gradient = step.gradient.numbers();
    match operation {
        Operation::Conv2d { .. } | Operation::ConvTranspose2d { .. } => {
            convolution_backward(isa, operation, &step)
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
        Operation::Geglu => {
            let [.., last] = step.inputs[0].0.layout().shape()[..] else {
                return vec![None];
            };
            let x = step.inputs[0].numbers();
            step.all([elementwise::geglu_backward(isa, x, last / 2, gradient)])
        }
    }
}

/// A tensor of f32 whose numbers lie in order.
struct Dense(FlexTensor);

impl Dense {
    fn new(tensor: &FlexTensor) -> Self {
        assert_eq!(tensor.dtype(), DType::F32, "kernels compute in f32");
        Self(tensor.to_contiguous())
    }

    fn dims<const D: usize>(&self) -> [usize; D] {
        let shape = self.0.layout().shape();
        assert_eq!(
            shape.num_dims(),
            D,
            "a tensor of {D} dimensions, not {shape:?}"
        );
        std::array::from_fn(|dim| shape[dim])
    }

    fn numbers(&self) -> &[f32] {
        let layout = self.0.layout();
        &self.0.storage()[layout.start_offset()..][..layout.num_elements()]
    }

    /// A tensor of these numbers and this one's shape.
    fn like(&self, numbers: Vec<f32>) -> FlexTensor {
        FlexTensor::from_data(TensorData::new(numbers, self.0.layout().shape().clone()))
    }

    /// The sizes before, of and after a dimension.
    fn around(&self, dim: usize) -> softmax::Shape {
        let dims = self.0.layout().shape();
        let (outer, inner) = (
            dims[..dim].iter().product(),
            dims[dim + 1..].iter().product(),
        );
        softmax::Shape {
            outer,
            count: dims[dim],
            inner,
        }
    }

    fn step<'a>(step: &Step<'a, FlexTensor>) -> DenseStep<'a> {
        DenseStep {
            inputs: step.inputs.iter().map(Self::new).collect(),
            output: step.output.as_ref().map(Self::new),
            gradient: Self::new(&step.gradient),
            wanted: step.wanted,
        }
    }
}

/// A backward step, dense.
struct DenseStep<'a> {
    inputs: Vec<Dense>,
    output: Option<Dense>,
    gradient: Dense,
    wanted: &'a [bool],
}

impl DenseStep<'_> {
    /// What `gradient` gives for input `index`, of that input's shape, if it is wanted.
    fn gradient(&self, index: usize, gradient: impl FnOnce() -> Vec<f32>) -> Option<FlexTensor> {
        let wanted = self.wanted.get(index).copied().unwrap_or(false);
        wanted.then(|| self.inputs[index].like(gradient()))
    }

    /// The gradients of all inputs, as far as they are wanted.
    fn all<const N: usize>(&self, gradients: [Vec<f32>; N]) -> Vec<Option<FlexTensor>> {
        let gradients = gradients.into_iter().enumerate();
        gradients
            .map(|(index, found)| self.gradient(index, || found))
            .collect()
    }
}

fn tensor<const D: usize>(numbers: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, dims))
}

/// The numbers of the first three inputs.
fn three(inputs: &[Dense]) -> [&[f32]; 3] {
    std::array::from_fn(|index| inputs[index].numbers())
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
        groups,
        eps,
        silu,
    }
}

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

fn convolution(isa: Isa, operation: Operation, inputs: &[Dense]) -> FlexTensor {
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

fn convolution_backward(
    isa: Isa,
    operation: Operation,
    step: &DenseStep<'_>,
) -> Vec<Option<FlexTensor>> {
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
