//! Frames one by one → slots, attention and rollouts, in time and memory that do not grow with the video: for programs that see while
//! they act, such as a robot's or an agent's loop.

use std::collections::VecDeque;

use burn::tensor::Device;
use ndarray::{Array2, Array3, ArrayView3, Axis, stack};

use crate::artifacts::RunError;
use crate::inference::encode::ClipEncoder;
use crate::inference::rollout::rolled_out;
use crate::models::dynamics::SlotFormer;
use crate::models::encoder::{SlotEncoder, SlotState};
use crate::rng::SeededRng;

/// A slot encoder and a `SlotFormer` that see a video as it comes.
///
/// Slots are those of the whole video encoded at once: the state of one frame is carried into the next. What is kept is that state
/// and the slots of the last frames that the `SlotFormer` looks at.
#[derive(Debug)]
pub struct SlotStream<'a> {
    encoder: ClipEncoder<'a>,
    dynamics: &'a SlotFormer,
    noise: SeededRng,
    state: Option<SlotState>,
    history: VecDeque<Array2<f32>>,
}

/// What is seen in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenFrame {
    /// `[slots, dim]`
    pub slots: Array2<f32>,
    /// Share of every place that each slot gets, `[slots, height', width']` at the resolution of the encoder's features; sums to 1
    /// over slots.
    pub attention: Array3<f32>,
}

impl<'a> SlotStream<'a> {
    /// A stream before its first frame; `noise` gives what stochastic slots draw.
    pub fn new(
        encoder: &'a SlotEncoder,
        dynamics: &'a SlotFormer,
        device: &'a Device,
        noise: SeededRng,
    ) -> Self {
        Self {
            encoder: ClipEncoder {
                encoder,
                device,
                with_masks: false,
                with_attention: true,
            },
            dynamics,
            noise,
            state: None,
            history: VecDeque::new(),
        }
    }

    /// Sees the next frame.
    ///
    /// # Shape
    /// `[height, width, rgb]`, at the encoder's resolution
    ///
    /// # Panics
    /// When the frame has another resolution.
    pub fn push(&mut self, frame: ArrayView3<'_, u8>) -> SeenFrame {
        let frames = frame.insert_axis(Axis(0)).insert_axis(Axis(0));
        let state = self.state.take();
        let (encoded, state) = self.encoder.encode_next(frames, state, &mut self.noise);
        self.state = Some(state);
        let first = Axis(0);
        let slots = encoded
            .slots
            .index_axis_move(first, 0)
            .index_axis_move(first, 0);
        let attention = encoded.attention.unwrap_or_default();
        let attention = attention
            .index_axis_move(first, 0)
            .index_axis_move(first, 0);
        if self.history.len() == self.dynamics.window().max(self.dynamics.burn_in()) {
            self.history.pop_front();
        }
        self.history.push_back(slots.clone());
        SeenFrame { slots, attention }
    }

    /// Whether enough frames were seen to roll out from.
    pub fn can_roll_out(&self) -> bool {
        self.history.len() >= self.dynamics.burn_in()
    }

    /// Slots of the last frames, which a rollout goes on from, `[time, slots, dim]`.
    ///
    /// # Errors
    /// Before the first frame.
    pub fn history(&self) -> Result<Array3<f32>, RunError> {
        let frames: Vec<_> = self.history.iter().map(|slots| slots.view()).collect();
        stack(Axis(0), &frames).map_err(|_| RunError::Unfit {
            reason: "no frame was seen yet".to_owned(),
        })
    }

    /// Slots of the `steps` frames that come next, as the `SlotFormer` predicts them, `[steps, slots, dim]`.
    ///
    /// # Errors
    /// When fewer frames were seen than the burn-in, or the model predicts what is no number.
    pub fn roll_out(&self, steps: usize) -> Result<Array3<f32>, RunError> {
        if !self.can_roll_out() {
            let (seen, least) = (self.history.len(), self.dynamics.burn_in());
            return Err(RunError::Unfit {
                reason: format!("{seen} frames were seen, a rollout needs {least}"),
            });
        }
        let history = self.history()?;
        let all = rolled_out(self.dynamics, history.view(), steps, self.encoder.device)?;
        Ok(all.rolled_out().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, s};

    use super::*;
    use crate::artifacts::progress::Progress;
    use crate::models::blocks::TransformerConfig;
    use crate::models::dynamics::SlotFormerConfig;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig};
    use crate::rng::Init;

    #[test]
    fn frames_one_by_one_give_the_slots_and_the_rollout_of_the_whole_clip() {
        let device = Device::flex();
        let stem = StemConfig::Cnn(CnnConfig {
            channels: vec![4],
            kernels: vec![3],
            strides: vec![2],
            ..CnnConfig::default()
        });
        let encoder = SlotEncoderConfig {
            resolution: [8, 8],
            slots: 3,
            dim: 6,
            slot_mlp: 4,
            stem,
            ..SlotEncoderConfig::default()
        };
        let dynamics = SlotFormerConfig {
            dim: 6,
            burn_in: 2,
            window: 3,
            transformer: TransformerConfig {
                dim: 8,
                layers: 1,
                heads: 2,
                feed_forward: 16,
                dropout: 0.0,
            },
            residual: true,
        };
        let encoder = encoder.init(&mut Init::seeded(1, &device));
        let dynamics = dynamics.init(&mut Init::seeded(2, &device));
        let noise = || SeededRng::new(3, &["test"]);
        let frames = Array4::from_shape_fn((9, 8, 8, 3), |(t, y, x, c)| {
            (29 * t + 17 * y + 5 * x + 3 * c) as u8
        });
        let whole = ClipEncoder {
            encoder: &encoder,
            device: &device,
            with_masks: false,
            with_attention: true,
        };
        let clip = frames.view().insert_axis(Axis(0));
        let whole = whole.encode(clip, &mut noise(), &Progress::silent());
        let mut stream = SlotStream::new(&encoder, &dynamics, &device, noise());
        assert!(stream.history().is_err() && stream.roll_out(1).is_err());
        for (time, frame) in frames.outer_iter().enumerate() {
            let seen = stream.push(frame);
            assert_eq!(seen.slots, whole.slots.slice(s![0, time, .., ..]));
            let attention = whole.attention.as_ref().unwrap();
            assert_eq!(seen.attention, attention.slice(s![0, time, .., .., ..]));
            assert_eq!(stream.can_roll_out(), time > 0);
        }
        let history = whole.slots.slice(s![0, 6.., .., ..]);
        assert_eq!(
            stream.history().unwrap(),
            history,
            "no more is kept than the window"
        );
        let rollout = rolled_out(&dynamics, history, 4, &device).unwrap();
        assert_eq!(stream.roll_out(4).unwrap(), rollout.rolled_out());
    }
}
