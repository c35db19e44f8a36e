//! Slots → frames.
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
//! | `autoencoder_kl` | Rombach et al. 2022 §3.1 | diffusers `AutoencoderKL` |
//! | `latent_decoder` | what the two below have in common | |
//! | `stable_diffusion` | Rombach et al. 2022; with slots for text Jiang et al. 2023 (LSD) | diffusers `UNet2DConditionModel` |
//!
//! # Adding a decoder
//!
//! 1. `decoder/NAME.rs`: its configuration, its module, `init`, rendering and loss.
//! 2. `decoder/mod.rs`: its line above, and a variant of `SlotDecoderConfig` and `SlotDecoder`; the compiler names
//!    every match that it is missing in.
//! 3. `models/kind.rs`: the [`WeightsKind`] of its weights files.
//!
//! It is then rendered by runs, and read from weights files by the kind in their header. Training it is an objective of
//! its own; a checkpoint of an official class takes a table of names in `weights/keys`.

use burn::module::Module;
use burn::tensor::Tensor;
use serde_json::{Value, from_value};

use crate::models::WeightsKind;
use crate::rng::{Init, SeededRng};

use autoregressive::{Autoregressive, AutoregressiveConfig};
use latent_decoder::LatentDecoder;
use latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use mixture::{Mixture, MixtureConfig, mixture_loss};
use sampler::SamplerConfig;
use stable_diffusion::slots_as_text::{SlotStableDiffusion, SlotStableDiffusionConfig};

/// Spatial broadcast decoder.
pub mod mixture;

/// Up- and downsampling by two.
pub mod resample;

/// Frames ↔ a small grid of tokens.
pub mod dvae;

/// Transformer decoder over dVAE tokens.
pub mod autoregressive;

/// Frames ↔ a small grid of codes.
pub mod vqvae;

/// The convolutional halves of auto-encoders.
pub mod autoencoder;

/// Frames ↔ normal distributions of latents.
pub mod autoencoder_kl;

/// The denoising U-Net.
pub mod unet;

/// The diffusion process: schedule, target, loss.
pub mod diffusion;

pub mod sampler;

/// Loss and sampling of decoders in latents.
pub mod latent_decoder;

/// VQ-VAE, U-Net and sampler together.
pub mod latent_diffusion;

/// The U-Net in the latents of Stable Diffusion's auto-encoder.
pub mod stable_diffusion;

/// Which decoder, and its sizes.
#[derive(Debug, Clone, PartialEq)]
pub enum SlotDecoderConfig {
    /// Spatial broadcast: each slot by itself, blended by masks.
    Mixture(MixtureConfig),
    /// Autoregressive over dVAE tokens.
    Autoregressive(AutoregressiveConfig),
    /// Diffusion in the latents of a VQ-VAE.
    Diffusion(LatentDiffusionConfig),
    /// Stable Diffusion, with slots in place of text.
    StableDiffusion(SlotStableDiffusionConfig),
}

impl SlotDecoderConfig {
    /// Every kind of decoder.
    pub const KINDS: [WeightsKind; 4] = [
        WeightsKind::Mixture,
        WeightsKind::Autoregressive,
        WeightsKind::LatentDiffusion,
        WeightsKind::SlotStableDiffusion,
    ];

    /// The configuration in the header of a weights file of that kind; `None` where the kind is no decoder.
    ///
    /// # Errors
    /// The inner result is an error where the configuration does not parse.
    pub fn parse(kind: WeightsKind, config: Value) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            WeightsKind::Mixture => from_value(config).map(Self::Mixture),
            WeightsKind::Autoregressive => from_value(config).map(Self::Autoregressive),
            WeightsKind::LatentDiffusion => from_value(config).map(Self::Diffusion),
            WeightsKind::SlotStableDiffusion => from_value(config).map(Self::StableDiffusion),
            _ => return None,
        })
    }

    /// Kind of its weights files.
    pub fn kind(&self) -> WeightsKind {
        match self {
            Self::Mixture(_) => WeightsKind::Mixture,
            Self::Autoregressive(_) => WeightsKind::Autoregressive,
            Self::Diffusion(_) => WeightsKind::LatentDiffusion,
            Self::StableDiffusion(_) => WeightsKind::SlotStableDiffusion,
        }
    }

    /// Width of a slot.
    pub fn dim(&self) -> usize {
        match self {
            Self::Mixture(config) => config.dim,
            Self::Autoregressive(config) => config.dim,
            Self::Diffusion(config) => config.unet.context,
            Self::StableDiffusion(config) => config.dim,
        }
    }

    /// Height and width of rendered frames, pixels.
    pub fn resolution(&self) -> [usize; 2] {
        match self {
            Self::Mixture(config) => config.resolution,
            Self::Autoregressive(config) => config.resolution,
            Self::Diffusion(config) => config.resolution,
            Self::StableDiffusion(config) => config.model.resolution,
        }
    }

    /// A decoder with its initial parameters.
    pub fn init(&self, init: &mut Init) -> SlotDecoder {
        match self {
            Self::Mixture(config) => SlotDecoder::Mixture(config.init(init)),
            Self::Autoregressive(config) => SlotDecoder::Autoregressive(config.init(init)),
            Self::Diffusion(config) => SlotDecoder::Diffusion(config.init(init)),
            Self::StableDiffusion(config) => SlotDecoder::StableDiffusion(config.init(init)),
        }
    }

    /// Times of the noise schedule that it was trained on; `None` of a decoder that is not sampled.
    pub fn timesteps(&self) -> Option<usize> {
        match self {
            Self::Mixture(_) | Self::Autoregressive(_) => None,
            Self::Diffusion(config) => Some(config.diffusion.timesteps),
            Self::StableDiffusion(config) => Some(config.model.diffusion.timesteps),
        }
    }

    /// Whether it has a null token, so that a sampler's `guidance` may differ from one.
    pub fn knows_guidance(&self) -> bool {
        matches!(self, Self::StableDiffusion(config) if config.null_token)
    }
}

