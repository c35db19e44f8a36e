//! The motion network learns to classify events from frames.
//!
//! It serves metrics alone: no encoder, dynamics model or decoder learns from it or from events.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array5, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::perceptual::motion::{EVENTS, Motion, MotionConfig};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, floats};
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::interface::{Losses, Objective, StepContext};

/// `[motion]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MotionObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
}

impl Default for MotionObjectiveConfig {
    fn default() -> Self {
        Self { batch: 16 }
    }
}

/// Clips and, for every step between sampled frames, which events fall into it.
#[derive(Debug, Clone)]
pub struct EventClips {
    /// The clips.
    pub clips: ClipDataset,
    /// 1 where an event falls into the step, `[clips, time − 1, events]`: collision, entrance, departure.
    pub labels: Array3<f32>,
}

/// Windows of clips, and which events fall into their steps.
#[derive(Debug, Clone)]
pub struct MotionBatch {
    /// `[batch, window, height, width, rgb]`
    frames: Array5<u8>,
    /// `[batch, window − 1, events]`
    labels: Array3<f32>,
}

/// The motion network learns to classify events.
#[derive(Debug)]
pub struct MotionObjective {
    /// The model.
    pub model: MotionConfig,
    /// Settings of the batches and the loss.
    pub config: MotionObjectiveConfig,
    /// What it is trained on.
    pub train: EventClips,
    /// What it is validated on.
    pub held_out: EventClips,
}

impl MotionObjective {
    fn windows(
        &self,
        from: &EventClips,
        windows: &[WindowStart],
    ) -> Result<MotionBatch, DataError> {
        let window = self.model.window;
        let frames = from.clips.windows(windows, window)?;
        let mut labels = Array3::zeros((windows.len(), window - 1, EVENTS));
        for (mut row, &WindowStart { clip, frame, .. }) in labels.outer_iter_mut().zip(windows) {
            row.assign(&from.labels.slice(s![clip, frame..frame + window - 1, ..]));
        }
        Ok(MotionBatch { frames, labels })
    }
}

/// Binary cross-entropy with logits, rare events weighted so that both answers count alike.
fn event_loss(logits: Tensor<3>, truth: &Array3<f32>) -> Tensor<1> {
    const RARE: f64 = 6.0;
    let (batch, steps, events) = truth.dim();
    let data = TensorData::new(truth.iter().copied().collect(), [batch, steps, events]);
    let truth = Tensor::<3>::from_data(data, &logits.device());
    let yes = truth.clone() * log_sigmoid(logits.clone()) * RARE;
    let no = (truth.neg() + 1.0) * log_sigmoid(logits.neg());
    -(yes + no).mean()
}

impl Objective for MotionObjective {
    type Model = Motion;
    type Batch = MotionBatch;

    fn init(&self, init: &mut Init) -> Motion {
        self.model.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<MotionBatch, TrainError> {
        let windows = self
            .train
            .clips
            .draw_windows(self.config.batch, self.model.window, noise);
        Ok(self.windows(&self.train, &windows)?)
    }

    fn losses(&self, model: &Motion, batch: &MotionBatch, step: &StepContext<'_>) -> Losses {
        let clips = batch_from_clips(batch.frames.view(), step.device);
        Losses::single("events", event_loss(model.forward(clips), &batch.labels))
    }

    fn validate(&self, model: &Motion, device: &Device) -> Result<Figures, TrainError> {
        let mut noise = SeededRng::new(1, &["validate"]);
        let windows = self
            .held_out
            .clips
            .draw_windows(96, self.model.window, &mut noise);
        let MotionBatch { frames, labels } = self.windows(&self.held_out, &windows)?;
        let logits = model.forward(batch_from_clips(frames.view(), device));
        let loss = f64::from(floats(event_loss(logits.clone(), &labels))[0]);
        let logits: Vec<(f32, bool)> = floats(logits)
            .into_iter()
            .zip(labels.iter().map(|&label| label > 0.5))
            .collect();
        let share = |event: usize| {
            let of: Vec<_> = logits.iter().skip(event).step_by(EVENTS).copied().collect();
            balanced(&of)
        };
        Ok(vec![
            ("loss", loss),
            ("collision", share(0)),
            ("entrance", share(1)),
            ("departure", share(2)),
        ])
    }
}

/// Mean of the shares of right answers among steps with and without the event; ½ is chance.
fn balanced(logits: &[(f32, bool)]) -> f64 {
    let share = |truth: bool| {
        let of: Vec<_> = logits.iter().filter(|(_, is)| *is == truth).collect();
        let right = of
            .iter()
            .filter(|(logit, _)| (*logit > 0.0) == truth)
            .count();
        right as f64 / of.len().max(1) as f64
    };
    f64::midpoint(share(true), share(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_always_no_is_worth_chance() {
        assert_eq!(balanced(&[(-1.0, true), (-1.0, false), (-2.0, false)]), 0.5);
        assert_eq!(balanced(&[(1.0, true), (-1.0, false)]), 1.0);
    }

    #[test]
    fn the_loss_is_least_where_logits_agree_with_the_events() {
        let truth = Array3::from_shape_vec((1, 1, 3), vec![1.0, 0.0, 0.0]).unwrap();
        let loss = |values: [f32; 3]| {
            let logits = Tensor::<1>::from_floats(values, &Device::flex()).reshape([1, 1, 3]);
            floats(event_loss(logits, &truth))[0]
        };
        assert!(
            loss([4.0, -4.0, -4.0]) < loss([0.0; 3]) && loss([0.0; 3]) < loss([-4.0, 4.0, 4.0])
        );
    }
}
