//! Frames → slots: one encoder for stills and video, that of Slot Attention, SAVi, `StoSAVi` and `SlotDiffusion`.
//! Reference: SlotDiffusion `video_based/models/savi.py`; SlotFormer `base_slots/models/savi.py`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use serde::{Deserialize, Serialize};

use super::initial::{Initial, InitialConfig};
use super::lstm::LstmState;
use super::slot_attention::SlotAttention;
use super::stem::{Stem, StemConfig};
use super::transition::{Transition, TransitionConfig};
use crate::models::blocks::soft_position::SoftPosition;
use crate::models::blocks::{LayerNorm, Linear};
use crate::rng::Init;

/// Sizes of a [`SlotEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotEncoderConfig {
    /// Height and width of frames.
    pub resolution: [usize; 2],
    /// Number of slots.
    pub slots: usize,
    /// Width of a slot.
    pub dim: usize,
    /// Width of the features that slot attention sees; a slot's width if absent.
    pub features: Option<usize>,
    /// Width inside the MLP at the end of an iteration.
    pub slot_mlp: usize,
    /// Iterations per frame: two for video, three for stills.
    pub iterations: usize,
    /// Iterations on the first frame; as on all frames if absent.
    ///
    /// Differs: the references make no difference.
    pub first_iterations: Option<usize>,
    /// Stem: images → features.
    pub stem: StemConfig,
    /// Slots of one frame to slots expected in the next.
    pub transition: TransitionConfig,
    /// Width of an LSTM behind the transition; none if absent.
    pub memory: Option<usize>,
    /// How slots are initialised before the first frame.
    pub initial: InitialConfig,
    /// Scale of the initial parameters of the position codes.
    ///
    /// Differs: 1 in the references. Below 1, content is seen before place.
    pub position_scale: f64,
}

impl Default for SlotEncoderConfig {
    fn default() -> Self {
        Self {
            resolution: [64, 64],
            slots: 7,
            dim: 128,
            features: None,
            slot_mlp: 256,
            iterations: 2,
            first_iterations: None,
            stem: StemConfig::default(),
            transition: TransitionConfig::default(),
            memory: None,
            initial: InitialConfig::default(),
            position_scale: 1.0,
        }
    }
}

impl SlotEncoderConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> SlotEncoder {
        let (channels, dim) = (self.stem.channels(), self.dim);
        let features = self.features.unwrap_or(dim);
        SlotEncoder {
            initial: self.initial.init(init, self.slots, dim),
            attention: SlotAttention::new(init, features, dim, self.slot_mlp),
            stem: self.stem.init(init),
            position: SoftPosition::new(init, channels, self.position_scale),
            norm: LayerNorm::new(init, channels),
            first: Linear::new(init, channels, features),
            second: Linear::new(init, features, features),
            transition: self.transition.init(init, dim, self.memory),
            resolution: self.resolution,
            slots: self.slots,
            rounds: self.iterations,
            first_rounds: self.first_iterations.unwrap_or(self.iterations),
        }
    }
}

/// Frames → slots (Slot Attention, SAVi, stochastic SAVi).
#[derive(Module, Debug)]
pub struct SlotEncoder {
    /// How slots are initialised before the first frame.
    pub initial: Initial,
    /// Slot attention.
    pub attention: SlotAttention,
    /// Stem: images → features.
    pub stem: Stem,
    /// Position codes of features.
    pub position: SoftPosition,
    /// Before the two layers behind the stem.
    pub norm: LayerNorm,
    /// `[features, channels]`
    pub first: Linear,
    /// `[features, features]`
    pub second: Linear,
    /// Slots of one frame to slots expected in the next.
    pub transition: Transition,
    #[module(skip)]
    resolution: [usize; 2],
    #[module(skip)]
    slots: usize,
    #[module(skip)]
    rounds: usize,
    #[module(skip)]
    first_rounds: usize,
}

/// What is carried from one chunk of a clip to the next.
#[derive(Debug, Clone)]
pub struct SlotState {
    /// Slots of the last frame, `[batch, slots, dim]`.
    pub slots: Tensor<3>,
    /// What the transition remembers, if it has a memory.
    pub memory: Option<LstmState>,
}

impl SlotState {
    /// The same numbers without the history of their gradients.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            slots: self.slots.detach(),
            memory: self.memory.map(LstmState::detach),
        }
    }
}

/// Slots of every frame.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// `[batch, time, slots, dim]`
    pub slots: Tensor<4>,
    /// Share of each feature given to each slot in the last round, at the stem's resolution,
    /// `[batch, time, slots, height, width]`; sums to 1 over slots.
    pub attention: Tensor<5>,
    /// What to hand in with the next chunk of the same clip.
    pub state: SlotState,
    /// Mean and log-variance of the slots before each frame, `[batch, time, slots, 2 · dim]`, where they are stochastic.
    pub posterior: Option<Tensor<4>>,
}

