//! Slots and a question → an answer.

/// Questions about CLEVRER.
pub mod aloe;
/// Attributes, places and collisions of objects from slots.
pub mod object_event_head;
/// Whether things will touch (Physion), whether a task will be solved (PHYRE).
pub mod readout;
/// A slot with its past, its future and its neighbours.
pub mod slot_context;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};

pub use aloe::{Aloe, AloeConfig};
pub use object_event_head::{ObjectEventHead, ObjectEventHeadConfig};
pub use readout::{PhyreReadout, PhyreReadoutConfig, PhysionReadout, PhysionReadoutConfig};

use crate::models::blocks::Linear;
use crate::rng::Init;

/// Two dense layers: a token to logits.
#[derive(Module, Debug)]
pub struct ClassifierHead {
    /// `[hidden, width]`
    pub hidden: Linear,
    /// `[logits, hidden]`
    pub output: Linear,
}

impl ClassifierHead {
    /// Initial parameters.
    pub fn new(init: &mut Init, width: usize, hidden: usize, logits: usize) -> Self {
        Self {
            hidden: Linear::new(init, width, hidden),
            output: Linear::new(init, hidden, logits),
        }
    }

    /// `[batch, width]` → `[batch, logits]`
    pub fn forward(&self, token: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(token)))
    }
}

/// Mean cross-entropy of logits with the right classes.
///
/// # Shape
/// - `logits`: `[batch, classes]`
/// - `classes`: `[batch]`
pub fn cross_entropy(logits: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let chosen =
        burn::tensor::activation::log_softmax(logits, 1).gather(1, classes.reshape([batch, 1]));
    -chosen.mean()
}

/// Mean cross-entropy of logits with yes (1) or no (0).
///
/// # Shape
/// - `logits`, `labels`: `[batch]`
pub fn binary_cross_entropy(logits: Tensor<1>, labels: Tensor<1, Int>) -> Tensor<1> {
    // log(1 + exp(x)) written so that neither tail overflows.
    let softplus = relu(logits.clone()) + (-logits.clone().abs()).exp().log1p();
    (softplus - logits * labels.float()).mean()
}

/// Share of yes-or-no answers that are right when a probability above `threshold` says yes.
///
/// # Source
/// SlotFormer `physion_vqa/models/readout.py`, `_calc_acc`.
pub fn threshold_accuracy(logits: &[f32], labels: &[i64], threshold: f64) -> f64 {
    let says_yes = |logit: f32| 1.0 / (1.0 + (-f64::from(logit)).exp()) > threshold;
    let right = logits
        .iter()
        .zip(labels)
        .filter(|(logit, label)| says_yes(**logit) == (**label == 1));
    right.count() as f64 / logits.len() as f64
}
