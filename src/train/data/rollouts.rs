//! Slots of a training's clips, continued by a `SlotFormer`.

use burn::tensor::Device;
use ndarray::{Array4, ArrayView4, s};

use crate::artifacts::{RunError, interrupt};
use crate::inference::rollout::continued;
use crate::models::dynamics::SlotFormer;

/// Rolls out the slots of many clips.
#[derive(Debug)]
pub struct Rollouts<'a> {
    /// The model.
    pub dynamics: &'a SlotFormer,
    /// Frames that it sees before it predicts.
    pub burn_in: usize,
    /// Frames that it predicts at a time.
    pub steps: usize,
    /// Where it computes.
    pub device: &'a Device,
}

impl Rollouts<'_> {
    /// The first frames of every clip and one rollout behind them, `[clips, frames + steps, slots, dim]`.
    ///
    /// # Errors
    /// When the model predicts what is no number, or on Ctrl-C.
    pub fn behind(
        &self,
        encoded: ArrayView4<'_, f32>,
        frames: usize,
    ) -> Result<Array4<f32>, RunError> {
        let (clips, _, slots, dim) = encoded.dim();
        let mut all = Array4::zeros((clips, frames + self.steps, slots, dim));
        for (mut out, clip) in all.outer_iter_mut().zip(encoded.outer_iter()) {
            interrupt::check()?;
            let clip = clip.slice(s![..frames, .., ..]);
            let history = clip.slice(s![frames.saturating_sub(self.burn_in).., .., ..]);
            let future = continued(self.dynamics, history, self.steps, self.device)?;
            out.slice_mut(s![..frames, .., ..]).assign(&clip);
            out.slice_mut(s![frames.., .., ..]).assign(&future.slice(s![
                history.dim().0..,
                ..,
                ..
            ]));
        }
        Ok(all)
    }

    /// Every clip with its frames after the burn-in predicted, `steps` at a time, each rollout from encoded slots.
    ///
    /// # Shape
    /// `[clips, time, slots, dim]`, before and after
    ///
    /// # Errors
    /// When the model predicts what is no number, or on Ctrl-C.
    pub fn piecewise(&self, encoded: ArrayView4<'_, f32>) -> Result<Array4<f32>, RunError> {
        let mut all = encoded.to_owned();
        let (clips, time, ..) = encoded.dim();
        for clip in 0..clips {
            interrupt::check()?;
            for piece in self.pieces(time) {
                let history = piece.start - self.burn_in..piece.start;
                let history = encoded.slice(s![clip, history, .., ..]);
                let rollout = continued(self.dynamics, history, piece.len(), self.device)?;
                all.slice_mut(s![clip, piece, .., ..])
                    .assign(&rollout.slice(s![self.burn_in.., .., ..]));
            }
        }
        Ok(all)
    }

    /// The frames of each rollout of [`Rollouts::piecewise`] in clips of so many frames.
    pub fn pieces(&self, time: usize) -> Vec<std::ops::Range<usize>> {
        (self.burn_in..time)
            .step_by(self.steps.max(1))
            .map(|first| first..(first + self.steps).min(time))
            .collect()
    }
}
