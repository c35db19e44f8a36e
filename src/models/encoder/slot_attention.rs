//! Slot attention: features compete for slots (Locatello et al. 2020, Alg. 1).
//! Reference: SlotFormer `base_slots/models/savi.py`, class `SlotAttention`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::gru::GruCell;
use crate::kernels;
use crate::models::blocks::{LayerNorm, Linear};
use crate::rng::Init;

/// What a slot gets of every feature, however little; keeps a mean over nothing defined.
const EPSILON: f64 = 1e-6;

/// Slot attention: iterations of competition among slots, with the same parameters.
#[derive(Module, Debug)]
pub struct SlotAttention {
    /// Before keys and values.
    pub norm_features: LayerNorm,
    /// Before queries.
    pub norm_slots: LayerNorm,
    /// `[dim, dim]`
    pub query: Linear,
    /// `[dim, features]`
    pub key: Linear,
    /// `[dim, features]`
    pub value: Linear,
    /// Moves a slot towards what it was given.
    pub gru: GruCell,
    /// Before the two layers that follow.
    pub norm_update: LayerNorm,
    /// `[hidden, dim]`
    pub widen: Linear,
    /// `[dim, hidden]`
    pub narrow: Linear,
}

/// Slots after an iteration, and its attention map.
#[derive(Debug, Clone)]
pub struct Attended {
    /// `[batch, slots, dim]`
    pub slots: Tensor<3>,
    /// Share of each feature given to each slot, `[batch, slots, tokens]`; sums to 1 over slots.
    pub attention: Tensor<3>,
}

/// Keys and values of the features, the same over all iterations.
struct Projections {
    keys: Tensor<3>,
    values: Tensor<3>,
    sum_of_values: Tensor<3>,
}

impl SlotAttention {
    /// Slots of `dim` numbers over features of `features` numbers.
    pub fn new(init: &mut Init, features: usize, dim: usize, hidden: usize) -> Self {
        Self {
            norm_features: LayerNorm::new(init, features),
            norm_slots: LayerNorm::new(init, dim),
            query: Linear::without_bias(init, dim, dim),
            key: Linear::without_bias(init, features, dim),
            value: Linear::without_bias(init, features, dim),
            gru: GruCell::new(init, dim, dim),
            norm_update: LayerNorm::new(init, dim),
            widen: Linear::new(init, dim, hidden),
            narrow: Linear::new(init, hidden, dim),
        }
    }

    /// Slots refined by `features` in `iterations` iterations.
    ///
    /// # Shape
    /// - `features`: `[batch, tokens, features]`
    /// - `slots`: `[batch, slots, dim]`
    ///
    /// # Panics
    /// When `iterations` is zero.
    pub fn forward(&self, features: Tensor<3>, slots: Tensor<3>, iterations: usize) -> Attended {
        assert!(iterations > 0, "slot attention needs at least one round");
        let projections = self.project(features);
        let mut attended = self.compete(&projections, slots);
        for _ in 1..iterations {
            attended = self.compete(&projections, attended.slots);
        }
        attended
    }

    /// The slots after every round.
    pub fn trace(&self, features: Tensor<3>, slots: Tensor<3>, iterations: usize) -> Vec<Attended> {
        let projections = self.project(features);
        let mut slots = slots;
        let mut round = || {
            let attended = self.compete(&projections, slots.clone());
            slots = attended.slots.clone();
            attended
        };
        (0..iterations).map(|_| round()).collect()
    }

    fn project(&self, features: Tensor<3>) -> Projections {
        let features = self.norm_features.forward(features);
        let values = self.value.forward(features.clone());
        Projections {
            keys: self.key.forward(features).swap_dims(1, 2),
            sum_of_values: values.clone().sum_dim(1),
            values,
        }
    }

    /// One round: share the features out among the slots, then move each slot towards its share.
    fn compete(&self, projections: &Projections, slots: Tensor<3>) -> Attended {
        let [batch, count, dim] = slots.dims();
        let [_, _, tokens] = projections.keys.dims();
        let queries = self.query.forward(self.norm_slots.forward(slots.clone()));
        let queries = queries * (dim as f64).powf(-0.5);
        let attention = kernels::softmax(queries.matmul(projections.keys.clone()), 1); // over slots: this is the competition

        // The mean of the values weighted by attention + ε, without a second map of weights.
        let sum = attention.clone().matmul(projections.values.clone())
            + projections.sum_of_values.clone() * EPSILON;
        let weight = attention.clone().sum_dim(2) + tokens as f64 * EPSILON;
        let update = sum / weight;

        let rows = [batch * count, dim];
        let moved = self.gru.forward(update.reshape(rows), slots.reshape(rows));
        let hidden = relu(self.widen.forward(self.norm_update.forward(moved.clone())));
        let slots = (moved + self.narrow.forward(hidden)).reshape([batch, count, dim]);
        Attended { slots, attention }
    }
}