impl Encoded {
    /// The attention at another resolution, bilinear: the masks of observed frames,
    /// `[batch, time, slots, height, width]`.
    pub fn masks(&self, [height, width]: [usize; 2]) -> Tensor<5> {
        let [batch, time, slots, rows, columns] = self.attention.dims();
        if [rows, columns] == [height, width] {
            return self.attention.clone();
        }
        let options = InterpolateOptions::new(InterpolateMode::Bilinear)
            .with_align_corners(false)
            .with_output_size([height, width]);
        let attention = self
            .attention
            .clone()
            .reshape([batch * time, slots, rows, columns]);
        interpolate(attention, options).reshape([batch, time, slots, height, width])
    }
}

/// Features of images as tokens, and the grid that they came from.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[batch, height · width, features]`
    pub features: Tensor<3>,
    /// Height and width.
    pub grid: [usize; 2],
}

impl SlotEncoder {
    /// The noise that [`encode`](Self::encode) needs for `time` frames, at the start of a clip or in its middle.
    pub fn noise_shape(&self, batch: usize, time: usize, starts: bool) -> Option<[usize; 4]> {
        let [_, _, dim] = self.initial.mean.dims();
        let frames = if self.initial.is_stochastic() {
            time
        } else if self.initial.is_drawn() && starts {
            1
        } else {
            return None;
        };
        Some([batch, frames, self.slots, dim])
    }

    /// The slots of a clip, or of its next chunk if there is a `state`; a still is a clip of one frame.
    ///
    /// # Shape
    /// - `frames`: `[batch, time, rgb, height, width]` in −1..1
    /// - `noise`: as [`noise_shape`](Self::noise_shape) says
    ///
    /// # Panics
    /// When frames have another resolution, or noise is needed and missing.
    pub fn encode(
        &self,
        frames: Tensor<5>,
        state: Option<SlotState>,
        noise: Option<&Tensor<4>>,
    ) -> Encoded {
        let [batch, time, rgb, height, width] = frames.dims();
        assert_eq!(
            [height, width],
            self.resolution,
            "frames must have the encoder's resolution"
        );
        let seen = self.tokens(frames.reshape([batch * time, rgb, height, width]));
        let [_, tokens, features] = seen.features.dims();
        let seen_at = seen.features.reshape([batch, time, tokens, features]);

        let mut state = state;
        let (mut slots, mut attention, mut posterior) = (Vec::new(), Vec::new(), Vec::new());
        for frame in 0..time {
            let noise = noise.and_then(|noise| frame_of(noise, frame));
            let rounds = if state.is_some() {
                self.rounds
            } else {
                self.first_rounds
            };
            let (expected, memory) = self.expect(state.take(), batch, noise.as_ref());
            let start = self.initial.start(expected, noise.as_ref());
            let features = seen_at
                .clone()
                .narrow(1, frame, 1)
                .reshape([batch, tokens, features]);
            let attended = self.attention.forward(features, start.slots, rounds);
            slots.push(attended.slots.clone());
            attention.push(attended.attention);
            posterior.extend(start.posterior);
            state = Some(SlotState {
                slots: attended.slots,
                memory,
            });
        }
        let [rows, columns] = seen.grid;
        let attention: Tensor<4> = Tensor::stack(attention, 1);
        Encoded {
            attention: attention.reshape([batch, time, self.slots, rows, columns]),
            posterior: (!posterior.is_empty()).then(|| Tensor::stack(posterior, 1)),
            state: SlotState {
                memory: state.and_then(|state| state.memory),
                slots: slots[time - 1].clone(),
            },
            slots: Tensor::stack(slots, 1),
        }
    }

    /// Features that slot attention attends to, as tokens.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]` in −1..1
    pub fn tokens(&self, frames: Tensor<4>) -> Tokens {
        let features = self.stem.forward(frames);
        let [batch, channels, height, width] = features.dims();
        let features = features
            .reshape([batch, channels, height * width])
            .swap_dims(1, 2);
        let features = self
            .norm
            .forward(features + self.position.codes([height, width]));
        let features = self.second.forward(relu(self.first.forward(features)));
        Tokens {
            features,
            grid: [height, width],
        }
    }

    /// The slots before a frame is seen.
    fn expect(
        &self,
        state: Option<SlotState>,
        batch: usize,
        noise: Option<&Tensor<3>>,
    ) -> (Tensor<3>, Option<LstmState>) {
        match state {
            Some(SlotState { slots, memory }) => self.transition.forward(slots, memory),
            None => (self.initial.slots(batch, noise), None),
        }
    }
}

