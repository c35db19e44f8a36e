//! What a slot was and will be, and what stands beside it: layers along time and across the slots of a frame.
//!
//! Differs: no paper of this house has it. Along time it is a dilated convolution with residual connections (the temporal
//! convolutional network of Bai et al. 2018, §3, without its causal padding: both directions are read), across slots the
//! Transformer.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::models::blocks::{Dropout, LayerNorm, Linear, Transformer, TransformerConfig};
use crate::rng::Init;

/// Sizes of a [`SlotContext`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotContextConfig {
    /// Layers; the `i`-th reads what lies 2ⁱ frames before and behind, so four reach 15 frames each way.
    pub layers: usize,
    /// Heads of the attention across slots; divides the width.
    pub heads: usize,
    /// Share of values dropped in training.
    pub dropout: f64,
}

impl Default for SlotContextConfig {
    fn default() -> Self {
        Self {
            layers: 4,
            heads: 4,
            dropout: 0.1,
        }
    }
}

impl SlotContextConfig {
    /// Initial parameters for slots of `dim` numbers, with `width` numbers between and behind the layers.
    pub fn init(&self, dim: usize, width: usize, init: &mut Init) -> SlotContext {
        let across = TransformerConfig {
            dim: width,
            layers: 1,
            heads: self.heads,
            feed_forward: 2 * width,
            dropout: self.dropout,
        };
        SlotContext {
            input: Linear::new(init, dim, width),
            layers: (0..self.layers)
                .map(|index| SlotContextLayer {
                    norm: LayerNorm::new(init, width),
                    along: Linear::new(init, 3 * width, width),
                    outer: Linear::new(init, width, width),
                    across: across.init(init),
                    dropout: Dropout::new(self.dropout),
                    apart: 1 << index,
                })
                .collect(),
        }
    }
}

/// Slots, read with their past, their future and their neighbours.
#[derive(Module, Debug)]
pub struct SlotContext {
    /// `[width, dim]`
    pub input: Linear,
    /// In order.
    pub layers: Vec<SlotContextLayer>,
}

impl SlotContext {
    /// Every slot at every frame, in context.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]` → `[batch, time, slots, width]`
    pub fn forward(&self, slots: Tensor<4>) -> Tensor<4> {
        let slots = self.input.forward(slots);
        self.layers
            .iter()
            .fold(slots, |slots, layer| layer.forward(slots))
    }
}

/// A step along time, then one across slots, each added to what came in.
#[derive(Module, Debug)]
pub struct SlotContextLayer {
    /// Before the step along time.
    pub norm: LayerNorm,
    /// `[width, 3 · width]`: a slot some frames before, now, and as many behind.
    pub along: Linear,
    /// `[width, width]`
    pub outer: Linear,
    /// The slots of a frame look at each other.
    pub across: Transformer,
    dropout: Dropout,
    #[module(skip)]
    apart: usize,
}

impl SlotContextLayer {
    fn forward(&self, slots: Tensor<4>) -> Tensor<4> {
        let [batch, time, count, width] = slots.dims();
        let apart = self.apart as isize;
        let read = shifted(&self.norm.forward(slots.clone()), &[-apart, 0, apart]);
        let inner = self.dropout.forward(relu(self.along.forward(read)));
        let slots = slots + self.dropout.forward(self.outer.forward(inner));
        let frames = slots.reshape([batch * time, count, width]);
        self.across
            .forward(frames, None)
            .reshape([batch, time, count, width])
    }
}

/// A slot's numbers at several frames about each, side by side; the clip's ends stand for what lies beyond them.
///
/// # Shape
/// `[batch, time, slots, dim]` → `[batch, time, slots, offsets · dim]`
pub(super) fn shifted(slots: &Tensor<4>, offsets: &[isize]) -> Tensor<4> {
    let time = slots.dims()[1] as isize;
    let at = |offset: isize| {
        let index: Vec<i64> = (0..time)
            .map(|t| (t + offset).clamp(0, time - 1) as i64)
            .collect();
        let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &slots.device());
        slots.clone().select(1, index)
    };
    Tensor::cat(offsets.iter().map(|offset| at(*offset)).collect(), 3)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn two_layers_read_three_frames_each_way_and_no_further() {
        let device = Device::flex();
        let config = SlotContextConfig {
            layers: 2,
            heads: 2,
            dropout: 0.0,
        };
        let model = config.init(5, 8, &mut Init::seeded(1, &device));
        let slots = SeededRng::new(3, &[]).normal([1, 9, 3, 5], &device);
        let other = Tensor::cat(
            vec![
                slots.clone().narrow(1, 0, 8),
                slots.clone().narrow(1, 8, 1) + 1.0,
            ],
            1,
        );
        let [one, two] = [slots, other].map(|slots| model.forward(slots));
        let same = |t: usize| {
            let of = |all: &Tensor<4>| all.clone().narrow(1, t, 1).into_data();
            of(&one) == of(&two)
        };
        let changed: Vec<usize> = (0..9).filter(|t| !same(*t)).collect();
        assert_eq!(changed, [5, 6, 7, 8]);
    }
}
