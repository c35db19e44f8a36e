//! Slots → pictures.
//!
//! | file | paper | reference |
//! |---|---|---|
//! | `mixture` | Watters et al. 2019; Locatello et al. 2020 | SlotDiffusion `img_based/models/slot_attention.py` |
//! | `dvae` | Ramesh et al. 2021; Singh et al. 2022 | SlotDiffusion `img_based/models/slate/dVAE.py` |
//! | `autoregressive` | Singh et al. 2022 (SLATE, STEVE) | SlotDiffusion `img_based/models/slate/slate_transformer.py` |
//! | `vqvae` | Esser et al. 2021; Rombach et al. 2022 §3.1 | SlotDiffusion `models/vqvae/` |
//! | `unet` | Rombach et al. 2022 §3.3; Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/unet/` |
//! | `diffusion` | Ho et al. 2020 | SlotDiffusion `models/ddpm/` |
//! | `sampler` | Song et al. 2021; Lu et al. 2022 | SlotDiffusion `models/ddpm/` |
//! | `latent_diffusion` | Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/ddpm/ldm.py` |

use burn::module::Module;
use burn::tensor::Tensor;

use crate::rng::{Init, SeededRng};

use autoregressive::{Autoregressive, AutoregressiveConfig};
use latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use mixture::{Mixture, MixtureConfig, mixture_loss};
use sampler::SamplerConfig;

/// Each slot drawn by itself and blended by its mask.
pub mod mixture;

/// Doubling and halving pictures.
pub mod resample;

/// Frames ↔ a small grid of tokens.
pub mod dvae;

/// Tokens written one after another.
pub mod autoregressive;

/// Frames ↔ a small grid of codes.
pub mod vqvae;

/// The network that removes noise.
pub mod unet;

/// How noise is added, and what is learnt from that.
pub mod diffusion;

pub mod sampler;

/// All of these together.
pub mod latent_diffusion;

/// Which decoder, and its sizes.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program holds one configuration, not many"
)]
pub enum SlotDecoderConfig {
    /// Each slot by itself, blended by masks.
    Mixture(MixtureConfig),
    /// Token by token.
    Autoregressive(AutoregressiveConfig),
    /// Noise removed from latents.
    Diffusion(LatentDiffusionConfig),
}

impl SlotDecoderConfig {
    /// What a weights file of a mixture decoder says it is.
    pub const MIXTURE: &'static str = "mixture";
    /// What a weights file of an autoregressive decoder says it is.
    pub const AUTOREGRESSIVE: &'static str = "autoregressive";
    /// What a weights file of a diffusion decoder says it is.
    pub const DIFFUSION: &'static str = "latent-diffusion";

    /// What a weights file of this decoder says it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mixture(_) => Self::MIXTURE,
            Self::Autoregressive(_) => Self::AUTOREGRESSIVE,
            Self::Diffusion(_) => Self::DIFFUSION,
        }
    }

    /// Width of the slots that it draws.
    pub fn dim(&self) -> usize {
        match self {
            Self::Mixture(config) => config.dim,
            Self::Autoregressive(config) => config.dim,
            Self::Diffusion(config) => config.unet.context,
        }
    }

    /// Height and width of what it draws.
    pub fn resolution(&self) -> [usize; 2] {
        match self {
            Self::Mixture(config) => config.resolution,
            Self::Autoregressive(config) => config.resolution,
            Self::Diffusion(config) => config.resolution,
        }
    }

    /// First values.
    pub fn init(&self, init: &mut Init) -> SlotDecoder {
        match self {
            Self::Mixture(config) => SlotDecoder::Mixture(config.init(init)),
            Self::Autoregressive(config) => SlotDecoder::Autoregressive(config.init(init)),
            Self::Diffusion(config) => SlotDecoder::Diffusion(config.init(init)),
        }
    }
}

/// Whatever draws frames from slots.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program holds one decoder, not many"
)]
pub enum SlotDecoder {
    /// Each slot by itself, blended by masks.
    Mixture(Mixture),
    /// Token by token.
    Autoregressive(Autoregressive),
    /// Noise removed from latents.
    Diffusion(LatentDiffusion),
}

/// Frames drawn from slots.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// `[batch, rgb, height, width]`, about −1..1
    pub frames: Tensor<4>,
    /// Share of each slot in each pixel, `[batch, slots, height, width]`; the others have none.
    pub masks: Option<Tensor<4>>,
}

impl SlotDecoder {
    /// Frames from slots, without gradients.
    ///
    /// The same `noise` gives the same frame for the same slots, whatever else is in the batch;
    /// only [`SlotDecoder::Diffusion`] uses it, `sampler`, and the `picture` to start from.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `picture`: `[1, rgb, height, width]`
    pub fn render(
        &self,
        slots: &Tensor<3>,
        noise: &SeededRng,
        sampler: &SamplerConfig,
        picture: Option<Tensor<4>>,
    ) -> Rendered {
        match self {
            Self::Mixture(mixture) => {
                let mixed = mixture.valid().forward(slots.clone().without_autodiff());
                Rendered {
                    frames: mixed.frames,
                    masks: Some(mixed.masks),
                }
            }
            Self::Autoregressive(decoder) => Rendered {
                frames: decoder.render(slots.clone()),
                masks: None,
            },
            Self::Diffusion(diffusion) => Rendered {
                frames: diffusion.render(slots, noise, sampler, picture),
                masks: None,
            },
        }
    }

