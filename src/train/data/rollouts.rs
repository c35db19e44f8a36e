//! Slots of a training's clips, continued by a `SlotFormer`.

use burn::tensor::Device;
use ndarray::{Array4, ArrayView4, s};

use crate::artifacts::{RunError, interrupt};
use crate::inference::rollout::rolled_out;
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
            let future = rolled_out(self.dynamics, history, self.steps, self.device)?;
            out.slice_mut(s![..frames, .., ..]).assign(&clip);
            out.slice_mut(s![frames.., .., ..])
                .assign(&future.rolled_out());
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
                let rollout = rolled_out(self.dynamics, history, piece.len(), self.device)?;
                all.slice_mut(s![clip, piece, .., ..])
                    .assign(&rollout.rolled_out());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::blocks::TransformerConfig;
    use crate::models::dynamics::SlotFormerConfig;
    use crate::rng::Init;

    #[test]
    fn every_piece_is_the_rollout_of_the_encoded_slots_before_it() {
        let device = Device::flex();
        let config = SlotFormerConfig {
            dim: 4,
            burn_in: 2,
            window: 2,
            transformer: TransformerConfig {
                dim: 8,
                layers: 1,
                heads: 2,
                feed_forward: 8,
                dropout: 0.0,
            },
            residual: false,
        };
        let dynamics = config.init(&mut Init::seeded(1, &device));
        let rollouts = Rollouts {
            dynamics: &dynamics,
            burn_in: 2,
            steps: 3,
            device: &device,
        };
        assert_eq!(rollouts.pieces(7), [2..5, 5..7]);
        let encoded = Array4::from_shape_fn((1, 7, 2, 4), |(_, t, slot, d)| {
            ((3 * t + 2 * slot + d) % 5) as f32 * 0.2
        });
        let all = rollouts.piecewise(encoded.view()).unwrap();
        assert_eq!(
            all.slice(s![.., ..2, .., ..]),
            encoded.slice(s![.., ..2, .., ..])
        );
        let later = encoded.slice(s![.., 3.., .., ..]);
        let behind = rollouts.behind(later, 2).unwrap();
        assert_eq!(
            all.slice(s![.., 5.., .., ..]),
            behind.slice(s![.., 2..4, .., ..])
        );
        assert_ne!(
            all.slice(s![.., 5.., .., ..]),
            encoded.slice(s![.., 5.., .., ..])
        );
    }
}
