//! A gated recurrent unit with packed gates (Cho et al. 2014), laid out as PyTorch's `GRUCell`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::kernels;
use crate::rng::Init;

/// One step of a gated recurrent unit; gate rows are reset, update, new.
#[derive(Module, Debug)]
pub struct GruCell {
    /// `[3 · hidden, input]`
    pub weight_ih: Param<Tensor<2>>,
    /// `[3 · hidden, hidden]`
    pub weight_hh: Param<Tensor<2>>,
    /// `[3 · hidden]`
    pub bias_ih: Param<Tensor<1>>,
    /// `[3 · hidden]`
    pub bias_hh: Param<Tensor<1>>,
}

impl GruCell {
    /// A cell with PyTorch's initialisation, uniform in ±1/√hidden.
    pub fn new(init: &mut Init, input: usize, hidden: usize) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        Self {
            weight_ih: init.uniform([3 * hidden, input], bound),
            weight_hh: init.uniform([3 * hidden, hidden], bound),
            bias_ih: init.uniform([3 * hidden], bound),
            bias_hh: init.uniform([3 * hidden], bound),
        }
    }

    /// The next hidden state.
    ///
    /// # Shape
    /// - `input`: `[rows, input]`
    /// - `hidden`: `[rows, hidden]`
    pub fn forward(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        let [_, width] = hidden.dims();
        let seen = kernels::linear(input, self.weight_ih.val(), Some(self.bias_ih.val()));
        let kept = kernels::linear(
            hidden.clone(),
            self.weight_hh.val(),
            Some(self.bias_hh.val()),
        );

        let gates = seen.clone().narrow(1, 0, 2 * width) + kept.clone().narrow(1, 0, 2 * width);
        let gates = kernels::sigmoid(gates);
        let reset = gates.clone().narrow(1, 0, width);
        let update = gates.narrow(1, width, width);
        let kept = reset * kept.narrow(1, 2 * width, width);
        let new = kernels::tanh(seen.narrow(1, 2 * width, width) + kept);
        new.clone() + update * (hidden - new)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_closed_update_gate_keeps_the_state_and_an_open_one_takes_the_new() {
        let device = Device::default();
        let mut cell = GruCell::new(&mut Init::seeded(1, &device), 2, 2);
        let input = Tensor::<2>::from_data([[0.3, -0.2]], &device);
        let hidden = Tensor::<2>::from_data([[0.7, -0.4]], &device);

        let shift = |amount: f32| vec![0.0, 0.0, amount, amount, 0.0, 0.0];
        cell.bias_ih = Init::blank(&device).param([6], shift(50.0));
        let kept = cell.forward(input.clone(), hidden.clone());
        let kept: Vec<f32> = kept.into_data().try_to_vec().unwrap();
        assert!((kept[0] - 0.7).abs() < 1e-6 && (kept[1] + 0.4).abs() < 1e-6);

        cell.bias_ih = Init::blank(&device).param([6], shift(-50.0));
        let new: Vec<f32> = cell
            .forward(input, hidden)
            .into_data()
            .try_to_vec()
            .unwrap();
        assert!((new[0] - 0.7).abs() > 1e-3);
    }
}
