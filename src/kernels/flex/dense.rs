//! Tensors of flex whose numbers lie in order, as slices.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, TensorData};

use crate::kernels::cpu::softmax;
use crate::kernels::operation::BackwardArgs;

/// A tensor of f32 whose numbers lie in order.
pub struct Dense(FlexTensor);

impl Dense {
    pub fn new(tensor: &FlexTensor) -> Self {
        assert_eq!(tensor.dtype(), DType::F32, "kernels compute in f32");
        Self(tensor.to_contiguous())
    }

    pub fn dims<const D: usize>(&self) -> [usize; D] {
        let shape = self.0.layout().shape();
        assert_eq!(
            shape.num_dims(),
            D,
            "a tensor of {D} dimensions, not {shape:?}"
        );
        std::array::from_fn(|dim| shape[dim])
    }

    pub fn numbers(&self) -> &[f32] {
        let layout = self.0.layout();
        &self.0.storage()[layout.start_offset()..][..layout.num_elements()]
    }

    /// A tensor of these numbers and this one's shape.
    pub fn like(&self, numbers: Vec<f32>) -> FlexTensor {
        FlexTensor::from_data(TensorData::new(numbers, self.0.layout().shape().clone()))
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.0.layout().num_elements()
    }

    /// Of the last dimension.
    pub fn last(&self) -> usize {
        self.0
            .layout()
            .shape()
            .iter()
            .next_back()
            .copied()
            .unwrap_or(1)
    }

    /// A tensor of these numbers and this one's shape, but for the last dimension.
    pub fn with_last(&self, numbers: Vec<f32>, last: usize) -> FlexTensor {
        let mut dims = self.0.layout().shape().to_vec();
        dims.pop();
        dims.push(last);
        FlexTensor::from_data(TensorData::new(numbers, dims))
    }

    /// The sizes before, of and after a dimension.
    pub fn around(&self, dim: usize) -> softmax::Shape {
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

    pub fn step<'a>(step: &BackwardArgs<'a, FlexTensor>) -> DenseArgs<'a> {
        DenseArgs {
            inputs: step.inputs.iter().map(Self::new).collect(),
            output: step.output.as_ref().map(Self::new),
            gradient: Self::new(&step.gradient),
            wanted: step.wanted,
        }
    }
}

/// A backward step, dense.
pub struct DenseArgs<'a> {
    pub inputs: Vec<Dense>,
    pub output: Option<Dense>,
    pub gradient: Dense,
    pub wanted: &'a [bool],
}

impl DenseArgs<'_> {
    /// What `gradient` gives for input `index`, of that input's shape, if it is wanted.
    pub fn gradient(
        &self,
        index: usize,
        gradient: impl FnOnce() -> Vec<f32>,
    ) -> Option<FlexTensor> {
        let wanted = self.wanted.get(index).copied().unwrap_or(false);
        wanted.then(|| self.inputs[index].like(gradient()))
    }

    /// The gradients of all inputs, as far as they are wanted.
    pub fn all<const N: usize>(&self, gradients: [Vec<f32>; N]) -> Vec<Option<FlexTensor>> {
        let gradients = gradients.into_iter().enumerate();
        gradients
            .map(|(index, found)| self.gradient(index, || found))
            .collect()
    }
}

pub fn tensor<const D: usize>(numbers: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, dims))
}

/// The numbers of the first three inputs.
pub fn three(inputs: &[Dense]) -> [&[f32]; 3] {
    std::array::from_fn(|index| inputs[index].numbers())
}
