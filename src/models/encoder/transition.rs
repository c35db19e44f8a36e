//! Slots of one frame → slots expected in the next, before it is seen.
//! Reference: SlotFormer `base_slots/models/predictor.py`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::lstm::{LstmCell, LstmState};
use crate::models::blocks::{LayerNorm, Linear, Transformer, TransformerConfig};
use crate::rng::Init;

/// The kind and sizes of a transition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionConfig {
    /// Identity.
    #[default]
    None,
    /// Residual MLP on each slot.
    Mlp,
    /// Transformer over the slots of a frame.
    Transformer(InteractionConfig),
}

/// Sizes of the Transformer over the slots of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct InteractionConfig {
    /// Layers one behind the other.
    pub layers: usize,
    /// Heads of the attention; divides a slot's width.
    pub heads: usize,
    /// Width between the two dense layers; four times a slot's width if absent.
    pub feed_forward: Option<usize>,
    /// Share of values dropped in training.
    pub dropout: f64,
}

impl Default for InteractionConfig {
    fn default() -> Self {
        Self {
            layers: 2,
            heads: 4,
            feed_forward: None,
            dropout: 0.1,
        }
    }
}

/// Predicts the initial slots of the next frame; with an LSTM, a state for each slot.
#[derive(Module, Debug)]
pub struct Transition {
    /// Residual MLP on each slot.
    pub mlp: Option<ResidualMlp>,
    /// Transformer over the slots of a frame.
    pub transformer: Option<Transformer>,
    /// Behind those, if there is a memory.
    pub lstm: Option<LstmCell>,
    /// From the memory to a slot.
    pub output: Option<Linear>,
}

/// `LayerNorm`, two dense layers, and a shortcut from behind the norm.
#[derive(Module, Debug)]
pub struct ResidualMlp {
    /// Before both the layers and the shortcut.
    pub norm: LayerNorm,
    /// `[2 · dim, dim]`
    pub widen: Linear,
    /// `[dim, 2 · dim]`
    pub narrow: Linear,
}

impl TransitionConfig {
    /// First values; `memory` is the width of an LSTM.
    pub fn init(&self, init: &mut Init, dim: usize, memory: Option<usize>) -> Transition {
        let mlp = (*self == Self::Mlp).then(|| ResidualMlp {
            norm: LayerNorm::new(init, dim),
            widen: Linear::new(init, dim, 2 * dim),
            narrow: Linear::new(init, 2 * dim, dim),
        });
        let transformer = match self {
            Self::Transformer(config) => Some(config.sizes(dim).init(init)),
            Self::None | Self::Mlp => None,
        };
        Transition {
            mlp,
            transformer,
            lstm: memory.map(|width| LstmCell::new(init, dim, width)),
            output: memory.map(|width| Linear::new(init, width, dim)),
        }
    }
}

impl InteractionConfig {
    fn sizes(&self, dim: usize) -> TransformerConfig {
        TransformerConfig {
            dim,
            layers: self.layers,
            heads: self.heads,
            feed_forward: self.feed_forward.unwrap_or(4 * dim),
            dropout: self.dropout,
        }
    }
}

impl Transition {
    /// The slots expected next, and the memory to hand in then.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    pub fn forward(
        &self,
        slots: Tensor<3>,
        memory: Option<LstmState>,
    ) -> (Tensor<3>, Option<LstmState>) {
        let [batch, count, dim] = slots.dims();
        let expected = match (&self.mlp, &self.transformer) {
            (Some(mlp), _) => mlp.forward(slots),
            (None, Some(transformer)) => transformer.forward(slots, None),
            (None, None) => slots,
        };
        let (Some(lstm), Some(output)) = (&self.lstm, &self.output) else {
            return (expected, None);
        };
        let memory = lstm.forward(expected.reshape([batch * count, dim]), memory);
        let expected = output.forward(memory.hidden.clone());
        (expected.reshape([batch, count, dim]), Some(memory))
    }
}

impl ResidualMlp {
    fn forward(&self, slots: Tensor<3>) -> Tensor<3> {
        let slots = self.norm.forward(slots);
        slots.clone() + self.narrow.forward(relu(self.widen.forward(slots)))
    }
}
