//! A long short-term memory with packed gates (Hochreiter & Schmidhuber 1997), laid out as PyTorch's `LSTM`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::kernels;
use crate::rng::Init;

/// One step of a long short-term memory; gate rows are input, forget, cell, output.
#[derive(Module, Debug)]
pub struct LstmCell {
    /// `[4 · hidden, input]`
    pub weight_ih: Param<Tensor<2>>,
    /// `[4 · hidden, hidden]`
    pub weight_hh: Param<Tensor<2>>,
    /// `[4 · hidden]`
    pub bias_ih: Param<Tensor<1>>,
    /// `[4 · hidden]`
    pub bias_hh: Param<Tensor<1>>,
}

/// State of an LSTM between steps, `[rows, hidden]` each.
#[derive(Debug, Clone)]
pub struct LstmState {
    /// The last output, h.
    pub hidden: Tensor<2>,
    /// The cell state, c.
    pub cell: Tensor<2>,
}

impl LstmState {
    /// The same numbers without the history of their gradients.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            hidden: self.hidden.detach(),
            cell: self.cell.detach(),
        }
    }
}

impl LstmCell {
    /// A cell with PyTorch's initialisation, uniform in ±1/√hidden.
    pub fn new(init: &mut Init, input: usize, hidden: usize) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        Self {
            weight_ih: init.uniform([4 * hidden, input], bound),
            weight_hh: init.uniform([4 * hidden, hidden], bound),
            bias_ih: init.uniform([4 * hidden], bound),
            bias_hh: init.uniform([4 * hidden], bound),
        }
    }

    /// The next state; without one it starts as zeros.
    ///
    /// # Shape
    /// - `input`: `[rows, input]`
    pub fn forward(&self, input: Tensor<2>, state: Option<LstmState>) -> LstmState {
        let [rows, _] = input.dims();
        let [_, width] = self.weight_hh.dims();
        let device = input.device();
        let seen = kernels::linear(input, self.weight_ih.val(), Some(self.bias_ih.val()));
        let LstmState { hidden, cell } = state.unwrap_or_else(|| LstmState {
            hidden: Tensor::zeros([rows, width], &device),
            cell: Tensor::zeros([rows, width], &device),
        });
        let gates = seen + kernels::linear(hidden, self.weight_hh.val(), Some(self.bias_hh.val()));

        let open = kernels::sigmoid(gates.clone().narrow(1, 0, 2 * width));
        let (input, forget) = (
            open.clone().narrow(1, 0, width),
            open.narrow(1, width, width),
        );
        let new = kernels::tanh(gates.clone().narrow(1, 2 * width, width));
        let output = kernels::sigmoid(gates.narrow(1, 3 * width, width));
        let cell = forget * cell + input * new;
        LstmState {
            hidden: output * kernels::tanh(cell.clone()),
            cell,
        }
    }
}
