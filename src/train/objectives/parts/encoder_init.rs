//! A slot encoder that learns with a decoder.

use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::rng::Init;
use crate::weights::{collect, load_into};

/// A slot encoder that learns with a decoder: from nothing, or on from what was trained before.
#[derive(Debug)]
pub struct EncoderInit {
    /// The encoder.
    pub config: SlotEncoderConfig,
    /// What it begins as; unset = random parameters.
    pub start: Option<SlotEncoder>,
}

impl EncoderInit {
    /// An encoder that begins with random parameters.
    pub fn fresh(config: SlotEncoderConfig) -> Self {
        Self {
            config,
            start: None,
        }
    }

    /// The encoder before the first step.
    pub fn init(&self, init: &mut Init) -> SlotEncoder {
        match &self.start {
            // Loaded into a blank one: moved there, what was read for inference would record no gradients.
            Some(start) => {
                let blank = self.config.init(&mut Init::blank(init.device()));
                load_into(blank, collect(start))
                    .unwrap_or_else(|error| unreachable!("an encoder fits itself: {error}"))
            }
            None => self.config.init(init),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;
    use crate::weights::collect_gradients;

    #[test]
    fn an_encoder_read_for_inference_learns_on_from_where_it_was() {
        let config = SlotEncoderConfig {
            resolution: [8, 8],
            slots: 2,
            dim: 4,
            slot_mlp: 4,
            ..SlotEncoderConfig::default()
        };
        let read = config.init(&mut Init::seeded(3, &Device::flex()));
        let device = Device::flex().autodiff();
        let started = EncoderInit {
            config: config.clone(),
            start: Some(read.clone()),
        };
        let gradients_of = |encoder: &EncoderInit| {
            let encoder = encoder.init(&mut Init::seeded(4, &device));
            let mut noise = SeededRng::new(5, &[]);
            let frames = noise.normal([1, 2, 3, 8, 8], &device);
            let shape = encoder.noise_shape(1, 2, true);
            let start = shape.map(|shape| noise.normal(shape, &device));
            let loss = encoder.encode(frames, None, start.as_ref()).slots.sum();
            (collect_gradients(&encoder, &loss.backward()), encoder)
        };
        let (found, encoder) = gradients_of(&started);
        let (fresh, _) = gradients_of(&EncoderInit::fresh(config));
        assert_eq!(collect(&encoder.valid()), collect(&read));
        assert!(fresh.entries.len() > 20);
        assert!(found.entries.keys().eq(fresh.entries.keys()));
    }
}