    /// Whether what it draws hangs on noise.
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Diffusion(_))
    }

    /// Frames after the auto-encoder inside alone: the best that perfect slots could give. A mixture has none.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    pub fn ceiling(&self, frames: Tensor<4>) -> Option<Tensor<4>> {
        match self {
            Self::Mixture(_) => None,
            Self::Autoregressive(decoder) => Some(decoder.through_tokens(frames)),
            Self::Diffusion(diffusion) => Some(diffusion.decode(diffusion.encode(frames))),
        }
    }

    /// What its training makes small: the mean squared error of pixels, the surprise at tokens, or the error of
    /// the noise that was guessed.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`, a whole multiple of the size that a mixture draws
    /// - `slots`: `[batch, slots, dim]`
    pub fn loss(&self, frames: Tensor<4>, slots: Tensor<3>, noise: &mut SeededRng) -> Tensor<1> {
        match self {
            Self::Mixture(mixture) => {
                let drawn = mixture.forward(slots).frames;
                let [_, _, height, width] = drawn.dims();
                mixture_loss(drawn, resample::shrunk(frames, [height, width]))
            }
            Self::Autoregressive(decoder) => decoder.loss(frames, slots),
            Self::Diffusion(diffusion) => {
                let latents = diffusion.encode(frames);
                let (times, drawn) = diffusion.draw(latents.dims()[0], noise);
                let drawn = Tensor::<1>::from_floats(drawn.as_slice(), &slots.device());
                let drawn = drawn.reshape(latents.dims());
                let latents = latents.to_device(&slots.device());
                diffusion.loss_of_latents(latents, &slots, &times, drawn)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::dvae::DvaeConfig;
    use crate::weights::{collect, load_into};

    fn all() -> [SlotDecoderConfig; 3] {
        let mixture = MixtureConfig {
            dim: 6,
            channels: vec![4, 4],
            start: [4, 4],
            resolution: [8, 8],
            ..MixtureConfig::default()
        };
        let tokens = AutoregressiveConfig {
            dim: 6,
            width: 8,
            resolution: [16, 16],
            layers: 1,
            heads: 2,
            dropout: 0.0,
            dvae: DvaeConfig {
                channels: 4,
                vocabulary: 5,
                ..DvaeConfig::default()
            },
        };
        let diffusion = latent_diffusion::tests::tiny();
        [
            SlotDecoderConfig::Mixture(mixture),
            SlotDecoderConfig::Autoregressive(tokens),
            SlotDecoderConfig::Diffusion(diffusion),
        ]
    }

    #[test]
    fn every_decoder_draws_slots_at_its_own_size_and_tells_its_best() {
        let device = Device::flex();
        for config in all() {
            let decoder = config.init(&mut Init::seeded(1, &device));
            let slots = SeededRng::new(1, &["slots"]).normal([2, 3, config.dim()], &device);
            let sampler = SamplerConfig {
                steps: 2,
                ..SamplerConfig::default()
            };
            let drawn = decoder.render(&slots, &SeededRng::new(2, &[]), &sampler, None);
            let [height, width] = config.resolution();
            assert_eq!(drawn.frames.dims(), [2, 3, height, width]);
            let mixture = config.kind() == SlotDecoderConfig::MIXTURE;
            assert_eq!(drawn.masks.is_some(), mixture);
            let best = decoder.ceiling(drawn.frames);
            assert_eq!(best.is_none(), mixture, "{}", config.kind());
        }
    }

    #[test]
    fn every_loss_reaches_the_slots() {
        let device = Device::flex().autodiff();
        for config in all() {
            let mut decoder = config.init(&mut Init::seeded(1, &device));
            if let SlotDecoder::Diffusion(diffusion) = &mut decoder {
                // A network that is not trained says zero, and nothing depends on its slots.
                let filled = collect(&*diffusion);
                let mut noise = SeededRng::new(5, &[]);
                let mut state = filled;
                for value in state.entries.values_mut() {
                    let count = value.shape.iter().product();
                    value.values = crate::weights::Values::F32(noise.normal_vec(count));
                }
                *diffusion = load_into(diffusion.clone(), state).unwrap();
            }
            let slots = SeededRng::new(1, &["slots"]).normal([2, 3, 6], &device);
            let slots = slots.require_grad();
            let frames = SeededRng::new(1, &["frames"]).normal([2, 3, 16, 16], &device);
            let loss = decoder.loss(frames, slots.clone(), &mut SeededRng::new(3, &[]));
            let gradient = slots.grad(&loss.backward()).unwrap();
            let moved = gradient.abs().sum().into_scalar::<f32>();
            assert!(moved.is_finite() && moved > 0.0, "{}", config.kind());
        }
    }
}
