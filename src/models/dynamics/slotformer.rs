//! `SlotFormer`: a Transformer over the slots of the last frames expects those of the next (Wu et al.,
//! ICLR 2023).
//! Reference: SlotFormer `video_prediction/models/slotformer.py`, `single_step_slotformer.py`.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::models::blocks::position::descending_code;
use crate::models::blocks::{Linear, Transformer, TransformerConfig};
use crate::models::slots::SlotSequence;
use crate::rng::Init;

/// Sizes of a [`SlotFormer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotFormerConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Observed frames that it needs.
    pub burn_in: usize,
    /// Most frames in its window; with a shorter history the window grows.
    pub window: usize,
    /// The Transformer inside.
    pub transformer: TransformerConfig,
    /// Whether it predicts what changes: the new slots are the newest ones plus its output, which begins at zero, so that
    /// an untrained model copies. The paper speaks of such a connection (§3.1); the released code has none, nor has the
    /// default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub residual: bool,
}

impl Default for SlotFormerConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            burn_in: 6,
            window: 6,
            transformer: TransformerConfig::default(),
            residual: false,
        }
    }
}

impl SlotFormerConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> SlotFormer {
        let width = self.transformer.dim;
        let input = Linear::new(init, self.dim, width);
        let transformer = self.transformer.init(init);
        let output = if self.residual {
            Linear::zeros(init, width, self.dim)
        } else {
            Linear::new(init, width, self.dim)
        };
        let code = TensorData::new(descending_code(self.window, width), [1, self.window, width]);
        let time_code = Param::from_data(code, init.device()).set_require_grad(false);
        SlotFormer {
            input,
            time_code,
            transformer,
            output,
            burn_in: self.burn_in,
            residual: self.residual,
        }
    }
}

/// Transformer that predicts the slots of the next frame from those of the last frames (SlotFormer, Wu et al. 2023).
#[derive(Module, Debug)]
pub struct SlotFormer {
    /// `[width, dim]`
    pub input: Linear,
    /// `[1, window, width]`; not trained. The newest frame's code is the last row.
    pub time_code: Param<Tensor<3>>,
    /// Slots of all frames look at each other.
    pub transformer: Transformer,
    /// `[dim, width]`
    pub output: Linear,
    #[module(skip)]
    burn_in: usize,
    #[module(skip)]
    residual: bool,
}

impl SlotFormer {
    /// Most frames in its window.
    pub fn window(&self) -> usize {
        self.time_code.dims()[1]
    }

    /// Observed frames that it needs.
    pub fn burn_in(&self) -> usize {
        self.burn_in
    }

    /// The history and `steps` imagined frames behind it. Gradients flow through the whole roll-out.
    ///
    /// # Panics
    /// When the history is shorter than the burn-in.
    pub fn rollout(&self, history: &SlotSequence, steps: usize) -> SlotSequence {
        let [batch, time, count, dim] = history.slots.dims();
        assert!(
            time >= self.burn_in,
            "{time} frames are fewer than the burn-in of {}",
            self.burn_in
        );
        let mut window = self.embed_last(history.slots.clone());
        let mut newest = history.slots.clone().narrow(1, time - 1, 1);
        let mut frames = vec![history.slots.clone()];
        for step in 0..steps {
            let predicted = self.predict(&window, newest.reshape([batch, count, dim]));
            newest = predicted.clone().reshape([batch, 1, count, dim]);
            frames.push(newest.clone());
            if step + 1 < steps {
                window = self.slide(window, self.input.forward(predicted));
            }
        }
        SlotSequence {
            slots: Tensor::cat(frames, 1),
            observed: time,
        }
    }

    /// The frames that the window holds, as tokens without their time codes.
    ///
    /// # Shape
    /// `[batch, time, slots, dim]` → `[batch, min(time, window), slots, width]`
    pub fn embed_last(&self, slots: Tensor<4>) -> Tensor<4> {
        let time = slots.dims()[1];
        let kept = time.min(self.window());
        self.input.forward(slots.narrow(1, time - kept, kept))
    }

    /// Slots of the frame behind a window of tokens, whose last frame has the slots `newest`.
    ///
    /// # Shape
    /// `[batch, time, slots, width]` and `[batch, slots, dim]` → `[batch, slots, dim]`
    pub fn predict(&self, window: &Tensor<4>, newest: Tensor<3>) -> Tensor<3> {
        let count = window.dims()[2];
        let output = self.output.forward(self.transformer.forward_last(
            self.coded(window),
            count,
            None,
        ));
        if self.residual {
            return newest + output;
        }
        output
    }

    /// A window of tokens with their time codes, frame by frame.
    ///
    /// # Shape
    /// `[batch, time, slots, width]` → `[batch, time · slots, width]`
    pub fn coded(&self, window: &Tensor<4>) -> Tensor<3> {
        let [batch, time, count, width] = window.dims();
        // A short window has the codes of the newest frames, so that the newest is always at zero.
        let code = self.time_code.val().narrow(1, self.window() - time, time);
        let tokens = window.clone() + code.reshape([1, time, 1, width]);
        tokens.reshape([batch, time * count, width])
    }

    /// The window with one more frame, without its oldest if it is full.
    fn slide(&self, window: Tensor<4>, newest: Tensor<3>) -> Tensor<4> {
        let [batch, time, count, width] = window.dims();
        let kept = time.min(self.window() - 1);
        let newest = newest.reshape([batch, 1, count, width]);
        if kept == 0 {
            return newest;
        }
        Tensor::cat(vec![window.narrow(1, time - kept, kept), newest], 1)
    }
}