/// The noise of one frame, if there is any for it.
fn frame_of(noise: &Tensor<4>, frame: usize) -> Option<Tensor<3>> {
    let [batch, time, slots, dim] = noise.dims();
    (frame < time).then(|| {
        noise
            .clone()
            .narrow(1, frame, 1)
            .reshape([batch, slots, dim])
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::super::{CnnConfig, PosteriorConfig};
    use super::*;
    use crate::rng::SeededRng;

    fn tiny(initial: InitialConfig) -> SlotEncoder {
        let stem = CnnConfig {
            channels: vec![8, 6],
            kernels: vec![3, 5],
            strides: vec![2, 1],
            norm_groups: Some(2),
        };
        let config = SlotEncoderConfig {
            resolution: [12, 16],
            slots: 3,
            dim: 8,
            features: Some(10),
            slot_mlp: 12,
            first_iterations: Some(3),
            stem: StemConfig::Cnn(stem),
            transition: TransitionConfig::Mlp,
            memory: Some(5),
            initial,
            ..SlotEncoderConfig::default()
        };
        config.init(&mut Init::seeded(5, &Device::default()))
    }

    fn clip(batch: usize, time: usize) -> Tensor<5> {
        SeededRng::new(1, &["clip"]).normal([batch, time, 3, 12, 16], &Device::default())
    }

    fn noise(model: &SlotEncoder, batch: usize, time: usize) -> Option<Tensor<4>> {
        let shape = model.noise_shape(batch, time, true)?;
        Some(SeededRng::new(2, &["noise"]).normal(shape, &Device::default()))
    }

    fn assert_same<const D: usize>(one: Tensor<D>, other: Tensor<D>) {
        one.into_data()
            .assert_approx_eq::<f32>(&other.into_data(), Tolerance::absolute(1e-5));
    }

    fn stochastic() -> InitialConfig {
        InitialConfig::Stochastic(PosteriorConfig {
            deep: true,
            prior_variance: Some(0.01),
        })
    }

    #[test]
    fn a_clip_in_two_chunks_has_the_slots_of_one_pass() {
        for initial in [
            InitialConfig::Learned,
            InitialConfig::Gaussian,
            stochastic(),
        ] {
            let model = tiny(initial);
            let (frames, noise) = (clip(2, 5), noise(&model, 2, 5));
            let whole = model.encode(frames.clone(), None, noise.as_ref());
            let first = model.encode(frames.clone().narrow(1, 0, 2), None, noise.as_ref());
            let later = noise
                .filter(|noise| noise.dims()[1] == 5)
                .map(|noise| noise.narrow(1, 2, 3));
            let second = model.encode(frames.narrow(1, 2, 3), Some(first.state), later.as_ref());
            assert_same(Tensor::cat(vec![first.slots, second.slots], 1), whole.slots);
            assert_same(
                Tensor::cat(vec![first.attention, second.attention], 1),
                whole.attention,
            );
        }
    }

    #[test]
    fn a_batch_of_two_is_two_batches_of_one() {
        let model = tiny(stochastic());
        let (frames, noise) = (clip(2, 3), noise(&model, 2, 3));
        let both = model.encode(frames.clone(), None, noise.as_ref()).slots;
        let one = |index: usize| {
            let noise = noise.clone().map(|noise| noise.narrow(0, index, 1));
            model
                .encode(frames.clone().narrow(0, index, 1), None, noise.as_ref())
                .slots
        };
        assert_same(Tensor::cat(vec![one(0), one(1)], 0), both);
    }

    #[test]
    fn drawn_slots_follow_the_order_of_their_noise() {
        let model = tiny(InitialConfig::Gaussian);
        let (frames, noise) = (clip(2, 3), noise(&model, 2, 3).unwrap());
        let encoded = model.encode(frames.clone(), None, Some(&noise));
        let turned = model.encode(frames, None, Some(&noise.flip([2])));
        assert_same(turned.slots.flip([2]), encoded.slots);
        assert_same(turned.attention.flip([2]), encoded.attention);
    }

    #[test]
    fn every_feature_is_shared_out_among_the_slots() {
        let model = tiny(InitialConfig::Learned);
        let attention = model.encode(clip(2, 2), None, None).attention;
        assert_eq!(attention.dims(), [2, 2, 3, 6, 8]);
        assert_same(
            attention.sum_dim(2),
            Tensor::ones([2, 2, 1, 6, 8], &Device::default()),
        );
    }
}
