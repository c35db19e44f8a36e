//! Attention of flex's tensors, read where they lie if their rows are contiguous.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, TensorData};

use crate::kernels::cpu::attention::{self, Inputs, Rows, Shape};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::operation::BackwardArgs;

/// The attended values.
pub fn forward(isa: Isa, inputs: &[FlexTensor], scale: f32) -> FlexTensor {
    let inputs: Vec<_> = inputs.iter().map(View::new).collect();
    let shape = shape(&inputs, scale);
    let y = attention::forward(isa, read(&inputs, shape), shape);
    by_heads(y, [shape.batch, shape.tokens, shape.heads, shape.value_dim])
}

/// The wanted gradients.
pub fn backward(
    isa: Isa,
    step: &BackwardArgs<'_, FlexTensor>,
    scale: f32,
) -> Vec<Option<FlexTensor>> {
    let inputs: Vec<_> = step.inputs.iter().map(View::new).collect();
    let gradient = View::new(&step.gradient);
    let shape = shape(&inputs, scale);
    let with_scores = step.wanted.get(3) == Some(&true);
    let inner = read(&inputs, shape);
    let found = attention::backward(isa, inner, gradient.rows(), shape, with_scores);
    let Shape {
        batch,
        heads,
        tokens,
        sources,
        dim,
        value_dim,
        ..
    } = shape;
    let scores = found.scores.map(|scores| {
        let dims = inputs[3].dims();
        let sums = sum_to(&scores, [batch, heads, tokens, sources], dims);
        FlexTensor::from_data(TensorData::new(sums, dims))
    });
    vec![
        Some(by_heads(found.queries, [batch, tokens, heads, dim])),
        Some(by_heads(found.keys, [batch, sources, heads, dim])),
        Some(by_heads(found.values, [batch, sources, heads, value_dim])),
        scores,
    ]
}

/// `[batch, heads, tokens, dim]` of numbers that lie `[batch, tokens, heads, dim]`.
fn by_heads(numbers: Vec<f32>, dims: [usize; 4]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, dims)).permute(&[0, 2, 1, 3])
}

/// A tensor of f32, of four dimensions, whose rows are contiguous.
struct View(FlexTensor);

impl View {
    fn new(tensor: &FlexTensor) -> Self {
        assert_eq!(tensor.dtype(), DType::F32, "kernels compute in f32");
        assert_eq!(tensor.layout().num_dims(), 4, "a tensor of four dimensions");
        let strides = tensor.layout().strides();
        if strides.iter().all(|&stride| stride >= 0) && strides[3] == 1 {
            Self(tensor.clone())
        } else {
            Self(tensor.to_contiguous())
        }
    }

    fn dims(&self) -> [usize; 4] {
        std::array::from_fn(|dim| self.0.layout().shape()[dim])
    }

    fn numbers(&self) -> &[f32] {
        &self.0.storage()[self.0.layout().start_offset()..]
    }

    fn stride(&self, dim: usize) -> usize {
        self.0.layout().strides()[dim] as usize
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            numbers: self.numbers(),
            strides: [0, 1, 2].map(|dim| self.stride(dim)),
        }
    }
}

fn shape(inputs: &[View], scale: f32) -> Shape {
    let [batch, heads, tokens, dim] = inputs[0].dims();
    let [_, _, sources, _] = inputs[1].dims();
    let value_dim = inputs[2].dims()[3];
    assert_eq!(
        inputs[1].dims(),
        [batch, heads, sources, dim],
        "keys against {:?}",
        inputs[0].dims()
    );
    assert_eq!(
        inputs[2].dims()[..3],
        [batch, heads, sources],
        "values against keys"
    );
    Shape {
        batch,
        heads,
        tokens,
        sources,
        dim,
        value_dim,
        scale,
    }
}

fn read(inputs: &[View], shape: Shape) -> Inputs<'_> {
    let bias = inputs.get(3).map(|bias| {
        let dims = bias.dims();
        let full = [shape.batch, shape.heads, shape.tokens, shape.sources];
        let stride = |dim: usize| {
            assert!(
                dims[dim] == full[dim] || dims[dim] == 1,
                "a bias {dims:?} for {full:?}"
            );
            if dims[dim] == 1 { 0 } else { bias.stride(dim) }
        };
        (bias.numbers(), [0, 1, 2, 3].map(stride))
    });
    let [queries, keys, values] = [0, 1, 2].map(|index| inputs[index].rows());
    Inputs {
        queries,
        keys,
        values,
        bias,
    }
}

/// Sums over the dimensions in which `to` is 1, in order.
fn sum_to(numbers: &[f32], from: [usize; 4], to: [usize; 4]) -> Vec<f32> {
    let mut sums = vec![0.0; to.iter().product()];
    let mut index = [0; 4];
    for number in numbers {
        let place = (0..4).fold(0, |place, dim| {
            place * to[dim] + index[dim].min(to[dim] - 1)
        });
        sums[place] += number;
        for dim in (0..4).rev() {
            index[dim] += 1;
            if index[dim] < from[dim] {
                break;
            }
            index[dim] = 0;
        }
    }
    sums
}