/// A network that renders frames from slots.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program holds one decoder, not many"
)]
pub enum SlotDecoder {
    /// Spatial broadcast: each slot by itself, blended by masks.
    Mixture(Mixture),
    /// Autoregressive over dVAE tokens.
    Autoregressive(Autoregressive),
    /// Diffusion in the latents of a VQ-VAE.
    Diffusion(LatentDiffusion),
    /// Stable Diffusion, with slots in place of text.
    StableDiffusion(SlotStableDiffusion),
}

/// Rendered frames.
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
    /// The same `rng` gives the same frame for the same slots, whatever else is in the batch;
    /// only diffusion uses it, `sampler`, and the `init_image` to start from.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `init_image`: `[1, rgb, height, width]`
    pub fn render(
        &self,
        slots: &Tensor<3>,
        rng: &SeededRng,
        sampler: &SamplerConfig,
        init_image: Option<Tensor<4>>,
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
                frames: diffusion.render(slots, rng, sampler, init_image),
                masks: None,
            },
            Self::StableDiffusion(diffusion) => Rendered {
                frames: diffusion.render(slots, rng, sampler, init_image),
                masks: None,
            },
        }
    }

    /// Whether rendering samples random numbers.
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Diffusion(_) | Self::StableDiffusion(_))
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
            Self::StableDiffusion(diffusion) => Some(diffusion.decode(diffusion.encode(frames))),
        }
    }

    /// Its training loss: mean squared error of pixels (mixture), cross-entropy of tokens (autoregressive), or mean
    /// squared error of the predicted noise (diffusion).
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`, a whole multiple of the size that a mixture draws
    /// - `slots`: `[batch, slots, dim]`
    pub fn loss(&self, frames: Tensor<4>, slots: Tensor<3>, rng: &mut SeededRng) -> Tensor<1> {
        match self {
            Self::Mixture(mixture) => {
                let drawn = mixture.forward(slots).frames;
                let [_, _, height, width] = drawn.dims();
                mixture_loss(drawn, resample::shrunk(frames, [height, width]))
            }
            Self::Autoregressive(decoder) => decoder.loss(frames, slots),
            Self::Diffusion(diffusion) => diffusion.loss(frames, &slots, rng),
            Self::StableDiffusion(diffusion) => diffusion.loss(frames, &slots, rng),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::decoder::dvae::DvaeConfig;
    use crate::weights::{collect, load_into};

    /// A small decoder of every kind.
    pub(crate) fn every_kind() -> [SlotDecoderConfig; 4] {
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
            SlotDecoderConfig::StableDiffusion(SlotStableDiffusionConfig {
                dim: 6,
                registers: 2,
                null_token: true,
                model: stable_diffusion::tests::tiny(),
            }),
        ]
    }

    #[test]
    fn every_decoder_draws_slots_at_its_own_size_and_tells_its_best() {
        let device = Device::flex();
        for config in every_kind() {
            let decoder = config.init(&mut Init::seeded(1, &device));
            let slots = SeededRng::new(1, &["slots"]).normal([2, 3, config.dim()], &device);
            let sampler = SamplerConfig {
                steps: 2,
                ..SamplerConfig::default()
            };
            let drawn = decoder.render(&slots, &SeededRng::new(2, &[]), &sampler, None);
            let [height, width] = config.resolution();
            assert_eq!(drawn.frames.dims(), [2, 3, height, width]);
            let mixture = config.kind() == WeightsKind::Mixture;
            assert_eq!(drawn.masks.is_some(), mixture);
            let best = decoder.ceiling(drawn.frames);
            assert_eq!(best.is_none(), mixture, "{}", config.kind());
        }
    }

    #[test]
    fn every_loss_reaches_the_slots() {
        let device = Device::flex().autodiff();
        for config in every_kind() {
            let mut decoder = config.init(&mut Init::seeded(1, &device));
            if decoder.is_random() {
                // A network that is not trained says zero, and nothing depends on its slots.
                let mut noise = SeededRng::new(5, &[]);
                let mut state = collect(&decoder);
                for value in state.entries.values_mut() {
                    let count = value.shape.iter().product();
                    value.values = crate::weights::Values::F32(noise.normal_vec(count));
                }
                decoder = load_into(decoder, state).unwrap();
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
