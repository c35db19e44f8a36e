//! Slots where Stable Diffusion expects the tokens of a text (Jiang et al. 2023, LSD, §3; Nguyen et al. 2026, CODA).
//!
//! Each slot becomes one token. Learned *registers* stand beside them and take what belongs to no object, as CODA's do.
//! Differs: CODA's registers are the padding tokens of the text encoder; there is no text encoder here.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

use super::{StableDiffusion, StableDiffusionConfig};
use crate::models::blocks::{LayerNorm, Linear};
use crate::models::decoder::diffusion::NoiseSchedule;
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::decoder::unet::UNet;
use crate::rng::Init;

/// Sizes of a [`SlotStableDiffusion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SlotStableDiffusionConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Learned tokens beside those of slots.
    pub registers: usize,
    /// Whether slots were dropped in training, so that there is a null token to be guided from.
    #[serde(default = "yes")]
    pub null_token: bool,
    /// The model that reads them.
    pub model: StableDiffusionConfig,
}

fn yes() -> bool {
    true
}

/// Slots → tokens of a text's width.
#[derive(Module, Debug)]
pub struct SlotsAsText {
    norm: LayerNorm,
    projection: Linear,
    /// `[registers, width]`
    registers: Option<Param<Tensor<2>>>,
    /// The token in the place of a slot that is dropped, `[width]`.
    null: Param<Tensor<1>>,
}

impl SlotsAsText {
    /// A projection to tokens of `width`, with so many registers.
    pub fn new(init: &mut Init, dim: usize, registers: usize, width: usize) -> Self {
        Self {
            norm: LayerNorm::new(init, dim),
            projection: Linear::new(init, dim, width),
            registers: (registers > 0).then(|| init.uniform([registers, width], 1.0)),
            null: init.uniform([width], 1.0),
        }
    }

    /// Tokens of slots, the registers behind them.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `dropped`: `[batch]`, frames all of whose slots are dropped; unset = none
    /// - result: `[batch, slots + registers, width]`
    pub fn forward(&self, slots: &Tensor<3>, dropped: Option<Tensor<1, Bool>>) -> Tensor<3> {
        let tokens = self.projection.forward(self.norm.forward(slots.clone()));
        let tokens = match dropped {
            None => tokens,
            Some(dropped) => {
                let [batch, count, width] = tokens.dims();
                let dropped = dropped.reshape([batch, 1, 1]).expand([batch, count, width]);
                let null = self.null.val().reshape([1, 1, width]);
                tokens.mask_where(dropped, null.expand([batch, count, width]))
            }
        };
        let Some(registers) = &self.registers else {
            return tokens;
        };
        let [count, width] = registers.dims();
        let registers = registers.val().reshape([1, count, width]);
        Tensor::cat(
            vec![tokens, registers.expand([slots.dims()[0], count, width])],
            1,
        )
    }
}

/// Slots → frames by Stable Diffusion.
#[derive(Module, Debug)]
pub struct SlotStableDiffusion {
    /// Slots → tokens.
    pub text: SlotsAsText,
    /// Tokens → frames.
    pub model: StableDiffusion,
}

impl SlotStableDiffusionConfig {
    /// A decoder of these sizes.
    pub fn init(&self, init: &mut Init) -> SlotStableDiffusion {
        let model = self.model.init(init);
        self.with_model(model, init)
    }

    /// A decoder of these sizes around a model that was trained before.
    pub fn with_model(&self, model: StableDiffusion, init: &mut Init) -> SlotStableDiffusion {
        SlotStableDiffusion {
            text: SlotsAsText::new(init, self.dim, self.registers, self.model.unet.context),
            model,
        }
    }
}

impl LatentDecoder for SlotStableDiffusion {
    fn unet(&self) -> &UNet {
        self.model.unet()
    }

    fn schedule(&self) -> &NoiseSchedule {
        self.model.schedule()
    }

    fn latent_shape(&self) -> [usize; 3] {
        self.model.latent_shape()
    }

    fn encode(&self, frames: Tensor<4>) -> Tensor<4> {
        self.model.encode(frames)
    }

    fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        self.model.decode(latents)
    }

    fn tokens(&self, slots: &Tensor<3>) -> Tensor<3> {
        self.text.forward(slots, None)
    }

    fn tokens_with_dropped(&self, slots: &Tensor<3>, dropped: &[bool]) -> Option<Tensor<3>> {
        let dropped = Tensor::from_data(dropped, &slots.device());
        Some(self.text.forward(slots, Some(dropped)))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::sampler::SamplerConfig;
    use crate::models::decoder::stable_diffusion::tests::tiny;
    use crate::models::decoder::unet::TrainedPart;
    use crate::rng::SeededRng;
    use crate::weights::{Values, collect, collect_gradients, load_into};

    fn config() -> SlotStableDiffusionConfig {
        SlotStableDiffusionConfig {
            dim: 5,
            registers: 2,
            null_token: true,
            model: tiny(),
        }
    }

    /// A decoder without a zero, so that all parameters have an effect.
    fn decoder(device: &Device) -> SlotStableDiffusion {
        let blank = config().init(&mut Init::blank(device));
        let mut state = collect(&blank);
        for (key, value) in &mut state.entries {
            let count = value.shape.iter().product();
            let drawn = SeededRng::new(4, &[key]).normal_vec(count);
            value.values = Values::F32(drawn.into_iter().map(|x| 0.3 * x).collect());
        }
        load_into(blank, state).unwrap()
    }

    fn slots(device: &Device) -> Tensor<3> {
        SeededRng::new(3, &["slots"]).normal([2, 3, 5], device)
    }

    fn far<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        (a - b).abs().max().into_scalar::<f32>()
    }

    #[test]
    fn a_slot_is_a_token_and_dropping_it_leaves_the_registers_alone() {
        let device = Device::flex();
        let decoder = decoder(&device);
        let slots = slots(&device);
        let tokens = decoder.tokens(&slots);
        assert_eq!(tokens.dims(), [2, 5, 6]);
        let dropped = decoder.tokens_with_dropped(&slots, &[false, true]).unwrap();
        let row = |tokens: &Tensor<3>, row: usize| tokens.clone().narrow(0, row, 1);
        assert_eq!(far(row(&tokens, 0), row(&dropped, 0)), 0.0);
        assert!(
            far(
                row(&tokens, 1).narrow(1, 0, 3),
                row(&dropped, 1).narrow(1, 0, 3)
            ) > 0.1
        );
        assert_eq!(
            far(tokens.narrow(1, 3, 2), dropped.clone().narrow(1, 3, 2)),
            0.0
        );
        let other = decoder.tokens_with_dropped(&(slots * 3.0 + 1.0), &[true, true]);
        assert_eq!(far(row(&other.unwrap(), 1), row(&dropped, 1)), 0.0);
    }

    #[test]
    fn guidance_goes_on_from_what_is_said_without_slots_through_what_is_said_with_them() {
        let device = Device::flex();
        let decoder = decoder(&device);
        let start: Tensor<4> = SeededRng::new(3, &["start"]).normal([1, 4, 8, 8], &device);
        let sampled = |slots: &Tensor<3>, guidance: f64| {
            let sampler = SamplerConfig {
                steps: 1,
                guidance,
                ..SamplerConfig::default()
            };
            let rng = &mut SeededRng::new(1, &[]);
            decoder.sample(slots, start.clone(), &sampler, rng)
        };
        let slots = slots(&device);
        let [with, without, beyond] = [1.0, 0.0, 3.0].map(|guidance| sampled(&slots, guidance));
        assert!(far(with.clone(), without.clone()) > 1e-3);
        // One evaluation is linear in what the network says.
        let expected = without.clone() + (with - without.clone()) * 3.0;
        assert!(far(beyond, expected) < 1e-2);
        // Without slots, they say nothing.
        assert!(far(sampled(&(slots.clone() * 2.0 + 1.0), 0.0), without) < 1e-5);
    }

    #[test]
    fn only_the_part_that_shall_learn_has_gradients() {
        let device = Device::flex().autodiff();
        for (part, ends) in [
            (TrainedPart::KeysValues, &["to_k.weight", "to_v.weight"][..]),
            (
                TrainedPart::CrossAttention,
                &[
                    "to_q.weight",
                    "to_k.weight",
                    "to_v.weight",
                    "to_out.weight",
                    "to_out.bias",
                ],
            ),
        ] {
            let mut decoder = decoder(&device);
            decoder.model = decoder.model.learning(part);
            let slots = slots(&device).require_grad();
            let frames = SeededRng::new(1, &["frames"]).normal([2, 3, 16, 16], &device);
            let loss = decoder.loss(frames, &slots, &mut SeededRng::new(2, &[]));
            let gradients = loss.backward();
            assert!(slots.grad(&gradients).is_some());
            let found = collect_gradients(&decoder, &gradients);
            let mut of_text = 0;
            for path in found.entries.keys() {
                if path.starts_with("text.") {
                    of_text += 1;
                    continue;
                }
                let known = ends
                    .iter()
                    .any(|end| path.ends_with(&format!("attn2.{end}")));
                assert!(known, "{part:?}: {path}");
            }
            // All but the null token: norm, projection, registers.
            assert_eq!(of_text, 5);
            let all = collect(&decoder);
            let count = all.entries.keys().filter(|path| {
                path.contains(".attn2.") && ends.iter().any(|end| path.ends_with(end))
            });
            assert_eq!(found.entries.len() - of_text, count.count());
        }
    }
}
