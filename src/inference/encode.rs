//! Frames → slots and attention masks, chunk by chunk: the one way in which stages and trainings encode.

use burn::tensor::Device;
use ndarray::{Array4, Array5, ArrayView5, s};

use crate::artifacts::progress::Progress;
use crate::inference::frames_at_once;
use crate::masks::masks_from_attention;
use crate::models::encoder::{SlotEncoder, SlotState};
use crate::rng::SeededRng;
use crate::tensor_conversion::{batch_from_clips, floats};

/// Frames of several clips that are encoded at once.
const SEVERAL: usize = 48;

/// Slots and attention masks of clips of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedClips {
    /// `[batch, time, slots, dim]`
    pub slots: Array4<f32>,
    /// Slot with most attention at every pixel, `[batch, time, height, width]`; where masks are asked for.
    pub masks: Option<Array4<u8>>,
    /// Share of every place that each slot gets, `[batch, time, slots, height', width']`; where it is asked for.
    pub attention: Option<Array5<f32>>,
}

/// A slot encoder over whole clips.
#[derive(Debug)]
pub struct ClipEncoder<'a> {
    /// The encoder.
    pub encoder: &'a SlotEncoder,
    /// Where it computes.
    pub device: &'a Device,
    /// Whether attention masks are wanted beside the slots.
    pub with_masks: bool,
    /// Whether the attention itself is wanted.
    pub with_attention: bool,
}

impl ClipEncoder<'_> {
    /// Slots of every frame: the state of one chunk is carried into the next, `noise` gives what stochastic slots draw,
    /// and `progress` hears how many frames are done.
    ///
    /// # Shape
    /// - `frames`: `[batch, time, height, width, rgb]`, at the encoder's resolution
    ///
    /// # Panics
    /// When there is no frame, or frames have another resolution.
    pub fn encode(
        &self,
        frames: ArrayView5<'_, u8>,
        noise: &mut SeededRng,
        progress: &Progress,
    ) -> EncodedClips {
        let (batch, time, height, width, _) = frames.dim();
        assert!(batch > 0 && time > 0, "no frames to encode");
        let (mut state, mut slots, mut attention) = (None, None, None);
        let mut masks = self
            .with_masks
            .then(|| Array4::zeros((batch, time, height, width)));
        // Of several clips noise is drawn chunk by chunk: the length of a chunk is then part of the numbers.
        let at_once = match batch {
            1 => frames_at_once(self.device),
            _ => SEVERAL,
        };
        for first in (0..time).step_by(at_once) {
            let last = (first + at_once).min(time);
            let chunk = frames.slice(s![.., first..last, .., .., ..]);
            let (encoded, next) = self.encode_next(chunk, state, noise);
            state = Some(next);
            if let Some(chunk) = encoded.attention {
                let (_, _, count, rows, columns) = chunk.dim();
                attention
                    .get_or_insert_with(|| Array5::zeros((batch, time, count, rows, columns)))
                    .slice_mut(s![.., first..last, .., .., ..])
                    .assign(&chunk);
            }
            if let (Some(masks), Some(chunk)) = (&mut masks, encoded.masks) {
                masks.slice_mut(s![.., first..last, .., ..]).assign(&chunk);
            }
            let (_, _, count, dim) = encoded.slots.dim();
            slots
                .get_or_insert_with(|| Array4::zeros((batch, time, count, dim)))
                .slice_mut(s![.., first..last, .., ..])
                .assign(&encoded.slots);
            progress.part(last, time, "frames");
        }
        EncodedClips {
            slots: slots.unwrap_or_default(),
            masks,
            attention,
        }
    }

    /// The next frames of clips whose frames before left `state`, and what they leave; the first ones without a state.
    ///
    /// # Shape
    /// - `frames`: `[batch, time, height, width, rgb]`, at the encoder's resolution
    ///
    /// # Panics
    /// When frames have another resolution.
    pub fn encode_next(
        &self,
        frames: ArrayView5<'_, u8>,
        state: Option<SlotState>,
        noise: &mut SeededRng,
    ) -> (EncodedClips, SlotState) {
        let (batch, time, height, width, _) = frames.dim();
        let shape = self.encoder.noise_shape(batch, time, state.is_none());
        let drawn = shape.map(|shape| noise.normal(shape, self.device));
        let pixels = batch_from_clips(frames, self.device);
        let encoded = self.encoder.encode(pixels, state, drawn.as_ref());
        let attention = self.with_attention.then(|| {
            let [_, _, count, rows, columns] = encoded.attention.dims();
            let values = floats(encoded.attention.clone());
            Array5::from_shape_vec((batch, time, count, rows, columns), values)
                .unwrap_or_else(|error| unreachable!("a tensor has its own shape: {error}"))
        });
        let masks = self
            .with_masks
            .then(|| masks_from_attention(encoded.attention, [height, width]));
        let [_, _, count, dim] = encoded.slots.dims();
        let slots = Array4::from_shape_vec((batch, time, count, dim), floats(encoded.slots))
            .unwrap_or_else(|error| unreachable!("a tensor has its own shape: {error}"));
        let encoded_clips = EncodedClips {
            slots,
            masks,
            attention,
        };
        (encoded_clips, encoded.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::encoder::{
        CnnConfig, InitialConfig, PosteriorConfig, SlotEncoderConfig, StemConfig,
    };
    use crate::rng::Init;

    #[test]
    fn chunks_and_batches_change_no_number() {
        let config = SlotEncoderConfig {
            resolution: [8, 8],
            slots: 2,
            dim: 4,
            slot_mlp: 4,
            stem: StemConfig::Cnn(CnnConfig {
                channels: vec![4],
                kernels: vec![3],
                strides: vec![1],
                ..CnnConfig::default()
            }),
            initial: InitialConfig::Stochastic(PosteriorConfig {
                deep: false,
                prior_variance: Some(0.01),
            }),
            ..SlotEncoderConfig::default()
        };
        let device = Device::flex();
        let encoder = config.init(&mut Init::seeded(1, &device));
        let time = 2 * frames_at_once(&device) + 5;
        let frames = Array5::from_shape_fn((1, time, 8, 8, 3), |(_, t, y, x, c)| {
            (11 * t + 7 * y + 5 * x + c) as u8
        });
        let noise = || SeededRng::new(7, &["test"]);
        let whole = ClipEncoder {
            encoder: &encoder,
            device: &device,
            with_masks: true,
            with_attention: true,
        };
        let chunked = whole.encode(frames.view(), &mut noise(), &Progress::silent());
        assert_eq!(chunked.masks.as_ref().unwrap().dim(), (1, time, 8, 8));
        let shape = encoder.noise_shape(1, time, true).unwrap();
        let drawn = noise().normal(shape, &device);
        let at_once = encoder.encode(batch_from_clips(frames.view(), &device), None, Some(&drawn));
        assert_eq!(
            chunked.slots.iter().copied().collect::<Vec<_>>(),
            floats(at_once.slots)
        );
    }
}
