//! The operations of the CPU's kernels, as values: what burn is handed, and what is noted for the backward step.

use super::cpu::elementwise::Function;
use super::windows::Windows;

/// An operation on one to four tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Of input and weight, and perhaps a bias.
    Conv2d { stride: usize, padding: usize },
    /// Of input and weight, and perhaps a bias.
    ConvTranspose2d {
        stride: usize,
        padding: usize,
        output_padding: usize,
    },
    /// Of input, weight and bias; has no backward step.
    Conv3d { windows: Windows, rectify: bool },
    /// Of input; has no backward step.
    MaxPool3d { windows: Windows },
    /// Of input, scale and shift.
    GroupNorm { groups: usize, eps: f32, silu: bool },
    /// Of input, scale and shift.
    LayerNorm { eps: f32 },
    /// Of scores.
    Softmax { dim: usize },
    /// Of every number.
    Map(Function),
    /// Of values and gates side by side.
    Geglu,
    /// Of input and weight, and perhaps a bias.
    Linear,
    /// Of queries, keys and values, and perhaps a bias of the scores.
    Attention { scale: f32 },
}

impl Operation {
    /// Whether the backward step wants the result, and not the inputs.
    pub fn keeps_output(self) -> bool {
        matches!(self, Self::Softmax { .. })
    }
}

/// Inputs of a backward step.
pub struct BackwardArgs<'a, T> {
    /// As they were given forward; none where the operation keeps its result.
    pub inputs: &'a [T],
    /// The forward result, where the operation keeps it.
    pub output: Option<T>,
    /// The gradient of the result.
    pub gradient: T,
    /// Which inputs want a gradient.
    pub wanted: &'a [bool],
}