/// What the slot loss leaves out and how it weighs steps.
#[derive(Debug, Clone, Default)]
pub struct SlotLoss {
    /// Steps of each clip that exist in truth; all if absent.
    pub valid_steps: Option<Vec<usize>>,
    /// Weight of a step relative to the one before it, 0..1; all alike if absent.
    pub decay: Option<f64>,
}

impl SlotLoss {
    /// Mean squared error between imagined and extracted slots.
    ///
    /// # Shape
    /// - `imagined`, `truth`: `[batch, steps, slots, dim]`
    ///
    /// # Panics
    /// When the two have different shapes.
    ///
    /// # Source
    /// SlotFormer `video_prediction/models/slotformer.py`, `calc_train_loss`.
    pub fn of(&self, imagined: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
        assert_eq!(
            imagined.dims(),
            truth.dims(),
            "imagined and true slots must have one shape"
        );
        let [batch, steps, ..] = truth.dims();
        let errors = (imagined - truth)
            .square()
            .mean_dim(3)
            .mean_dim(2)
            .reshape([batch, steps]);
        let weights = self.weights(batch, steps);
        let total: f32 = weights.iter().map(|(valid, _)| valid).sum();
        let weights: Vec<f32> = weights
            .into_iter()
            .map(|(valid, decay)| valid * decay / total.max(1.0))
            .collect();
        let weights =
            Tensor::<2>::from_data(TensorData::new(weights, [batch, steps]), &errors.device());
        (errors * weights).sum()
    }

    /// For every clip and step, whether it counts and how much.
    fn weights(&self, batch: usize, steps: usize) -> Vec<(f32, f32)> {
        let decay = self.decay.unwrap_or(1.0);
        let powers: Vec<f64> = (0..steps).map(|step| decay.powi(step as i32)).collect();
        let scale = steps as f64 / powers.iter().sum::<f64>();
        let valid = |clip: usize, step: usize| {
            self.valid_steps
                .as_ref()
                .is_none_or(|valid| step < valid[clip])
        };
        let pairs = (0..batch).flat_map(|clip| (0..steps).map(move |step| (clip, step)));
        pairs
            .map(|(clip, step)| {
                (
                    f32::from(u8::from(valid(clip, step))),
                    (powers[step] * scale) as f32,
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    fn small(window: usize, burn_in: usize) -> (SlotFormer, SlotSequence) {
        let device = Device::flex();
        let transformer = TransformerConfig {
            dim: 8,
            layers: 2,
            heads: 2,
            feed_forward: 16,
            dropout: 0.1,
        };
        let config = SlotFormerConfig {
            dim: 6,
            burn_in,
            window,
            transformer,
            residual: false,
        };
        let history =
            SlotSequence::observed(SeededRng::new(1, &[]).normal([2, burn_in, 3, 6], &device));
        (config.init(&mut Init::seeded(2, &device)), history)
    }

    #[test]
    fn a_longer_rollout_begins_with_the_shorter_one() {
        for (window, burn_in) in [(3, 3), (3, 1)] {
            let (model, history) = small(window, burn_in);
            let short = model.rollout(&history, 3);
            let long = model.rollout(&history, 5).first(short.time());
            long.slots
                .into_data()
                .assert_approx_eq::<f32>(&short.slots.into_data(), Tolerance::default());
        }
    }

    #[test]
    fn slots_of_a_frame_may_come_in_any_order() {
        let (model, history) = small(3, 3);
        let flipped = SlotSequence::observed(history.slots.clone().flip([2]));
        let one = model.rollout(&history, 4).slots;
        let other = model.rollout(&flipped, 4).slots.flip([2]);
        other
            .into_data()
            .assert_approx_eq::<f32>(&one.into_data(), Tolerance::default());
    }

    #[test]
    fn only_frames_of_the_window_matter() {
        let (model, history) = small(3, 3);
        let older = Tensor::cat(vec![history.slots.clone() * 5.0, history.slots.clone()], 1);
        let with = model.rollout(&SlotSequence::observed(older), 2).imagined();
        let without = model.rollout(&history, 2).imagined();
        with.into_data()
            .assert_approx_eq::<f32>(&without.into_data(), Tolerance::default());
    }

    #[test]
    fn a_residual_model_begins_as_a_copy_and_adds_to_it() {
        let device = Device::flex();
        let (plain, history) = small(3, 3);
        let config = SlotFormerConfig {
            dim: 6,
            burn_in: 3,
            window: 3,
            residual: true,
            ..SlotFormerConfig::default()
        };
        let mut model = config.init(&mut Init::seeded(2, &device));
        let last = history.slots.clone().narrow(1, 2, 1);
        let copies = Tensor::cat(vec![last.clone(), last.clone()], 1);
        let rollout = model.rollout(&history, 2).imagined();
        rollout
            .into_data()
            .assert_approx_eq::<f32>(&copies.into_data(), Tolerance::default());
        model = SlotFormer {
            residual: true,
            ..plain.clone()
        };
        let added = model.rollout(&history, 1).imagined() - plain.rollout(&history, 1).imagined();
        added
            .into_data()
            .assert_approx_eq::<f32>(&last.into_data(), Tolerance::default());
    }

    #[test]
    fn steps_beyond_a_clip_do_not_count() {
        let device = Device::flex();
        let truth = Tensor::<4>::zeros([2, 3, 1, 1], &device);
        let imagined =
            Tensor::<1>::from_floats([1.0, 2.0, 9.0, 3.0, 9.0, 9.0], &device).reshape([2, 3, 1, 1]);
        let loss = SlotLoss {
            valid_steps: Some(vec![2, 1]),
            decay: None,
        }
        .of(imagined, truth);
        assert!((loss.into_scalar::<f32>() - 14.0 / 3.0).abs() < 1e-6);
    }
}
